/** Every address of a network that has a record, one row each. @module */

import type { VNode } from "preact";
import { useMemo, useState } from "preact/hooks";
import { addressToHex, parseAddress } from "../../../../mod/ip/address.ts";
import { useLive } from "../api/live.ts";
import { useLoad } from "../api/load.ts";
import { type AddressItem, AddressSchema, askAll } from "../api/objects.ts";
import { formatCount } from "../format.ts";
import { t } from "../i18n.ts";
import { place, setQuery } from "../router.tsx";
import {
  FilterBox,
  Find,
  HolderLink,
  holderName,
  Ip,
  NodeLink,
  StateMark,
  Time,
  WorkloadLink,
} from "../ui/bits.tsx";
import type { Mark } from "../ui/icon.tsx";
import { Empty, Ready } from "../ui/states.tsx";
import { type Column, formatSort, parseSort, type Sort, Table } from "../ui/table.tsx";
import * as v from "valibot";

const FIELDS = [
  "metadata.name",
  "spec.network",
  "spec.address",
  "spec.state",
  "spec.id",
  "spec.owner",
  "spec.holder",
  "spec.mac",
  "spec.reason",
  "spec.since",
].join();

/** How the address of a record stands. */
export function markOf({ spec }: AddressItem): Mark {
  if (spec.state === "reserved") return "reserved";
  if (spec.owner === undefined) return "used";
  return spec.holder === undefined ? "waiting" : "fixed";
}

export function AddressList({ network }: { readonly network: string }): VNode {
  const [partial, setPartial] = useState<readonly AddressItem[]>();
  const loaded = useLoad(
    `addresses ${network}`,
    (signal) =>
      askAll("/addresses", AddressSchema, {
        query: { network, fields: FIELDS },
        signal,
        onPage: setPartial,
      }),
  );
  useLive({
    kinds: ["addresses"],
    network,
    onChange: ({ type, object }) => {
      const parsed = v.safeParse(AddressSchema, object);
      if (!parsed.success) return loaded.reload();
      const item = parsed.output;
      loaded.put((items) => {
        const others = items.filter(({ spec }) => spec.address !== item.spec.address);
        return type === "deleted" ? others : [...others, item];
      });
    },
    onLost: loaded.reload,
  });
  const early = loaded.value === undefined && partial !== undefined
    ? { ...loaded, value: partial }
    : loaded;
  return <Ready loaded={early}>{(items) => <List items={items} />}</Ready>;
}

const BY_ADDRESS: Sort = { key: "address", descending: false };

function List({ items }: { readonly items: readonly AddressItem[] }): VNode {
  const { query } = place.value;
  const text = (query.get("q") ?? "").trim().toLowerCase();
  const sort = parseSort(query.get("sort"), BY_ADDRESS);
  const keyed = useMemo(
    () =>
      items.map((item) => {
        const address = parseAddress(item.spec.address);
        return { item, key: `${address.family}${addressToHex(address)}`, words: wordsOf(item) };
      }),
    [items],
  );
  const rows = useMemo(() => {
    const fitting = text === "" ? keyed : keyed.filter(({ words }) => words.includes(text));
    const sign = sort.descending ? -1 : 1;
    const value = (row: typeof keyed[number]): string =>
      sort.key === "address" ? row.key : COMPARED[sort.key]?.(row.item) ?? "";
    return fitting.toSorted((a, b) => {
      const one = value(a);
      const other = value(b);
      return one === other ? (a.key < b.key ? -1 : 1) : one < other ? -sign : sign;
    }).map(({ item }) => item);
  }, [keyed, text, sort.key, sort.descending]);
  if (items.length === 0) {
    return <Empty icon="list" title={t("addresses.none")} text={t("addresses.noneText")} />;
  }
  return (
    <div class="stack">
      <div class="tools">
        <FilterBox
          value={query.get("q") ?? ""}
          label={t("addresses.filter")}
          onInput={(q) => setQuery({ q })}
        />
        <span class="faint">
          {t("addresses.shown", {
            count: formatCount(rows.length),
            all: formatCount(items.length),
          })}
        </span>
      </div>
      <Table
        label={t("network.addresses")}
        columns={columns()}
        rows={rows}
        keyOf={({ spec }) => spec.address}
        sort={sort}
        onSort={(next) => setQuery({ sort: formatSort(next) })}
      />
    </div>
  );
}

function wordsOf({ spec }: AddressItem): string {
  const { address, state, holder, owner, mac, reason } = spec;
  return [
    address,
    state,
    mac,
    reason,
    holder === undefined ? "" : `${holderName(holder)} ${holder.node}`,
    owner === undefined ? "" : `${owner.kind} ${owner.namespace}/${owner.name}`,
  ].join(" ").toLowerCase();
}

const COMPARED: Readonly<Record<string, (item: AddressItem) => string>> = {
  state: markOf,
  holder: ({ spec }) => spec.holder === undefined ? "~" : holderName(spec.holder),
  node: ({ spec }) => spec.holder?.node ?? "~",
  owner: ({ spec }) =>
    spec.owner === undefined ? "~" : `${spec.owner.namespace}/${spec.owner.name}`,
  since: ({ spec }) => spec.since,
};

function columns(): readonly Column<AddressItem>[] {
  return [
    {
      key: "address",
      title: t("field.address"),
      width: "minmax(130px, 1fr)",
      phone: "minmax(0, 1fr)",
      sortable: true,
      cell: ({ spec }) => <Ip address={spec.address} network={spec.network} />,
    },
    {
      key: "state",
      title: t("field.state"),
      width: "120px",
      phone: "112px",
      sortable: true,
      cell: (item) => <StateMark mark={markOf(item)} />,
    },
    {
      key: "holder",
      title: t("field.holder"),
      width: "minmax(150px, 2fr)",
      phone: "minmax(0, 1.2fr)",
      sortable: true,
      cell: ({ spec }) =>
        spec.holder === undefined
          ? <span class="faint clip">{spec.reason ?? ""}</span>
          : <HolderLink holder={spec.holder} />,
    },
    {
      key: "node",
      title: t("field.node"),
      width: "minmax(90px, 1fr)",
      from: 900,
      sortable: true,
      cell: ({ spec }) =>
        spec.holder === undefined
          ? ""
          : <NodeLink cluster={spec.holder.cluster} node={spec.holder.node} />,
    },
    {
      key: "owner",
      title: t("field.owner"),
      width: "minmax(150px, 1.6fr)",
      from: 1100,
      sortable: true,
      cell: ({ spec }) => spec.owner === undefined ? "" : <WorkloadLink owner={spec.owner} />,
    },
    {
      key: "mac",
      title: "MAC",
      width: "132px",
      from: 1240,
      cell: ({ spec }) => spec.mac === undefined ? "" : <Find what={spec.mac} />,
    },
    {
      key: "since",
      title: t("field.since"),
      width: "96px",
      from: 1000,
      align: "end",
      sortable: true,
      cell: ({ spec }) => <Time at={spec.since} />,
    },
  ];
}
