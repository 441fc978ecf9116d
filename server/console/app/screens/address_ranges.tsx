/** What a network hands out, what it keeps back, and the runs that are free. @module */

import type { VNode } from "preact";
import { useLoad } from "../api/load.ts";
import type { Network } from "../api/objects.ts";
import { type FreeRange, readFree } from "../api/queries.ts";
import { formatCount } from "../format.ts";
import { t } from "../i18n.ts";
import { Facts, Ip } from "../ui/bits.tsx";
import { Empty, Ready } from "../ui/states.tsx";
import { Table } from "../ui/table.tsx";

export function AddressRanges({ network }: { readonly network: Network }): VNode {
  const { name } = network.metadata;
  const loaded = useLoad(`free ${name}`, (aborted) => readFree(name, aborted));
  return (
    <div class="columns">
      <section>
        <h2>{t("ranges.free")}</h2>
        <Ready loaded={loaded}>
          {(ranges) =>
            ranges.length === 0
              ? <Empty icon="grid" title={t("ranges.none")} text={t("ranges.noneText")} />
              : <FreeTable network={name} ranges={ranges} />}
        </Ready>
      </section>
      <aside>
        {network.spec.subnets.map((subnet) => (
          <section key={subnet.cidr}>
            <h2 class="mono">{subnet.cidr}</h2>
            <Facts
              rows={[
                subnet.gateway === undefined ? undefined : [
                  t("field.gateway"),
                  <span class="mono" key="gateway">{subnet.gateway}</span>,
                ],
                [
                  t("field.ranges"),
                  <Lines key="ranges" lines={subnet.ranges ?? [t("ranges.all")]} />,
                ],
                [t("field.exclude"), <Lines key="not" lines={subnet.exclude ?? ["–"]} />],
              ]}
            />
          </section>
        ))}
      </aside>
    </div>
  );
}

function Lines({ lines }: { readonly lines: readonly string[] }): VNode {
  return <span class="mono lines">{lines.join("\n")}</span>;
}

function FreeTable(
  { network, ranges }: { readonly network: string; readonly ranges: readonly FreeRange[] },
): VNode {
  return (
    <Table
      label={t("ranges.free")}
      columns={[
        {
          key: "first",
          title: t("ranges.first"),
          width: "minmax(140px, 1fr)",
          phone: "minmax(0, 1fr)",
          cell: ({ first }) => <Ip address={first} network={network} />,
        },
        {
          key: "last",
          title: t("ranges.last"),
          width: "minmax(140px, 1fr)",
          phone: "minmax(0, 1fr)",
          cell: ({ last }) => <Ip address={last} network={network} />,
        },
        {
          key: "size",
          title: t("ranges.size"),
          width: "120px",
          phone: "72px",
          align: "end",
          cell: ({ size }) => <span class="number">{formatCount(BigInt(size))}</span>,
        },
      ]}
      rows={ranges}
      keyOf={({ first }) => first}
    />
  );
}
