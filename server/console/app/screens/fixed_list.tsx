/** Addresses that belong to workloads: who, which slot, held by whom. @module */

import type { VNode } from "preact";
import { useMemo, useState } from "preact/hooks";
import { useLive } from "../api/live.ts";
import { useLoad, useThrottled } from "../api/load.ts";
import { askAll, type OwnerItem, OwnerSchema } from "../api/objects.ts";
import { t } from "../i18n.ts";
import { place, setQuery } from "../router.tsx";
import { may } from "../session.ts";
import {
  Button,
  FilterBox,
  HolderLink,
  holderName,
  Ip,
  NetworkLink,
  NodeLink,
  Tag,
  Time,
  WorkloadLink,
  workloadName,
} from "../ui/bits.tsx";
import { Empty, Ready } from "../ui/states.tsx";
import { type Column, formatSort, parseSort, type Sort, Table } from "../ui/table.tsx";
import { askUnfix } from "./address_actions.tsx";
import { FixDialog } from "./fix_dialog.tsx";
import { MoveDialog } from "./move_dialog.tsx";

/** One address of one slot. */
interface Row {
  readonly item: OwnerItem;
  readonly address: string;
  readonly stage: "next" | "leaving" | undefined;
}

const BY_WORKLOAD: Sort = { key: "workload", descending: false };

export function FixedList({ network }: { readonly network?: string }): VNode {
  const loaded = useLoad(
    `owners ${network ?? ""}`,
    (signal) => askAll("/owners", OwnerSchema, { query: { network }, signal }),
  );
  const again = useThrottled(loaded.reload, 800);
  useLive({ kinds: ["owners"], network, onChange: again, onLost: loaded.reload });
  const [fixing, setFixing] = useState(false);
  const button = may("operator")
    ? <Button icon="plus" look="main" onClick={() => setFixing(true)}>{t("fixed.add")}</Button>
    : null;
  return (
    <>
      <Ready loaded={loaded}>
        {(items) =>
          items.length === 0
            ? (
              <Empty icon="fixed" title={t("fixed.none")} text={t("fixed.noneText")}>
                {button}
              </Empty>
            )
            : <List items={items} network={network} button={button} />}
      </Ready>
      {fixing
        ? (
          <FixDialog
            network={network ?? ""}
            address=""
            onClose={() => setFixing(false)}
            onDone={loaded.reload}
          />
        )
        : null}
    </>
  );
}

function List(
  { items, network, button }: {
    readonly items: readonly OwnerItem[];
    readonly network: string | undefined;
    readonly button: VNode | null;
  },
): VNode {
  const { query } = place.value;
  const text = (query.get("q") ?? "").trim().toLowerCase();
  const sort = parseSort(query.get("sort"), BY_WORKLOAD);
  const [moving, setMoving] = useState<Row>();
  const rows = useMemo(() => {
    const all = items.flatMap((item) =>
      item.spec.addresses.map(({ address, stage }): Row => ({ item, address, stage }))
    );
    const fitting = text === "" ? all : all.filter((row) => wordsOf(row).includes(text));
    const sign = sort.descending ? -1 : 1;
    const value = COMPARED[sort.key] ?? wordsOf;
    return fitting.toSorted((a, b) =>
      sign * value(a).localeCompare(value(b), "en", { numeric: true })
    );
  }, [items, text, sort.key, sort.descending]);
  return (
    <div class="stack">
      <div class="tools">
        <FilterBox
          value={query.get("q") ?? ""}
          label={t("fixed.filter")}
          onInput={(q) => setQuery({ q })}
        />
        <span class="faint">
          {t("fixed.count", {
            slots: new Set(rows.map(({ item }) => item.metadata.name)).size,
            addresses: rows.length,
          })}
        </span>
        <span class="space" />
        {button}
      </div>
      {rows.length === 0
        ? <Empty icon="search" title={t("filter.none")} text={t("filter.noneText", { text })} />
        : (
          <Table
            label={t("rail.fixed")}
            columns={columns(network !== undefined, setMoving)}
            rows={rows}
            keyOf={({ item, address }) => `${item.metadata.name} ${address}`}
            sort={sort}
            onSort={(next) => setQuery({ sort: formatSort(next) })}
          />
        )}
      {moving === undefined ? null : (
        <MoveDialog
          network={moving.item.spec.network.name}
          owner={moving.item.spec.owner}
          from={moving.address}
          onClose={() => setMoving(undefined)}
        />
      )}
    </div>
  );
}

function wordsOf({ item, address }: Row): string {
  const { owner, network, holder, tenant } = item.spec;
  const held = holder === undefined ? "" : `${holderName(holder)} ${holder.node}`;
  return `${workloadName(owner)} ${owner.slot} ${network.name} ${address} ${held} ${tenant ?? ""}`
    .toLowerCase();
}

const COMPARED: Readonly<Record<string, (row: Row) => string>> = {
  network: ({ item }) => item.spec.network.name,
  address: ({ address }) => address,
  holder: ({ item }) => item.spec.holder === undefined ? "~" : holderName(item.spec.holder),
  since: ({ item }) => item.spec.since,
};

/** `next` and `leaving` are told, since they surprise. */
function Stage({ row }: { readonly row: Row }): VNode {
  const { holder } = row.item.spec;
  if (row.stage === "next") return <Tag look="accent">{t("fixed.next")}</Tag>;
  if (row.stage === "leaving") return <Tag look="warn">{t("fixed.leaving")}</Tag>;
  if (holder === undefined) return <Tag>{t("state.waiting")}</Tag>;
  return <Tag look="good">{t("fixed.held")}</Tag>;
}

function columns(
  inNetwork: boolean,
  onMove: (row: Row) => void,
): readonly Column<Row>[] {
  const all: readonly Column<Row>[] = [
    {
      key: "workload",
      title: t("fixed.workload"),
      width: "minmax(150px, 2fr)",
      phone: "minmax(0, 1.3fr)",
      sortable: true,
      cell: ({ item }) => <WorkloadLink owner={item.spec.owner} />,
    },
    {
      key: "slot",
      title: t("fix.slot"),
      width: "44px",
      from: 700,
      align: "end",
      cell: ({ item }) => <span class="mono">{item.spec.owner.slot}</span>,
    },
    {
      key: "network",
      title: t("field.network"),
      width: "minmax(84px, 1fr)",
      from: 960,
      sortable: true,
      cell: ({ item }) => <NetworkLink name={item.spec.network.name} />,
    },
    {
      key: "address",
      title: t("field.address"),
      width: "minmax(130px, 1.5fr)",
      phone: "minmax(0, 1fr)",
      sortable: true,
      cell: ({ item, address }) => <Ip address={address} network={item.spec.network.name} />,
    },
    { key: "state", title: t("field.state"), width: "104px", cell: (row) => <Stage row={row} /> },
    {
      key: "holder",
      title: t("field.holder"),
      width: "minmax(120px, 1.4fr)",
      from: 1000,
      sortable: true,
      cell: ({ item }) =>
        item.spec.holder === undefined
          ? <span class="faint">–</span>
          : <HolderLink holder={item.spec.holder} />,
    },
    {
      key: "node",
      title: t("field.node"),
      width: "minmax(66px, 0.8fr)",
      from: 1100,
      cell: ({ item: { spec: { holder } } }) =>
        holder === undefined ? "" : <NodeLink cluster={holder.cluster} node={holder.node} />,
    },
    {
      key: "since",
      title: t("field.since"),
      width: "84px",
      from: 1280,
      align: "end",
      sortable: true,
      cell: ({ item }) => <Time at={item.spec.since} />,
    },
    {
      key: "actions",
      title: "",
      width: "68px",
      phone: "76px",
      align: "end",
      cell: (row) => <RowActions row={row} onMove={onMove} />,
    },
  ];
  return inNetwork ? all.filter(({ key }) => key !== "network") : all;
}

function RowActions(
  { row, onMove }: { readonly row: Row; readonly onMove: (row: Row) => void },
): VNode | null {
  if (!may("operator") || row.stage === "leaving") return null;
  const { network, owner } = row.item.spec;
  const { address } = row;
  return (
    <span class="row-actions">
      <Button
        look="quiet"
        icon="edit"
        label={t("fixed.moveOf", { address })}
        onClick={() => onMove(row)}
      />
      <Button
        look="quiet"
        icon="trash"
        label={t("fixed.unfixOf", { address })}
        onClick={() => askUnfix({ network: network.name, owner, address })}
      />
    </span>
  );
}
