/** Zones with their nodes. @module */

import type { VNode } from "preact";
import { useMemo, useState } from "preact/hooks";
import * as v from "valibot";
import { useLive } from "../api/live.ts";
import { useLoad, useThrottled } from "../api/load.ts";
import {
  askAll,
  type Node,
  NodeSchema,
  PhysicalNetworkSchema,
  type Zone,
  ZoneSchema,
} from "../api/objects.ts";
import { ask } from "../api/request.ts";
import { formatCount } from "../format.ts";
import { t } from "../i18n.ts";
import { place, setQuery } from "../router.tsx";
import { may } from "../session.ts";
import { PageHead } from "../shell.tsx";
import { Button, Count, FilterBox, NodeLink, Tag } from "../ui/bits.tsx";
import { PhysicalNetworkDialog, ZoneDialog } from "./infra_dialogs.tsx";
import { Empty, Ready } from "../ui/states.tsx";
import { type Column, formatSort, parseSort, type Sort, Table } from "../ui/table.tsx";

type Row =
  | {
    readonly kind: "group";
    readonly zone: string;
    readonly about: Zone | undefined;
    readonly count: number;
  }
  | { readonly kind: "node"; readonly node: Node; readonly addresses: number };

const BY_NAME: Sort = { key: "name", descending: false };

const PerNodeSchema = v.looseObject({
  items: v.array(v.looseObject({ cluster: v.string(), node: v.string(), addresses: v.number() })),
});

/** Addresses in use by node, `cluster/node`. */
async function readPerNode(aborted: AbortSignal): Promise<ReadonlyMap<string, number>> {
  const { items } = await ask("/usage", PerNodeSchema, {
    query: { by: "node", limit: 10_000 },
    signal: aborted,
  });
  return new Map(items.map(({ cluster, node, addresses }) => [`${cluster}/${node}`, addresses]));
}

export function NodesScreen(): VNode {
  const nodes = useLoad("nodes", (signal) => askAll("/nodes", NodeSchema, { signal }));
  const zones = useLoad("zones", (signal) => askAll("/zones", ZoneSchema, { signal }));
  const perNode = useLoad("usage by node", readPerNode);
  const physical = useLoad(
    "physicalnetworks",
    (signal) => askAll("/physicalnetworks", PhysicalNetworkSchema, { signal }),
  );
  const names = (physical.value ?? []).map(({ metadata }) => metadata.name);
  const [open, setOpen] = useState<"zone" | "physical">();
  const buttons = may("operator")
    ? (
      <>
        <Button icon="plus" onClick={() => setOpen("physical")}>{t("infra.addPhysical")}</Button>
        <Button icon="plus" onClick={() => setOpen("zone")}>{t("infra.addZone")}</Button>
      </>
    )
    : null;
  const again = useThrottled(() => {
    nodes.reload();
    zones.reload();
  }, 800);
  const counts = useThrottled(perNode.reload, 3000);
  useLive({
    kinds: ["nodes", "zones", "addresses"],
    onChange: ({ kind }) => kind === "addresses" ? counts() : again(),
    onLost: again,
  });
  return (
    <>
      <PageHead
        title={t("rail.nodes")}
        under={nodes.value === undefined || zones.value === undefined
          ? undefined
          : t("nodes.count", {
            nodes: formatCount(nodes.value.length),
            zones: zones.value.length,
            n: nodes.value.length,
            z: zones.value.length,
          })}
      >
        {buttons}
      </PageHead>
      <Ready loaded={nodes}>
        {(all) => all.length === 0 && (zones.value ?? []).length === 0
          ? <Empty icon="nodes" title={t("nodes.none")} text={t("nodes.noneText")}>{buttons}</Empty>
          : <List nodes={all} zones={zones.value ?? []} perNode={perNode.value} />}
      </Ready>
      {open === "physical"
        ? <PhysicalNetworkDialog onClose={() => setOpen(undefined)} onDone={physical.reload} />
        : null}
      {open === "zone"
        ? <ZoneDialog physical={names} onClose={() => setOpen(undefined)} onDone={zones.reload} />
        : null}
    </>
  );
}

function List(
  { nodes, zones, perNode }: {
    readonly nodes: readonly Node[];
    readonly zones: readonly Zone[];
    readonly perNode: ReadonlyMap<string, number> | undefined;
  },
): VNode {
  const { query } = place.value;
  const text = (query.get("q") ?? "").trim().toLowerCase();
  const sort = parseSort(query.get("sort"), BY_NAME);
  const rows = useMemo(() => {
    const sign = sort.descending ? -1 : 1;
    const all = nodes.map((node) => ({
      kind: "node" as const,
      node,
      addresses: perNode?.get(`${node.spec.cluster}/${node.metadata.name}`) ?? 0,
    })).filter(({ node }) =>
      text === "" || `${node.metadata.name} ${node.spec.zone} ${node.spec.cluster}`.includes(text)
    ).toSorted((a, b) =>
      sort.key === "addresses"
        ? sign * (a.addresses - b.addresses)
        : sign * a.node.metadata.name.localeCompare(b.node.metadata.name, "en", { numeric: true })
    );
    const names = new Set([
      ...zones.map(({ metadata }) => metadata.name),
      ...nodes.map(({ spec }) => spec.zone),
    ]);
    return [...names].sort().flatMap((zone): readonly Row[] => {
      const own = all.filter(({ node }) => node.spec.zone === zone);
      if (own.length === 0 && text !== "" && !zone.includes(text)) return [];
      const about = zones.find(({ metadata }) => metadata.name === zone);
      return [{ kind: "group", zone, about, count: own.length }, ...own];
    });
  }, [nodes, zones, perNode, text, sort.key, sort.descending]);
  return (
    <div class="stack">
      <div class="tools">
        <FilterBox
          value={query.get("q") ?? ""}
          label={t("nodes.filter")}
          onInput={(q) => setQuery({ q })}
        />
      </div>
      {rows.length === 0
        ? <Empty icon="search" title={t("filter.none")} text={t("filter.noneText", { text })} />
        : (
          <Table
            label={t("rail.nodes")}
            columns={columns()}
            rows={rows}
            keyOf={(row) =>
              row.kind === "group"
                ? `z ${row.zone}`
                : `n ${row.node.spec.cluster}/${row.node.metadata.name}`}
            classOf={({ kind }) => kind}
            sort={sort}
            onSort={(next) => setQuery({ sort: formatSort(next) })}
          />
        )}
    </div>
  );
}

/** A word on how the node stands. */
export function NodeState({ node }: { readonly node: Node }): VNode {
  if (node.spec.fenced !== undefined) return <Tag look="bad">{t("nodes.fenced")}</Tag>;
  if (node.status?.bootId === undefined) return <Tag>{t("nodes.unseen")}</Tag>;
  return <Tag look="good">{t("nodes.known")}</Tag>;
}

function columns(): readonly Column<Row>[] {
  return [
    {
      key: "name",
      title: t("nodes.name"),
      width: "minmax(200px, 2fr)",
      phone: "minmax(0, 1fr)",
      sortable: true,
      cell: (row) =>
        row.kind === "group"
          ? (
            <span class="group-name">
              {row.zone}
              <span class="faint">
                {t("nodes.inZone", { count: row.count })}
                {row.about === undefined ? "" : ` · ${row.about.spec.physicalNetworks.join(", ")}`}
              </span>
            </span>
          )
          : (
            <span class="indent">
              <NodeLink cluster={row.node.spec.cluster} node={row.node.metadata.name} />
            </span>
          ),
    },
    {
      key: "cluster",
      title: t("field.cluster"),
      width: "minmax(90px, 1fr)",
      cell: (row) => row.kind === "node" ? <span class="clip">{row.node.spec.cluster}</span> : "",
    },
    {
      key: "addresses",
      title: t("nodes.addresses"),
      width: "110px",
      phone: "84px",
      align: "end",
      sortable: true,
      cell: (row) => row.kind === "node" ? <Count value={row.addresses} /> : "",
    },
    {
      key: "version",
      title: t("nodes.version"),
      width: "100px",
      from: 960,
      cell: (row) =>
        row.kind === "node" ? <span class="mono">{row.node.status?.version ?? "–"}</span> : "",
    },
    {
      key: "state",
      title: t("field.state"),
      width: "110px",
      cell: (row) => row.kind === "node" ? <NodeState node={row.node} /> : "",
    },
    {
      key: "description",
      title: t("field.description"),
      width: "minmax(100px, 1.4fr)",
      from: 1100,
      cell: (row) => (
        <span class="clip">
          {row.kind === "node" ? row.node.spec.description : row.about?.spec.description}
        </span>
      ),
    },
  ];
}
