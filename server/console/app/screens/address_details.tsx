/** What is known of the address that is chosen in the grid, or under the pointer. @module */

import type { VNode } from "preact";
import type { Network } from "../api/objects.ts";
import type { Grid } from "../api/queries.ts";
import { t } from "../i18n.ts";
import { pathOf } from "../router.tsx";
import { Facts, Find, HolderLink, NodeLink, StateMark, Time, WorkloadLink } from "../ui/bits.tsx";
import { placesOf } from "./address_grid.tsx";
import { AddressActions } from "./address_actions.tsx";

export function AddressDetails(
  { network, grid, address }: {
    readonly network: Network;
    readonly grid: Grid;
    readonly address: string | undefined;
  },
): VNode {
  const { name } = network.metadata;
  const found = address === undefined
    ? undefined
    : placesOf(grid).find((one) => one.address === address);
  if (found === undefined) {
    return (
      <aside class="details hint-only" aria-label={t("details.title")}>
        <p class="faint">{t("details.hint")}</p>
      </aside>
    );
  }
  const { mark, cell } = found;
  const holder = cell?.holder;
  const owner = cell?.owner;
  const to = `${pathOf("addresses", found.address)}?network=${encodeURIComponent(name)}`;
  return (
    <aside class="details" aria-label={t("details.title")} aria-live="polite">
      <h2 class="mono">
        <a href={to}>{found.address}</a>
      </h2>
      <StateMark mark={mark} />
      <p class="faint small">{t(`about.${mark}`)}</p>
      <Facts
        rows={[
          holder === undefined ? undefined : [
            holder.pod === undefined ? t("field.container") : t("field.pod"),
            <HolderLink key="pod" holder={holder} />,
          ],
          holder === undefined ? undefined : [
            t("field.node"),
            <span key="node">
              <NodeLink cluster={holder.cluster} node={holder.node} />, {holder.ifname}
            </span>,
          ],
          owner === undefined ? undefined : [
            t("field.owner"),
            <span key="owner">
              <WorkloadLink owner={owner} />, {t("fixed.slot", { slot: owner.slot })}
            </span>,
          ],
          cell?.reason === undefined ? undefined : [t("field.reason"), cell.reason],
          cell?.mac === undefined ? undefined : ["MAC", <Find key="mac" what={cell.mac} />],
          cell === undefined ? undefined : [t("field.since"), <Time key="at" at={cell.since} />],
        ]}
      />
      <p class="links">
        <a href={to}>{t("details.life")}</a>
      </p>
      <AddressActions target={{ network: name, address: found.address, mark, cell }} />
    </aside>
  );
}
