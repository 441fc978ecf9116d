/** Who had addresses of a network, newest first. @module */

import type { VNode } from "preact";
import { useLoad } from "../api/load.ts";
import { askPage, type HistoryItem, HistorySchema } from "../api/objects.ts";
import { t } from "../i18n.ts";
import { may } from "../session.ts";
import { ExactTime, HolderLink, Ip, NodeLink, Time } from "../ui/bits.tsx";
import { Empty, Ready } from "../ui/states.tsx";
import { type Column, Table } from "../ui/table.tsx";

export function HistoryTab({ network }: { readonly network: string }): VNode {
  const loaded = useLoad(
    `history ${network}`,
    (signal) => askPage("/history", HistorySchema, { query: { network, limit: 5000 }, signal }),
  );
  return (
    <Ready loaded={loaded}>
      {({ items, next }) =>
        items.length === 0
          ? <Empty icon="audit" title={t("history.none")} text={t("history.noneText")} />
          : (
            <div class="stack">
              {may("admin")
                ? (
                  <p>
                    <a href={`/audit?q=${encodeURIComponent(`Network ${network}`)}`}>
                      {t("history.changes")}
                    </a>
                  </p>
                )
                : null}
              {next === undefined
                ? null
                : <p class="hint">{t("history.first", { count: items.length })}</p>}
              <Table
                label={t("network.history")}
                columns={COLUMNS()}
                rows={items.toSorted(newestFirst)}
                keyOf={({ spec }) => spec.id}
              />
            </div>
          )}
    </Ready>
  );
}

function newestFirst(a: HistoryItem, b: HistoryItem): number {
  return a.spec.start < b.spec.start ? 1 : -1;
}

/** Columns of intervals; also of one address's life. */
export function COLUMNS(): readonly Column<HistoryItem>[] {
  return [
    {
      key: "address",
      title: t("field.address"),
      width: "minmax(140px, 1.5fr)",
      phone: "minmax(0, 1fr)",
      cell: ({ spec }) => <Ip address={spec.address} network={spec.network.name} />,
    },
    {
      key: "holder",
      title: t("field.holder"),
      width: "minmax(160px, 2fr)",
      phone: "minmax(0, 1.4fr)",
      cell: ({ spec }) => <HolderLink holder={spec.holder} />,
    },
    {
      key: "node",
      title: t("field.node"),
      width: "minmax(90px, 1fr)",
      from: 960,
      cell: ({ spec }) => <NodeLink cluster={spec.holder.cluster} node={spec.holder.node} />,
    },
    {
      key: "mac",
      title: "MAC",
      width: "128px",
      from: 1200,
      cell: ({ spec }) => <span class="mono">{spec.mac}</span>,
    },
    {
      key: "start",
      title: t("field.from"),
      width: "148px",
      cell: ({ spec }) => <ExactTime at={spec.start} />,
    },
    {
      key: "end",
      title: t("field.until"),
      width: "148px",
      cell: ({ spec }) =>
        spec.end === undefined
          ? <span class="good-text">{t("history.now")}</span>
          : <ExactTime at={spec.end} />,
    },
    {
      key: "why",
      title: t("field.endedBy"),
      width: "76px",
      from: 1240,
      cell: ({ spec }) => spec.endedBy ?? "",
    },
    {
      key: "age",
      title: "",
      width: "0px",
      phone: "72px",
      cell: ({ spec }) => <Time at={spec.start} />,
    },
  ];
}
