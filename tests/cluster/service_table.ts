/**
 * Who a server sees, for every pair of a client and a way to the server: the table that the real
 * cluster is held against, and that the documentation shows.
 *
 * @module
 */

/** Clients, in the order of the table's columns. */
export const CLIENTS = [
  "self",
  "here",
  "far",
  "vlan",
  "vlan-far",
  "node1",
  "node2",
  "legacy",
  "outside",
  "mgmt",
] as const;

export type Client = typeof CLIENTS[number];

/** For people. The server is a Pod in VLAN 100 on node1, unless the way says otherwise. */
export const CLIENT_WORDS: Readonly<Record<Client, string>> = {
  self: "the Pod itself",
  here: "a Pod on its node",
  far: "a Pod on another node",
  vlan: "a Pod of another VLAN on its node",
  "vlan-far": "a Pod of another VLAN on another node",
  node1: "its node",
  node2: "another node",
  legacy: "a server in its VLAN",
  outside: "a server behind the router",
  mgmt: "a machine of the management network",
};

/** Ways to a server, in the order of the table's rows. */
export const WAYS = [
  "pod",
  "headless",
  "cluster-ip",
  "node-port@node1",
  "node-port@node2",
  "local-port@node1",
  "local-port@node2",
  "host-port",
  "host@node1",
  "host@node2",
  "cluster-ip>node1",
  "cluster-ip>node2",
  "cluster-ip>vlan-far",
  "cluster-ip>legacy",
  "cluster-ip>outside",
] as const;

export type Way = typeof WAYS[number];

/** For people. */
export const WAY_WORDS: Readonly<Record<Way, string>> = {
  "pod": "the Pod's address",
  "headless": "a headless Service's name",
  "cluster-ip": "ClusterIP",
  "node-port@node1": "NodePort at its node",
  "node-port@node2": "NodePort at another node",
  "local-port@node1": "NodePort, policy Local, at its node",
  "local-port@node2": "NodePort, policy Local, at another node",
  "host-port": "hostPort",
  "host@node1": "its node's address",
  "host@node2": "another node's address",
  "cluster-ip>node1": "ClusterIP of its node's own network",
  "cluster-ip>node2": "ClusterIP of another node's own network",
  "cluster-ip>vlan-far": "ClusterIP of the Pod of another VLAN on another node",
  "cluster-ip>legacy": "ClusterIP of the server in its VLAN",
  "cluster-ip>outside": "ClusterIP of the server behind the router",
};

/**
 * `=`: the client; `node1`, `node2`: that node; `-`: it is not reached. The same for TCP and UDP, IPv4
 * and IPv6, small and large, kube-proxy with nftables and with iptables.
 */
const EXPECTED = `
                    self   here   far    vlan   vlan-far node1  node2  legacy outside mgmt
pod                 =      =      =      =      =        =      =      =      =       =
headless            =      =      =      =      =        =      =      -      -       -
cluster-ip          node1  =      =      =      =        =      =      -      -       -
node-port@node1     node1  node1  node1  node1  node1    =      node1  node1  node1   node1
node-port@node2     node2  node2  node2  node2  node2    node2  =      node2  node2   node2
local-port@node1    node1  =      =      =      =        =      =      =      =       =
local-port@node2    -      -      =      -      =        -      =      -      -       -
host-port           node1  =      =      =      =        =      =      =      =       =
host@node1          =      =      =      =      =        =      =      =      =       =
host@node2          =      =      =      =      =        =      =      =      =       =
cluster-ip>node1    =      =      node2  =      node2    =      =      -      -       -
cluster-ip>node2    node1  node1  =      node1  =        =      =      -      -       -
cluster-ip>vlan-far =      =      =      =      node2    =      =      -      -       -
cluster-ip>legacy   =      =      =      =      =        =      =      -      -       -
cluster-ip>outside  =      =      =      =      =        =      =      -      -       -
`;

/** Cells by way and client. */
export type Cells = ReadonlyMap<string, string>;

/** Key of a cell. */
export function cellKey(way: Way, client: Client): string {
  return `${way} ${client}`;
}

/** The table that must be. */
export function expectedCells(): Cells {
  const cells = new Map<string, string>();
  const [header = [], ...rows] = EXPECTED.trim().split("\n").map((line) =>
    line.trim().split(/\s+/)
  );
  for (const [way = "", ...values] of rows) {
    values.forEach((value, i) => cells.set(`${way} ${header[i]}`, value));
  }
  return cells;
}

/** The table for people; below it, what is otherwise than expected. */
export function formatCells(cells: Cells, expected: Cells = cells): string {
  const notes: string[] = [];
  const show = (way: Way, client: Client): string => {
    const key = cellKey(way, client);
    const [is, must] = [cells.get(key) ?? "", expected.get(key) ?? ""];
    if (is === must) return is;
    notes.push(`[${notes.length + 1}] ${key}: ${is}, not ${must}`);
    return `[${notes.length}]`;
  };
  const rows = [
    ["", ...CLIENTS],
    ...WAYS.map((way) => [way, ...CLIENTS.map((client) => show(way, client))]),
  ];
  const widths = rows[0]?.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0))) ?? [];
  const lines = rows.map((row) => row.map((it, i) => it.padEnd(widths[i] ?? 0)).join("  "));
  return [...lines.map((line) => line.trimEnd()), ...notes].join("\n");
}
