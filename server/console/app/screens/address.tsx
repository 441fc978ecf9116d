/** The life of one address: who has it, and who had it, newest first. @module */

import type { VNode } from "preact";
import { useLive } from "../api/live.ts";
import { useLoad } from "../api/load.ts";
import { askPage, type HistoryItem, HistorySchema } from "../api/objects.ts";
import { type Grid, type Hit, readGrid, search } from "../api/queries.ts";
import { clock, formatDuration } from "../format.ts";
import { t } from "../i18n.ts";
import { pathOf, place, setQuery } from "../router.tsx";
import { PageHead } from "../shell.tsx";
import {
  ExactTime,
  Facts,
  Find,
  HolderLink,
  NetworkLink,
  NodeLink,
  StateMark,
  Time,
  WorkloadLink,
} from "../ui/bits.tsx";
import { Empty, Ready } from "../ui/states.tsx";
import { Field } from "../ui/field.tsx";
import { AddressActions } from "./address_actions.tsx";
import { placesOf } from "./address_grid.tsx";
import { parseAddressText } from "./search_words.ts";

export function AddressScreen({ address }: { readonly address: string }): VNode {
  const canonical = parseAddressText(address);
  if (canonical === undefined) {
    return (
      <>
        <PageHead title={address} back={["/networks", t("networks.title")]} />
        <Empty icon="warn" title={t("address.wrong")} text={t("address.wrongText", { address })} />
      </>
    );
  }
  return <Life address={canonical} />;
}

function Life({ address }: { readonly address: string }): VNode {
  const network = place.value.query.get("network") ?? undefined;
  const where = useLoad(`where ${address}`, (aborted) => search(address, aborted));
  const history = useLoad(
    `life ${address}`,
    (signal) => askPage("/history", HistorySchema, { query: { address, limit: 5000 }, signal }),
  );
  useLive({
    kinds: ["addresses", "history"],
    network,
    onChange: ({ key }) => {
      void key;
      where.reload();
      history.reload();
    },
    onLost: () => {
      where.reload();
      history.reload();
    },
  });
  return (
    <>
      <PageHead
        title={<span class="mono">{address}</span>}
        back={["/networks", t("networks.title")]}
      />
      <div class="columns">
        <section>
          <h2>{t("address.life")}</h2>
          <Ready loaded={history}>
            {({ items }) => <Timeline items={items.toSorted(newestFirst)} network={network} />}
          </Ready>
        </section>
        <aside>
          <Ready loaded={where} rows={5}>
            {(hits) => {
              const own = hits.filter((hit) => network === undefined || hit.network === network);
              return own.length === 0
                ? <p class="faint">{t("address.nowhere")}</p>
                : own.map((hit) => <Now key={hit.name} hit={hit} address={address} />);
            }}
          </Ready>
        </aside>
      </div>
    </>
  );
}

function newestFirst(a: HistoryItem, b: HistoryItem): number {
  return (b.spec.startRevision ?? 0) - (a.spec.startRevision ?? 0);
}

/** How it stands in one network. */
function Now({ hit, address }: { readonly hit: Hit; readonly address: string }): VNode {
  const { network = "" } = hit;
  const grid = useLoad(
    `grid ${network} ${address}`,
    (aborted) => readGrid(network, address, aborted),
  );
  return (
    <section>
      <h2>
        <NetworkLink name={network} />
      </h2>
      <Ready loaded={grid} rows={4}>
        {(value) => <NowIn grid={value} network={network} address={address} onDone={grid.reload} />}
      </Ready>
    </section>
  );
}

function NowIn(
  { grid, network, address, onDone }: {
    readonly grid: Grid;
    readonly network: string;
    readonly address: string;
    readonly onDone: () => void;
  },
): VNode | null {
  const found = placesOf(grid).find((one) => one.address === address);
  if (found === undefined) return null;
  const { mark, cell } = found;
  return (
    <>
      <StateMark mark={mark} />
      <Facts
        rows={[
          cell?.holder === undefined
            ? undefined
            : [t("field.holder"), <HolderLink key="h" holder={cell.holder} />],
          cell?.holder === undefined ? undefined : [
            t("field.node"),
            <NodeLink key="n" cluster={cell.holder.cluster} node={cell.holder.node} />,
          ],
          cell?.owner === undefined
            ? undefined
            : [t("field.owner"), <WorkloadLink key="o" owner={cell.owner} />],
          cell?.reason === undefined ? undefined : [t("field.reason"), cell.reason],
          cell?.mac === undefined ? undefined : ["MAC", <Find key="m" what={cell.mac} />],
          cell === undefined ? undefined : [t("field.since"), <Time key="t" at={cell.since} />],
        ]}
      />
      <p class="links">
        <a href={`${pathOf("networks", network, "addresses")}?at=${address}&sel=${address}`}>
          {t("address.inGrid")}
        </a>
      </p>
      <AddressActions target={{ network, address, mark, cell }} onDone={onDone} />
    </>
  );
}

function Timeline(
  { items, network }: {
    readonly items: readonly HistoryItem[];
    readonly network: string | undefined;
  },
): VNode {
  const { query } = place.value;
  const at = query.get("at") ?? "";
  const moment = at === "" ? undefined : new Date(at).getTime();
  const own = items.filter(({ spec }) => network === undefined || spec.network.name === network);
  if (own.length === 0) {
    return <Empty icon="audit" title={t("address.never")} text={t("address.neverText")} />;
  }
  return (
    <>
      <div class="who-then">
        <Field
          label={t("address.whoThen")}
          type="datetime-local"
          value={at}
          onInput={(next) => setQuery({ at: next })}
          hint={t("address.whoThenHint")}
        />
      </div>
      <ol class="timeline">
        {own.map((item) => <Interval key={item.spec.id} item={item} moment={moment} />)}
      </ol>
    </>
  );
}

function Interval(
  { item, moment }: { readonly item: HistoryItem; readonly moment: number | undefined },
): VNode {
  const { holder, owner, start, end, endedBy, mac, network, disputed } = item.spec;
  const from = new Date(start).getTime();
  const until = end === undefined ? clock.value : new Date(end).getTime();
  const hit = moment !== undefined && from <= moment && moment <= until;
  return (
    <li class={`${end === undefined ? "now" : ""}${hit ? " hit" : ""}`}>
      <div class="when">
        <ExactTime at={start} />
        <span class="faint">
          {end === undefined ? t("history.now") : <ExactTime at={end} />}
        </span>
      </div>
      <div class="what">
        <strong>
          <HolderLink holder={holder} />
        </strong>{" "}
        {hit ? <span class="tag accent">{t("address.hit")}</span> : null}
        <div class="soft">
          <NodeLink cluster={holder.cluster} node={holder.node} />, {holder.ifname}
          {owner === undefined ? null : (
            <>
              {" · "}
              <WorkloadLink owner={owner} />
            </>
          )}
          {mac === undefined ? null : (
            <>
              {" · "}
              <Find what={mac} />
            </>
          )}
          {" · "}
          <NetworkLink name={network.name} />
        </div>
        <div class="faint small">
          {t("address.lasted", { time: formatDuration(until - from) })}
          {endedBy === undefined ? "" : ` · ${t("address.endedBy", { how: endedBy })}`}
          {disputed === undefined ? "" : ` · ${t("address.disputed")}`}
        </div>
      </div>
    </li>
  );
}
