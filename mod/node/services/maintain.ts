/**
 * Keeping the node's way to Services as its configuration wants it, for the verbs that look at the whole
 * node: made again what vswitchd, a new address or a new configuration has made stale, removed where
 * services were switched off.
 *
 * @module
 */

import type { DatapathNeeds } from "../../host/datapath.ts";
import type { Ovsdb, ServicePort } from "../../ovsdb/mod.ts";
import { bridgeTarget, type ServiceContext } from "./context.ts";
import { ALL_COOKIES } from "./cookie.ts";
import { missingLines, networkDamage, tableDamage } from "./damage.ts";
import { readNote, readNotes } from "./notes.ts";
import { observeServices } from "./observe.ts";
import { removeServices } from "./remove.ts";
import { restoreFlows, wantedFlows } from "./restore.ts";
import { podRoutes } from "./rules.ts";
import {
  devicesOf,
  generationOf,
  nodeAddressesOf,
  nodePrefixesOf,
  type ServedNetwork,
  servedOf,
} from "./served.ts";
import { inTurn, type NodeFacts, readNode, readPorts, setUp } from "./setup.ts";

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
  const done: string[] = [];
  const stale = await staleNetworks(context, node);
  if (stale.length > 0) {
    await inTurn(context, async () => {
      // Another call may have done it meanwhile.
      const now = { ...node, ports: await readPorts(node.db) };
      for (const { served, needs, generation, why } of await staleNetworks(context, now)) {
        await setUp(context, served, { db: node.db, needs, generation });
        context.log.write("warning", "way to Services was stale", { network: served.name, why });
        done.push(`set up the way to Services of network ${served.name} again: ${why}`);
      }
    });
    if (done.length > 0) return done;
  }
  const bridges = [...new Set(node.ports.flatMap(({ facts }) => facts["bridge"] ?? []))];
  for (const bridge of bridges) {
    const missing = await missingCookies(context, node.db, bridge);
    if (missing.length === 0) continue;
    await inTurn(context, () => restoreFlows(context, node.db, bridge));
    context.log.write("warning", "flows of Services restored", { bridge, missing: missing.length });
    done.push(`restored the flows of Services of bridge ${bridge}`);
  }
  return done;
}

/** A network whose set-up is another than it has to be. */
interface StaleNetwork {
  readonly served: ServedNetwork;
  readonly needs: DatapathNeeds;
  readonly generation: string;
  /** In words. */
  readonly why: string;
}

async function staleNetworks(
  context: ServiceContext,
  node: MaintainedNode,
): Promise<readonly StaleNetwork[]> {
  const { config, run } = context;
  const { services } = config;
  if (services === undefined) return [];
  const before = readNotes(config);
  const [facts, seen] = await Promise.all([readNode(context), observeServices(run)]);
  // Who comes or goes meanwhile has its routes not yet, or no more.
  const notes = before.filter(({ port }) => readNote(config, port) !== undefined);
  // One set-up mends the table for all.
  let table = tableDamage(seen, facts);
  const stale: StaleNetwork[] = [];
  for (const port of node.ports) {
    const served = servedOf(port);
    const needs = served === undefined ? undefined : node.needsOf(served.physicalNetwork);
    if (served === undefined || needs === undefined) continue;
    const generation = await generationOf(config, served, { ...node, needs });
    const pods = notes.filter(({ device }) => device === devicesOf(served).host);
    const [why] = [
      ...(isOfNow(port, facts, generation) ? [] : ["what it was made for has changed"]),
      ...table,
      ...networkDamage(seen, served, { services, node: facts }),
      ...missingLines(seen, pods.flatMap((pod) => podRoutes(pod, facts.nodeAddresses)))
        .map((line) => `no ${line.replace(" replace", "")}`),
    ];
    if (why === undefined) continue;
    table = [];
    stale.push({ served, needs, generation, why });
  }
  return stale;
}

/** True when the port's facts tell of a set-up for this generation and for the node as it is. */
function isOfNow(port: ServicePort, facts: NodeFacts, generation: string): boolean {
  return port.facts["generation"] === generation && port.ofport !== undefined &&
    nodeAddressesOf(port).join() === facts.nodeAddresses.join() &&
    nodePrefixesOf(port).join() === facts.nodePrefixes.join();
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
