/**
 * The service path of one network on this node: made when it is missing or stale. See ARCHITECTURE.md,
 * "Services".
 *
 * @module
 */

import { readTextIfThere } from "../../atomic_file.ts";
import type { Config, ServicesConfig } from "../../config.ts";
import { FabricError } from "../../error.ts";
import type { DatapathNeeds } from "../../host/datapath.ts";
import { findNodeAddresses, setUpServiceDevices } from "../../host/service_device.ts";
import { type ServiceDevices, serviceDevices } from "../../host/service_names.ts";
import { DEFAULT_MTU, type Network } from "../../model/network.ts";
import {
  type Ovsdb,
  putServicePort,
  selectServicePorts,
  type ServicePort,
  servicePortsOf,
  waitForOfport,
} from "../../ovsdb/mod.ts";
import { takeTurn } from "../turn.ts";
import { type ServiceContext, switchFolder } from "./context.ts";
import type { FlowNetwork } from "./flows.ts";
import { flowNetworkOf, restoreFlows } from "./restore.ts";
import { networkRoutes, serviceRules, serviceTableText } from "./rules.ts";

/** A network of this node whose way to Services is to be there. */
export interface ServedNetwork {
  readonly network: Network;
  readonly bridge: string;
  readonly needs: DatapathNeeds;
  readonly bootId: string;
}

/** A network's way to Services as it stands. */
export interface ServicePath {
  readonly devices: ServiceDevices;
  readonly flows: FlowNetwork;
  readonly nodeAddresses: readonly string[];
}

/** Who sets up has so long. */
const SETUP_WAIT_MS = 4_000;

/**
 * The network's way to Services, as the switch's state that was just read tells of it; set up first
 * where that is missing or stale.
 *
 * @throws {FabricError} `host`, `try-again`, or those of the switch.
 */
export async function ensureServicePath(
  context: ServiceContext,
  served: ServedNetwork,
  { db, ports }: { readonly db: Ovsdb; readonly ports: readonly ServicePort[] },
): Promise<ServicePath> {
  const { spec } = served.network;
  const devices = serviceDevices({ physicalNetwork: spec.physicalNetwork, vlan: spec.vlan });
  const expected = { devices, generation: await generationOf(context.config, served) };
  const current = pathOf(ports, expected);
  if (current !== undefined) return current;
  using turn = await takeTurn(context, "services", { waitMs: SETUP_WAIT_MS });
  if (!turn.taken) {
    throw new FabricError("try-again", "Another call sets up the way to Services");
  }
  const read = async (): Promise<ServicePath | undefined> => {
    const [result] = await db.transact([selectServicePorts()]);
    return pathOf(servicePortsOf(result), expected);
  };
  // Another call may have done it meanwhile.
  const again = await read();
  if (again !== undefined) return again;
  await setUp(context, served, { db, ...expected });
  const made = await read();
  if (made === undefined) {
    throw new FabricError("try-again", "The way to Services was changed while it was set up");
  }
  return made;
}

interface Expected {
  readonly devices: ServiceDevices;
  readonly generation: string;
}

function pathOf(
  ports: readonly ServicePort[],
  { devices, generation }: Expected,
): ServicePath | undefined {
  const found = ports.find(({ name }) => name === devices.port);
  if (found === undefined || found.facts["generation"] !== generation) return undefined;
  const flows = flowNetworkOf(found);
  if (flows === undefined) return undefined;
  return { devices, flows, nodeAddresses: factList(found, "node-addresses") };
}

/** Makes everything; may be killed and made again at any point. */
async function setUp(
  context: ServiceContext,
  served: ServedNetwork,
  { db, devices, generation }: Expected & { readonly db: Ovsdb },
): Promise<void> {
  const { config, run, log } = context;
  const { network, bridge, needs } = served;
  const { spec, metadata: { name } } = network;
  const services = servicesOf(config);
  const nodeAddresses = services.nodeAddresses ?? await findNodeAddresses(run, services.cidrs);
  const routed = { devices, subnets: spec.subnets };
  await setUpServiceDevices(run, {
    devices,
    mtu: spec.mtu ?? DEFAULT_MTU,
    needs,
    table: serviceTableText(nodeAddresses),
    routes: [...networkRoutes(routed, 4), ...networkRoutes(routed, 6)],
    rules: {
      4: serviceRules(devices, services.viaNode, 4),
      6: serviceRules(devices, services.viaNode, 6),
    },
  });
  const facts = {
    "network": name,
    "physical-network": spec.physicalNetwork,
    "bridge": bridge,
    "vlan": String(spec.vlan),
    "node-addresses": nodeAddresses.join(","),
    "services": services.cidrs.join(","),
  };
  await putServicePort(db, { bridge, name: devices.port, facts });
  await waitForOfport(db, devices.port, { timeoutMs: SETUP_WAIT_MS, bridge });
  await restoreFlows(context, db, bridge);
  // Last: what is killed before is done again by the next call.
  await putServicePort(db, { bridge, name: devices.port, facts: { ...facts, generation } });
  log.write("info", "way to Services set up", { network: name, device: devices.host });
}

/** @throws {FabricError} `internal` where the configuration has no services. */
function servicesOf({ services }: Pick<Config, "services">): ServicesConfig {
  if (services === undefined) throw new FabricError("internal", "this node has no services");
  return services;
}

/** What the set-up of a network was made for: this boot, vswitchd's life, configuration, network. */
async function generationOf(
  config: Config,
  { network, bridge, needs, bootId }: ServedNetwork,
): Promise<string> {
  const { physicalNetwork, vlan, mtu, subnets } = network.spec;
  const parts = {
    layout: 1,
    bootId,
    switch: switchLife(config),
    services: config.services,
    network: network.metadata.name,
    physicalNetwork,
    vlan,
    mtu,
    subnets: subnets.map(({ cidr, gateway }) => [cidr, gateway]),
    bridge,
    needs,
  };
  const bytes = new TextEncoder().encode(JSON.stringify(parts));
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return hash.subarray(0, 10).toHex();
}

/** Which life of vswitchd this is: with each, the switch forgets its flows. */
function switchLife(config: Pick<Config, "ovsdb">): string {
  const file = `${switchFolder(config)}/ovs-vswitchd.pid`;
  const pid = readTextIfThere(file)?.trim();
  if (pid === undefined) return "unknown";
  return `${pid}@${Deno.statSync(file).mtime?.getTime() ?? 0}`;
}

function factList({ facts }: ServicePort, name: string): readonly string[] {
  const text = facts[name];
  return text === undefined || text === "" ? [] : text.split(",");
}
