/** All networks: how full, how fast, for whom. The first screen. @module */

import { type VNode } from "preact";
import { useMemo, useState } from "preact/hooks";
import { useLive } from "../api/live.ts";
import { useLoad, useThrottled } from "../api/load.ts";
import {
  askAll,
  type Network,
  type PhysicalNetwork,
  PhysicalNetworkSchema,
} from "../api/objects.ts";
import {
  daysUntilFull,
  type NetworkUsage,
  readNetworks,
  readTrend,
  readUsage,
  type SubnetUsage,
  sumUsage,
} from "../api/queries.ts";
import { formatCount } from "../format.ts";
import { t } from "../i18n.ts";
import { pathOf, place, setQuery } from "../router.tsx";
import { may } from "../session.ts";
import { PageHead } from "../shell.tsx";
import { Bar, ButtonLink, Count, FilterBox, Segments, Spark, Tag } from "../ui/bits.tsx";
import { Icon } from "../ui/icon.tsx";
import { Empty, Ready } from "../ui/states.tsx";
import { type Column, formatSort, parseSort, type Sort, Table } from "../ui/table.tsx";

interface NetworkRow {
  readonly kind: "network";
  readonly network: Network;
  readonly usage: NetworkUsage;
  readonly trend: readonly number[];
  readonly days: number | undefined;
}

interface GroupRow {
  readonly kind: "group";
  readonly name: string;
  readonly mtu: number | undefined;
  readonly count: number;
}

interface SubnetRow {
  readonly kind: "subnet";
  readonly network: Network;
  readonly usage: SubnetUsage;
}

type Row = NetworkRow | GroupRow | SubnetRow;

const FULLEST: Sort = { key: "full", descending: true };

const NOTHING = sumUsage([]);

/** Changes that the screen follows; usage is read again at most so often. */
const KINDS = ["networks", "physicalnetworks", "addresses"];
const USAGE_MS = 2500;

export function NetworksScreen(): VNode {
  const networks = useLoad("networks", readNetworks);
  const usage = useLoad("usage", readUsage);
  const trend = useLoad("trend", readTrend);
  const physical = useLoad(
    "physicalnetworks",
    (signal) => askAll("/physicalnetworks", PhysicalNetworkSchema, { signal }),
  );
  const readAgain = useThrottled(usage.reload, USAGE_MS);
  const listAgain = useThrottled(() => {
    networks.reload();
    physical.reload();
    usage.reload();
  }, 500);
  useLive({
    kinds: KINDS,
    onChange: ({ kind }) => kind === "addresses" ? readAgain() : listAgain(),
    onLost: listAgain,
  });
  return (
    <>
      <PageHead title={t("networks.title")} under={summary(networks.value, usage.value)}>
        {may("operator")
          ? <ButtonLink to="/networks/new" icon="plus" look="main">{t("networks.add")}</ButtonLink>
          : null}
      </PageHead>
      <Ready loaded={networks} rows={12}>
        {(all) =>
          all.length === 0 ? <NoNetworks /> : (
            <Networks
              networks={all}
              usage={usage.value}
              trend={trend.value}
              physical={physical.value ?? []}
            />
          )}
      </Ready>
    </>
  );
}

function summary(
  networks: readonly Network[] | undefined,
  usage: ReadonlyMap<string, NetworkUsage> | undefined,
): string | undefined {
  if (networks === undefined || usage === undefined) return undefined;
  const full = [...usage.values()].filter(({ share }) => share >= 0.95).length;
  const count = t("networks.count", { count: formatCount(networks.length), n: networks.length });
  return full === 0 ? count : `${count} · ${t("networks.nearlyFull", { count: full })}`;
}

function NoNetworks(): VNode {
  return (
    <Empty icon="networks" title={t("networks.none")} text={t("networks.noneText")}>
      {may("operator")
        ? <ButtonLink to="/networks/new" icon="plus" look="main">{t("networks.add")}</ButtonLink>
        : null}
    </Empty>
  );
}

function Networks(
  props: {
    readonly networks: readonly Network[];
    readonly usage: ReadonlyMap<string, NetworkUsage> | undefined;
    readonly trend: ReadonlyMap<string, readonly number[]> | undefined;
    readonly physical: readonly PhysicalNetwork[];
  },
): VNode {
  const { query } = place.value;
  const text = query.get("q") ?? "";
  const flat = query.get("view") === "list";
  const sort = parseSort(query.get("sort"), FULLEST);
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());

  const rows = useMemo(() => {
    const all = props.networks.map((network): NetworkRow => {
      const { name } = network.metadata;
      const usage = props.usage?.get(name) ?? NOTHING;
      const trend = props.trend?.get(name) ?? [];
      return { kind: "network", network, usage, trend, days: daysUntilFull(trend, usage.free) };
    });
    const sorted = all.filter((row) => fits(row.network, text)).toSorted(compare(sort));
    return { sorted, rows: flat ? sorted : treeOf(sorted, props.physical) };
  }, [props.networks, props.usage, props.trend, props.physical, text, flat, formatSort(sort)]);

  const shown = useMemo(
    () => rows.rows.flatMap((row): readonly Row[] => withSubnets(row, open)),
    [rows, open],
  );
  const toggle = (name: string): void => {
    const next = new Set(open);
    if (!next.delete(name)) next.add(name);
    setOpen(next);
  };
  return (
    <div class="stack">
      <div class="tools">
        <FilterBox
          value={text}
          label={t("networks.filter")}
          onInput={(q) => setQuery({ q })}
        />
        <Segments
          label={t("networks.view")}
          value={flat ? "list" : "tree"}
          options={[["tree", t("networks.tree"), "tree"], ["list", t("networks.list"), "list"]]}
          onChange={(view) => setQuery({ view: view === "tree" ? undefined : view })}
        />
      </div>
      {rows.sorted.length === 0
        ? <Empty icon="search" title={t("filter.none")} text={t("filter.noneText", { text })} />
        : (
          <Table
            label={t("networks.title")}
            columns={columns({ flat, open, toggle, known: props.usage !== undefined })}
            rows={shown}
            keyOf={keyOf}
            classOf={({ kind }) => kind}
            sort={sort}
            onSort={(next) => setQuery({ sort: formatSort(next) })}
          />
        )}
    </div>
  );
}

function fits({ metadata, spec }: Network, text: string): boolean {
  const wanted = text.trim().toLowerCase();
  if (wanted === "") return true;
  const words = [
    metadata.name,
    spec.physicalNetwork,
    `vlan ${spec.vlan}`,
    `vlan${spec.vlan}`,
    spec.description ?? "",
    ...spec.subnets.map(({ cidr }) => cidr),
    ...Object.entries(metadata.labels ?? {}).map(([key, value]) => `${key}=${value}`),
  ];
  return words.some((word) => word.toLowerCase().includes(wanted));
}

function compare({ key, descending }: Sort): (a: NetworkRow, b: NetworkRow) => number {
  const sign = descending ? -1 : 1;
  const never = descending ? -1 : Number.MAX_SAFE_INTEGER;
  const value = ({ network, usage, days }: NetworkRow): number | bigint | string => {
    switch (key) {
      case "vlan":
        return network.spec.vlan;
      case "free":
        return usage.free;
      case "taken":
        return usage.taken;
      case "days":
        return days ?? never;
      case "name":
        return network.metadata.name;
      default:
        return usage.share;
    }
  };
  return (a, b) => {
    const one = value(a);
    const other = value(b);
    if (one !== other) return one < other ? -sign : sign;
    return a.network.metadata.name < b.network.metadata.name ? -1 : 1;
  };
}

/** Groups by physical network; the group of the first row stands first. */
function treeOf(rows: readonly NetworkRow[], physical: readonly PhysicalNetwork[]): readonly Row[] {
  const groups = new Map<string, NetworkRow[]>();
  for (const row of rows) {
    const name = row.network.spec.physicalNetwork;
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [row]);
    else group.push(row);
  }
  return [...groups].flatMap(([name, group]): readonly Row[] => {
    const mtu = physical.find(({ metadata }) => metadata.name === name)?.spec.mtu;
    return [{ kind: "group", name, mtu, count: group.length }, ...group];
  });
}

function withSubnets(row: Row, open: ReadonlySet<string>): readonly Row[] {
  if (row.kind !== "network" || !open.has(row.network.metadata.name)) return [row];
  const { network, usage } = row;
  return [row, ...usage.subnets.map((one): SubnetRow => ({ kind: "subnet", network, usage: one }))];
}

function keyOf(row: Row): string {
  if (row.kind === "group") return `g ${row.name}`;
  const { name } = row.network.metadata;
  return row.kind === "network" ? `n ${name}` : `s ${name} ${row.usage.subnet}`;
}

interface View {
  readonly flat: boolean;
  readonly open: ReadonlySet<string>;
  readonly toggle: (name: string) => void;
  readonly known: boolean;
}

function columns(view: View): readonly Column<Row>[] {
  return [
    {
      key: "name",
      title: t("networks.name"),
      width: "minmax(150px, 2.2fr)",
      phone: "minmax(0, 1fr)",
      sortable: true,
      cell: (row) => <NameCell row={row} view={view} />,
    },
    {
      key: "vlan",
      title: "VLAN",
      width: "52px",
      from: 960,
      align: "end",
      sortable: true,
      cell: (row) =>
        row.kind === "network" ? <span class="number">{row.network.spec.vlan}</span> : "",
    },
    {
      key: "subnets",
      title: t("networks.subnets"),
      width: "minmax(136px, 1.5fr)",
      from: 1100,
      cell: (row) => row.kind === "network" ? <Subnets network={row.network} /> : "",
    },
    {
      key: "full",
      title: t("networks.utilisation"),
      width: "minmax(130px, 1.2fr)",
      phone: "128px",
      sortable: true,
      cell(row) {
        if (row.kind === "group" || !view.known) return "";
        const { share, cooling } = row.kind === "network"
          ? row.usage
          : { share: row.usage.utilisation, cooling: 0 };
        return <Bar share={share} cooling={cooling} label={t("networks.utilisation")} />;
      },
    },
    {
      key: "taken",
      title: t("networks.taken"),
      width: "70px",
      from: 960,
      align: "end",
      sortable: true,
      cell(row) {
        if (row.kind === "group" || !view.known) return "";
        return <Count value={row.kind === "network" ? row.usage.taken : takenOf(row.usage)} />;
      },
    },
    {
      key: "free",
      title: t("state.free"),
      width: "92px",
      align: "end",
      sortable: true,
      cell: (row) =>
        row.kind === "group" || !view.known ? "" : <Count value={BigInt(row.usage.free)} />,
    },
    {
      key: "trend",
      title: t("networks.trend"),
      width: "96px",
      from: 1000,
      cell: (row) =>
        row.kind === "network"
          ? <Spark values={row.trend} label={t("networks.trendOf", sparkEnds(row.trend))} />
          : "",
    },
    {
      key: "days",
      title: t("networks.fullIn"),
      width: "80px",
      align: "end",
      sortable: true,
      cell: (row) => row.kind === "network" ? <FullIn days={row.days} /> : "",
    },
    {
      key: "zones",
      title: t("networks.zones"),
      width: "minmax(80px, 1fr)",
      from: 1280,
      cell: (row) =>
        row.kind === "network" ? <span class="clip">{row.usage.zones.join(", ")}</span> : "",
    },
  ];
}

function takenOf({ used, waiting }: SubnetUsage): number {
  return used + waiting;
}

function sparkEnds(trend: readonly number[]): { readonly from: number; readonly to: number } {
  return { from: trend[0] ?? 0, to: trend.at(-1) ?? 0 };
}

/** When nothing will be free, at the pace of the last 30 days. */
export function FullIn({ days }: { readonly days: number | undefined }): VNode {
  if (days === undefined) return <span class="faint">–</span>;
  if (days < 1) return <Tag look="bad">{t("networks.fullNow")}</Tag>;
  const text = t("networks.days", { days: Math.round(days) });
  return <span class={days < 14 ? "bad-text" : days < 60 ? "warn-text" : ""}>{text}</span>;
}

function NameCell({ row, view }: { readonly row: Row; readonly view: View }): VNode {
  if (row.kind === "group") {
    return (
      <span class="group-name">
        {row.name}
        <span class="faint">
          {t("networks.count", { count: row.count, n: row.count })}
          {row.mtu === undefined ? "" : ` · MTU ${row.mtu}`}
        </span>
      </span>
    );
  }
  if (row.kind === "subnet") {
    const { name } = row.network.metadata;
    const at = row.usage.subnet.split("/")[0] ?? "";
    return (
      <a class="mono subnet-name" href={`${pathOf("networks", name, "addresses")}?at=${at}`}>
        {row.usage.subnet}
      </a>
    );
  }
  const { name } = row.network.metadata;
  const isOpen = view.open.has(name);
  return (
    <span class={view.flat ? "network-name" : "network-name deep"}>
      <button
        type="button"
        class="twist"
        aria-expanded={isOpen}
        aria-label={t("networks.showSubnets", { name })}
        onClick={() => view.toggle(name)}
      >
        <Icon name={isOpen ? "down" : "right"} />
      </button>
      <a href={pathOf("networks", name, "addresses")} title={row.network.spec.description}>
        {name}
      </a>
      <span class="vlan-small">VLAN {row.network.spec.vlan}</span>
    </span>
  );
}

function Subnets({ network }: { readonly network: Network }): VNode {
  const [first, ...rest] = network.spec.subnets;
  return (
    <span class="mono clip" title={network.spec.subnets.map(({ cidr }) => cidr).join("\n")}>
      {first?.cidr}
      {rest.length === 0 ? null : <span class="faint">+{rest.length}</span>}
    </span>
  );
}
