/**
 * Keeping the node's way to Services as its configuration wants it, for the verbs that look at the whole
 * node: made again what vswitchd, a new address or a new configuration has made stale, removed where
 * services were switched off.
 *
 * @module
 */

import type { DatapathNeeds } from "../../host/datapath.ts";
import { POD_TABLE, RULE_PREFERENCES, SERVICE_DEVICE_PREFIX } from "../../host/service_names.ts";
import { delPort, type Ovsdb, type ServicePort } from "../../ovsdb/mod.ts";
import { bridgeTarget, type ServiceContext } from "./context.ts";
import { ALL_COOKIES } from "./cookie.ts";
import { noteFolder } from "./notes.ts";
import { changeFlows, restoreFlows, wantedFlows } from "./restore.ts";
import { SERVICE_NFT_TABLE } from "./rules.ts";
import { generationOf, nodeAddressesOf, nodePrefixesOf, servedOf } from "./served.ts";
import { inTurn, readNode, readPorts, setUp } from "./setup.ts";

/** The node, as it was just read. */
export interface MaintainedNode {
  readonly db: Ovsdb;
  readonly ports: readonly ServicePort[];
  readonly bootId: string;
  /** What the bridge of a physical network needs; undefined: this node has no such bridge any more. */
  needsOf(physicalNetwork: string): DatapathNeeds | undefined;
}

/**
 * Mends what is stale. Where nothing is, it reads the flows of each bridge and changes nothing.
 *
 * @returns What it did, in words; empty where all was well.
 * @throws {FabricError} Those of a set-up.
 */
export async function maintainServices(
  context: ServiceContext,
  node: MaintainedNode,
): Promise<readonly string[]> {
  if (node.ports.length === 0) return [];
  if (context.config.services === undefined) {
    await inTurn(context, () => removeServices(context, node.db));
    context.log.write("info", "way to Services removed");
    return ["removed the way to Services, which the configuration has no more"];
  }
  const stale = await staleNetworks(context, node);
  if (stale.length > 0) {
    await inTurn(context, async () => {
      // Another call may have done it meanwhile.
      const now = { ...node, ports: await readPorts(node.db) };
      for (const { served, needs, generation } of await staleNetworks(context, now)) {
        await setUp(context, served, { db: node.db, needs, generation });
      }
    });
    return stale.map(({ served }) => `set up the way to Services of network ${served.name} again`);
  }
  const bridges = [...new Set(node.ports.flatMap(({ facts }) => facts["bridge"] ?? []))];
  const done: string[] = [];
  for (const bridge of bridges) {
    const missing = await missingCookies(context, node.db, bridge);
    if (missing.length === 0) continue;
    await inTurn(context, () => restoreFlows(context, node.db, bridge));
    context.log.write("warning", "flows of Services restored", { bridge, missing: missing.length });
    done.push(`restored the flows of Services of bridge ${bridge}`);
  }
  return done;
}

async function staleNetworks(context: ServiceContext, node: MaintainedNode) {
  const { nodeAddresses, nodePrefixes } = await readNode(context);
  const all = await Promise.all(node.ports.map(async (port) => {
    const served = servedOf(port);
    const needs = served === undefined ? undefined : node.needsOf(served.physicalNetwork);
    if (served === undefined || needs === undefined) return [];
    const generation = await generationOf(context.config, served, { ...node, needs });
    const same = port.facts["generation"] === generation && port.ofport !== undefined &&
      nodeAddressesOf(port).join() === nodeAddresses.join() &&
      nodePrefixesOf(port).join() === nodePrefixes.join();
    return same ? [] : [{ served, needs, generation }];
  }));
  return all.flat();
}

/** Cookies whose flows are not all on the bridge, or are of ports with other numbers. */
export async function missingCookies(
  context: Pick<ServiceContext, "config" | "run">,
  db: Ovsdb,
  bridge: string,
): Promise<readonly string[]> {
  const { byCookie } = await wantedFlows(context, db, bridge);
  const seen = await countFlows(context, bridge);
  return [...byCookie].filter(([cookie, flows]) => isLacking(seen.get(cookie), flows))
    .map(([cookie]) => cookie);
}

/** The flows of one cookie, as far as they are compared. */
export interface CountedFlows {
  readonly count: number;
  /** Numbers of the ports that they take from, in order. */
  readonly ports: string;
}

/** True when what was seen is less than what is wanted, or of other ports. */
export function isLacking(seen: CountedFlows | undefined, wanted: readonly string[]): boolean {
  return seen === undefined || seen.count < wanted.length || seen.ports !== portsOf(wanted);
}

function portsOf(flows: readonly string[]): string {
  const ports = flows.flatMap((flow) => /in_port=(\d+)/.exec(flow)?.[1] ?? []).map(Number);
  return [...new Set(ports)].sort((a, b) => a - b).join(",");
}

/** The flows of ours that a bridge has, by cookie. */
export async function countFlows(
  { config, run }: Pick<ServiceContext, "config" | "run">,
  bridge: string,
): Promise<ReadonlyMap<string, CountedFlows>> {
  const command = 'ovs-ofctl --timeout=4 --no-names --no-stats dump-flows "$1" "$2"';
  const to = bridgeTarget(config, bridge);
  const { stdout } = await run(["sh", "-c", command, "sh", to, ALL_COOKIES]);
  const lines = Map.groupBy(
    stdout.split("\n").filter((line) => line.includes("cookie=")),
    (line) => /cookie=(0x[0-9a-f]+)/.exec(line)?.[1] ?? "",
  );
  return new Map(
    [...lines].map(([cookie, flows]) => [cookie, { count: flows.length, ports: portsOf(flows) }]),
  );
}

/** $1 the prefix of devices, $2 the table of pods, $3 the table of nftables, $4 the folder of notes; preferences. */
const REMOVE_SCRIPT = `
devices=$1 pods=$2 table=$3 notes=$4
shift 4
for family in -4 -6; do
  for pref; do
    ip $family rule show pref "$pref" 2>/dev/null | sed -n 's/.* lookup \\([0-9]*\\).*/\\1/p' |
      while read -r number; do ip $family route flush table "$number" 2>/dev/null; done
    while ip $family rule del pref "$pref" 2>/dev/null; do :; done
  done
  ip $family route flush table "$pods" 2>/dev/null
done
nft delete table inet "$table" 2>/dev/null
for conf in /proc/sys/net/ipv4/conf/"$devices"[0-9]*-????; do
  [ ! -d "$conf" ] || ip link del "\${conf##*/}"
done
rm -rf "$notes"
`;

/** Takes all of it off the node. What pods have in themselves goes with them. */
export async function removeServices(context: ServiceContext, db: Ovsdb): Promise<void> {
  const { config, run } = context;
  const ports = await readPorts(db);
  for (const bridge of new Set(ports.flatMap(({ facts }) => facts["bridge"] ?? []))) {
    await changeFlows(context, bridge, [`delete ${ALL_COOKIES}`]);
  }
  for (const { name } of ports) await delPort(db, name);
  await run([
    "sh",
    "-c",
    REMOVE_SCRIPT,
    "sh",
    SERVICE_DEVICE_PREFIX,
    String(POD_TABLE),
    SERVICE_NFT_TABLE,
    noteFolder(config),
    ...Object.values(RULE_PREFERENCES).map(String),
  ]);
}
