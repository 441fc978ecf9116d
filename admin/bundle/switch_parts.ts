/**
 * Parts about the switch: its database, flows and tables.
 *
 * @module
 */

import type { Part, Sources } from "./part.ts";

/** Commands of vswitchd that take no argument. */
const COMMANDS = ["version", "dpif/show", "dpctl/dump-flows", "bond/show", "memory/show"] as const;

/** All of them. */
export function switchParts({ scene, run, config }: Sources): readonly Part[] {
  if (scene === undefined || config === undefined) return [];
  const bridges = [
    ...new Set(Object.values(config.physicalNetworks).map(({ bridge }) => bridge)),
  ];
  const ask = async (command: string, ...args: readonly string[]): Promise<string> =>
    await (await scene.control()).call(command, ...args);
  return [
    {
      name: "switch/ovsdb.json",
      about: "the whole database of Open vSwitch, one table a line",
      text: async () => {
        const socket = `unix:${config.ovsdb.socket}`;
        const script = 'ovsdb-client --timeout=10 --format=json dump "$1" Open_vSwitch';
        return (await run(["sh", "-c", script, "sh", socket])).stdout;
      },
    },
    ...COMMANDS.map((command): Part => ({
      name: `switch/${command.replace("/", "-")}.txt`,
      about: `ovs-appctl ${command}`,
      text: () => ask(command),
    })),
    ...bridges.flatMap((bridge): readonly Part[] => [
      {
        name: `switch/${bridge}-flows.txt`,
        about: `all flows of ${bridge}`,
        text: () => ask("bridge/dump-flows", bridge),
      },
      {
        name: `switch/${bridge}-macs.txt`,
        about: `which MACs ${bridge} has learned`,
        text: () => ask("fdb/show", bridge),
      },
    ]),
  ];
}
