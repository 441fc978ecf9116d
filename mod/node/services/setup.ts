/**
 * The service path of one network on this node: made when it is missing or stale. See ARCHITECTURE.md,
 * "Services".
 *
 * @module
 */

import type { Config, ServicesConfig } from "../../config.ts";
import { FabricError } from "../../error.ts";
import type { DatapathNeeds } from "../../host/datapath.ts";
import {
  findNodeAddresses,
  findNodePrefixes,
  setUpServiceDevices,
} from "../../host/service_device.ts";
import type { ServiceDevices } from "../../host/service_names.ts";
import {
  type Ovsdb,
  putServicePort,
  selectServicePorts,
  type ServicePort,
  servicePortsOf,
} from "../../ovsdb/mod.ts";
import { takeTurn } from "../turn.ts";
import type { ServiceContext } from "./context.ts";
import { explain } from "./explain.ts";
import type { FlowNetwork } from "./flows.ts";
import { readNotes, type ServiceNote } from "./notes.ts";
import { placePort, refuseNamesake } from "./place_port.ts";
import { restoreFlows } from "./restore.ts";
import {
  networkRoutes,
  podRoutes,
  podRoutesGone,
  serviceRules,
  serviceTableText,
} from "./rules.ts";
import {
  devicesOf,
  flowNetworkOf,
  generationOf,
  nodeAddressesOf,
  servedFacts,
  type ServedNetwork,
} from "./served.ts";

/** A network's way to Services as it stands. */
export interface ServicePath {
  readonly devices: ServiceDevices;
  readonly flows: FlowNetwork;
  readonly nodeAddresses: readonly string[];
}

/** The node, and its switch as it was just read. */
export interface ServiceNode {
  readonly bootId: string;
  readonly needs: DatapathNeeds;
  readonly db: Ovsdb;
  readonly ports: readonly ServicePort[];
}

/** Who sets up has so long. */
const SETUP_WAIT_MS = 4_000;

/**
 * The network's way to Services; set up first where it is missing or stale.
 *
 * @throws {FabricError} `host`, `try-again`, or those of the switch.
 */
export async function ensureServicePath(
  context: ServiceContext,
  served: ServedNetwork,
  node: ServiceNode,
): Promise<ServicePath> {
  const generation = await generationOf(context.config, served, node);
  const current = pathOf(node.ports, served, generation);
  if (current !== undefined) return current;
  return await inTurn(context, async () => {
    // Another call may have done it meanwhile.
    const again = pathOf(await readPorts(node.db), served, generation);
    if (again !== undefined) return again;
    return await setUp(context, served, { ...node, generation });
  });
}

/** One set-up of a node at a time. @throws {FabricError} `try-again`. */
export async function inTurn<T>(context: ServiceContext, work: () => Promise<T>): Promise<T> {
  const turn = await takeTurn(context, "services", { waitMs: SETUP_WAIT_MS });
  try {
    if (!turn.taken) {
      throw new FabricError("try-again", "Another call sets up the way to Services", {
        remedy: "the runtime tries again",
      });
    }
    return await work();
  } finally {
    turn[Symbol.dispose]();
  }
}

/** The ports to the node's own stack as they are now. */
export async function readPorts(db: Ovsdb): Promise<readonly ServicePort[]> {
  const [result] = await db.transact([selectServicePorts()]);
  return servicePortsOf(result);
}

function pathOf(
  ports: readonly ServicePort[],
  served: ServedNetwork,
  generation: string,
): ServicePath | undefined {
  const devices = devicesOf(served);
  const found = ports.find(({ name }) => name === devices.port);
  if (found === undefined || found.facts["generation"] !== generation) return undefined;
  const flows = flowNetworkOf(found);
  return flows === undefined
    ? undefined
    : { devices, flows, nodeAddresses: nodeAddressesOf(found) };
}

/**
 * Makes everything, also what may be there already: it may be killed at any point and made again.
 *
 * @throws {FabricError} As `ensureServicePath()`.
 */
export async function setUp(
  context: ServiceContext,
  served: ServedNetwork,
  { db, needs, generation }: Pick<ServiceNode, "db" | "needs"> & { readonly generation: string },
): Promise<ServicePath> {
  const { config, run, log } = context;
  const { name, bridge } = served;
  const services = servicesOf(config);
  const devices = devicesOf(served);
  const { nodeAddresses, nodePrefixes } = await readNode(context);
  const ways = { viaNode: services.viaNode, prefixes: nodePrefixes };
  const routed = { devices, subnets: served.subnets };
  const ports = await readPorts(db);
  refuseNamesake(ports, served);
  const pods = readNotes(config).filter(({ device }) => device === devices.host);
  const ifindex = await setUpServiceDevices(run, {
    devices,
    mtu: served.mtu,
    needs,
    table: serviceTableText(nodeAddresses),
    routes: [...networkRoutes(routed, 4), ...networkRoutes(routed, 6)],
    pods: pods.flatMap((pod) => podRoutes(pod, nodeAddresses)),
    rules: {
      4: serviceRules(devices, ways, 4),
      6: serviceRules(devices, ways, 6),
    },
  }).catch((error) => {
    throw explain(error, nodeAddresses);
  });
  await forgetGone(context, pods);
  const facts = {
    ...servedFacts(served),
    "node-addresses": nodeAddresses.join(","),
    "node-prefixes": nodePrefixes.join(","),
    "services": services.cidrs.join(","),
    "ifindex": String(ifindex),
  };
  await placePort(context, ports, { db, served, facts });
  await restoreFlows(context, db, bridge);
  // Last: what is killed before is done again by the next call.
  await putServicePort(db, { bridge, name: devices.port, facts: { ...facts, generation } });
  log.write("info", "way to Services set up", { network: name, device: devices.host });
  const path = pathOf(await readPorts(db), served, generation);
  if (path !== undefined) return path;
  throw new FabricError("try-again", "The way to Services was changed while it was set up", {
    remedy: "the runtime tries again",
  });
}

/**
 * A DEL renames its note before it takes routes away: so one of the two takes away what was made again
 * for a pod that ends meanwhile.
 */
async function forgetGone(
  { config, run }: ServiceContext,
  pods: readonly ServiceNote[],
): Promise<void> {
  const now = readNotes(config);
  const kept = now.flatMap(({ addresses }) => addresses);
  const lines = pods.filter(({ port }) => !now.some((note) => note.port === port))
    .flatMap((pod) => podRoutesGone(pod, kept));
  if (lines.length === 0) return;
  await run(["sh", "-c", "ip -force -batch - 2>/dev/null || :"], {
    stdin: `${lines.join("\n")}\n`,
  });
}

/** What a set-up depends on of the node. */
export interface NodeFacts {
  /** The addresses that its pods reach: as configured, or found out. */
  readonly nodeAddresses: readonly string[];
  /** The ranges of IPv6 that it has routes to. */
  readonly nodePrefixes: readonly string[];
}

/** The node as it is now. */
export async function readNode(
  { config, run }: Pick<ServiceContext, "config" | "run">,
): Promise<NodeFacts> {
  const { cidrs, nodeAddresses } = servicesOf(config);
  const [found, nodePrefixes] = await Promise.all([
    nodeAddresses ?? findNodeAddresses(run, cidrs),
    findNodePrefixes(run),
  ]);
  return { nodeAddresses: found, nodePrefixes };
}

/** @throws {FabricError} `internal` where the configuration has no services. */
function servicesOf({ services }: Pick<Config, "services">): ServicesConfig {
  if (services === undefined) throw new FabricError("internal", "this node has no services");
  return services;
}
