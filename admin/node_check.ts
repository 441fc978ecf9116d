/**
 * The check of the node that the command line is used on.
 *
 * @module
 */

import { ulid } from "@std/ulid";
import { type Config, DEFAULT_CONFIG_FILE } from "../mod/config.ts";
import { FabricError } from "../mod/error.ts";
import { readClock } from "../mod/etcd/clock.ts";
import { checkNode } from "../mod/node/check/check.ts";
import { connectSwitch, INSTALLED, type NodeContext } from "../mod/node/context.ts";
import type { Checker } from "./checkers.ts";
import type { AdminContext } from "./context.ts";
import { nodeRun } from "./node_run.ts";

/** The node, as a check and a repair of it need it. */
export async function nodeContext(context: AdminContext): Promise<NodeContext> {
  const config = await context.config();
  const options = await context.storeOptions();
  return {
    config,
    configFile: context.configFile ?? DEFAULT_CONFIG_FILE,
    run: nodeRun(),
    ipam: await context.ipam(),
    id: ulid(),
    folders: INSTALLED,
    connect: () => connectSwitch(config),
    clock: () => readClock(options, () => context.now()),
  };
}

/** Why this host cannot be checked as a node; undefined where it is one. */
function whyNot(config: Config): string | undefined {
  if (Object.keys(config.physicalNetworks).length === 0) {
    return "its configuration names no bridge";
  }
  return Deno.uid() === 0 ? undefined : "only root can look into pods";
}

/** Checks this node; a host that is none is left out, unless it was asked for. */
export const NODE: Checker = {
  sources: ["node", "pods", "wire"],
  check: async (context, { sources, asked, onProgress }) => {
    const reason = whyNot(await context.config());
    if (reason !== undefined && !asked) {
      return { findings: [], looked: "", truncated: false };
    }
    if (reason !== undefined) {
      throw new FabricError("invalid", `This host cannot be checked as a node: ${reason}`, {
        field: "--config",
        remedy: "run it as root on the node, with the configuration of the plugin",
      });
    }
    const report = await checkNode(await nodeContext(context), { sources, onProgress });
    const { findings, attachments, unseen } = report;
    return {
      findings,
      looked: `${attachments} attachment${attachments === 1 ? "" : "s"} of this node`,
      truncated: false,
      ...(unseen.length === 0 ? {} : { unseen: unseen.join("; ") }),
    };
  },
};
