/**
 * The flows of the service path, made again: vswitchd forgets them with each of its lives.
 *
 * @module
 */

import { type Ovsdb, readOfports, selectServicePorts, servicePortsOf } from "../../ovsdb/mod.ts";
import { bridgeTarget, type ServiceContext } from "./context.ts";
import { BRIDGE_COOKIE, networkCookie, podCookie } from "./cookie.ts";
import { bridgeFlows, networkFlows, podFlows } from "./flows.ts";
import { readNote, readNotes, type ServiceNote } from "./notes.ts";
import { devicesOf, flowNetworkOf, servedOf } from "./served.ts";

/** The flows that a bridge shall have, by cookie. */
export interface WantedFlows {
  readonly byCookie: ReadonlyMap<string, readonly string[]>;
  /** The notes of pods that are among them. */
  readonly notes: readonly ServiceNote[];
}

/** Reads what is attached now, and says which flows belong to it. */
export async function wantedFlows(
  { config }: Pick<ServiceContext, "config">,
  db: Ovsdb,
  bridge: string,
): Promise<WantedFlows> {
  const [result] = await db.transact([selectServicePorts()]);
  const ports = servicePortsOf(result).filter(({ facts }) => facts["bridge"] === bridge);
  const networks = new Map(ports.flatMap((port) => {
    const [served, network] = [servedOf(port), flowNetworkOf(port)];
    if (served === undefined || network === undefined) return [];
    return [[devicesOf(served).host, network] as const];
  }));
  const notes = readNotes(config).filter((note) => note.bridge === bridge);
  const ofports = await readOfports(db, notes.map(({ port }) => port));
  const byCookie = new Map<string, readonly string[]>([[BRIDGE_COOKIE, bridgeFlows()]]);
  for (const network of networks.values()) {
    byCookie.set(networkCookie(network), networkFlows(network));
  }
  for (const { port: name, device, mac, addresses } of notes) {
    const [network, ofport] = [networks.get(device), ofports.get(name)];
    if (network === undefined || ofport === undefined) continue;
    byCookie.set(podCookie(name), podFlows({ name, ofport, mac, addresses }, network));
  }
  return { byCookie, notes };
}

/**
 * Makes the flows of all networks and pods of a bridge again, in one bundle: traffic does not notice.
 * Other flows of the bridge stay.
 */
export async function restoreFlows(
  context: ServiceContext,
  db: Ovsdb,
  bridge: string,
): Promise<void> {
  const { byCookie, notes } = await wantedFlows(context, db, bridge);
  await changeFlows(
    context,
    bridge,
    [...byCookie].flatMap(([cookie, flows]) => [deleteFlows(cookie), ...flows]),
  );
  // A DEL renames its note before it deletes flows: so one of the two deletes what was made again.
  const gone = notes.filter(({ port }) => readNote(context.config, port) === undefined);
  if (gone.length === 0) return;
  await changeFlows(
    context,
    bridge,
    gone.map(({ port }) => deleteFlows(podCookie(port))),
  );
}

/** The line that deletes the flows of a cookie. */
export function deleteFlows(cookie: string): string {
  return `delete cookie=${cookie}/-1`;
}

/** All of the lines, or none. */
export async function changeFlows(
  { config, run }: ServiceContext,
  bridge: string,
  lines: readonly string[],
): Promise<void> {
  const to = bridgeTarget(config, bridge);
  await run(["sh", "-c", 'ovs-ofctl --timeout=4 --bundle add-flows "$1" -', "sh", to], {
    stdin: `${lines.join("\n")}\n`,
  });
}
