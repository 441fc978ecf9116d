/**
 * The flows of the service path, made again: vswitchd forgets them with each of its lives.
 *
 * @module
 */

import { serviceDevices } from "../../host/service_names.ts";
import {
  type Ovsdb,
  readOfports,
  selectServicePorts,
  type ServicePort,
  servicePortsOf,
} from "../../ovsdb/mod.ts";
import { bridgeTarget, type ServiceContext } from "./context.ts";
import {
  BRIDGE_COOKIE,
  bridgeFlows,
  type FlowNetwork,
  networkCookie,
  networkFlows,
  podCookie,
  podFlows,
} from "./flows.ts";
import { readNote, readNotes } from "./notes.ts";

/**
 * Makes the flows of all networks and pods of a bridge again, in one bundle: traffic does not notice.
 * Other flows of the bridge stay.
 */
export async function restoreFlows(
  context: ServiceContext,
  db: Ovsdb,
  bridge: string,
): Promise<void> {
  const { config } = context;
  const [result] = await db.transact([selectServicePorts()]);
  const networks = new Map(
    servicePortsOf(result).filter(({ facts }) => facts["bridge"] === bridge)
      .flatMap((port) => {
        const network = flowNetworkOf(port);
        return network === undefined ? [] : [[deviceOf(network, port), network] as const];
      }),
  );
  const notes = readNotes(config).filter((note) => note.bridge === bridge);
  const ofports = await readOfports(db, notes.map(({ port }) => port));
  const pods = notes.flatMap((note) => {
    const network = networks.get(note.device);
    const ofport = ofports.get(note.port);
    if (network === undefined || ofport === undefined) return [];
    const { port: name, mac, addresses } = note;
    return [
      `delete cookie=${podCookie(name)}/-1`,
      ...podFlows({ name, ofport, mac, addresses }, network),
    ];
  });
  await changeFlows(context, bridge, [
    `delete cookie=${BRIDGE_COOKIE}/-1`,
    ...bridgeFlows(),
    ...[...networks.values()].flatMap((network) => [
      `delete cookie=${networkCookie(network)}/-1`,
      ...networkFlows(network),
    ]),
    ...pods,
  ]);
  // A DEL renames its note before it deletes flows: so one of the two deletes what was made again.
  const gone = notes.filter(({ port }) => readNote(config, port) === undefined);
  if (gone.length === 0) return;
  await changeFlows(
    context,
    bridge,
    gone.map(({ port }) => `delete cookie=${podCookie(port)}/-1`),
  );
}

/** The network that a service port stands for; undefined where vswitchd has it not, or no facts say. */
export function flowNetworkOf({ ofport, facts }: ServicePort): FlowNetwork | undefined {
  const vlan = Number(facts["vlan"]);
  const physicalNetwork = facts["physical-network"];
  if (ofport === undefined || physicalNetwork === undefined || !Number.isInteger(vlan)) {
    return undefined;
  }
  const sources = [facts["services"], facts["node-addresses"]]
    .flatMap((text) => text?.split(",") ?? []).filter((text) => text !== "");
  return { vlan, port: ofport, mark: serviceDevices({ physicalNetwork, vlan }).mark, sources };
}

function deviceOf({ vlan }: FlowNetwork, { facts }: ServicePort): string {
  return serviceDevices({ physicalNetwork: facts["physical-network"] ?? "", vlan }).host;
}

/** All of the lines, or none. */
async function changeFlows(
  { config, run }: ServiceContext,
  bridge: string,
  lines: readonly string[],
): Promise<void> {
  const to = bridgeTarget(config, bridge);
  await run(["sh", "-c", 'ovs-ofctl --timeout=4 --bundle add-flows "$1" -', "sh", to], {
    stdin: `${lines.join("\n")}\n`,
  });
}
