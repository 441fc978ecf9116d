/**
 * Notes about pods that have the service path: one small file per port in a folder that a boot empties,
 * as it does the kernel's routes. A DEL knows nothing but the port's name, and a set-up that
 * finds the switch without flows makes those of all pods again.
 *
 * A file is lines, because a shell reads it: bridge, the node's device, the network's name, the pod's MAC, addresses.
 * A DEL renames it to `<port>.ending` first, so that nobody makes again what it takes away.
 *
 * @module
 */

import { readTextIfThere, replaceFile } from "../../atomic_file.ts";
import type { Config } from "../../config.ts";
import type { PodServices } from "../../host/plumb.ts";
import { switchFolder } from "./context.ts";
import { podCookie } from "./cookie.ts";

/** What is known of a pod that has the service path. */
export interface ServiceNote {
  /** Name of its port. */
  readonly port: string;
  readonly bridge: string;
  /** The node's device of its network. */
  readonly device: string;
  /** Name of the network. */
  readonly network: string;
  readonly mac: string;
  /** Without prefix length. */
  readonly addresses: readonly string[];
}

/** The folder. */
export function noteFolder({ runDir }: Pick<Config, "runDir">): string {
  return `${runDir}/services`;
}

/** Writes the note. */
export function writeNote(config: Pick<Config, "runDir">, note: ServiceNote, id: string): void {
  const { port, bridge, device, network, mac, addresses } = note;
  const text = [bridge, device, network, mac, ...addresses, ""].join("\n");
  replaceFile(`${noteFolder(config)}/${port}`, text, { unique: id });
}

/** The note about a port; undefined when there is none. */
export function readNote(config: Pick<Config, "runDir">, port: string): ServiceNote | undefined {
  const text = readTextIfThere(`${noteFolder(config)}/${port}`);
  const [bridge, device, network, mac, ...rest] = text?.split("\n") ?? [];
  const addresses = rest.filter((line) => line !== "");
  if (
    bridge === undefined || device === undefined || network === undefined || mac === undefined
  ) return undefined;
  return { port, bridge, device, network, mac, addresses };
}

/** All notes, without those of pods that are ending. */
export function readNotes(config: Pick<Config, "runDir">): readonly ServiceNote[] {
  let names: readonly string[];
  try {
    names = [...Deno.readDirSync(noteFolder(config))].map(({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
  // Ports' names have no dot.
  return names.filter((name) => !name.includes("."))
    .sort().flatMap((port) => readNote(config, port) ?? []);
}

/** What `unplumb()` has to know to take it back, also long after services were switched off. */
export function podServices(config: Pick<Config, "runDir" | "ovsdb">, port: string): PodServices {
  return {
    note: `${noteFolder(config)}/${port}`,
    cookie: podCookie(port),
    bridges: switchFolder(config),
  };
}
