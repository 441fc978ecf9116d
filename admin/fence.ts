/**
 * `fence`, `unfence` and `node replace`: an administrator's word about a host.
 *
 * @module
 */

import {
  fenceNode,
  releaseEnded,
  replaceMachine,
  unfenceNode,
  type Word,
} from "../mod/ipam/fence.ts";
import { getResource } from "../mod/ipam/kinds.ts";
import type { NodeRef } from "../mod/ipam/admit.ts";
import { listNodeAttachments } from "../mod/ipam/release.ts";
import { formatHolder } from "../mod/model/identity.ts";
import type { Node } from "../mod/model/network.ts";
import { DRY_RUN_FLAG, isDryRun } from "./batch.ts";
import type { Call, Command } from "./command.ts";
import { mayGoOn, YES_FLAG } from "./confirm.ts";
import type { AdminContext } from "./context.ts";
import { usageError } from "./exit.ts";
import type { Flag, FlagValues } from "./flags.ts";
import { findNode } from "./node_target.ts";
import { CLUSTER_FLAG } from "./workload_flags.ts";

const REASON_FLAG: Flag = { name: "reason", value: "TEXT", text: "Why; kept with the node" };
const BY_FLAG: Flag = { name: "by", value: "NAME", text: "Who says so; kept with the node" };
const RELEASE_FLAG: Flag = {
  name: "release",
  text: "Also free the addresses that it has; owners keep theirs",
};
const MACHINE_FLAG: Flag = {
  name: "machine-id",
  value: "ID",
  text: "The machine that shall have the name; default: the next one that says it",
};
const NODE_CLUSTER_FLAG: Flag = { ...CLUSTER_FLAG, text: "Cluster of the node" };
/** How many attachments are shown. */
const SHOWN = 5;

function wordOf(flags: FlagValues): Word {
  const by = flags.text(BY_FLAG.name);
  const reason = flags.text(REASON_FLAG.name);
  return {
    ...(by === undefined ? {} : { by }),
    ...(reason === undefined ? {} : { reason }),
  };
}

/** What is attached there, for people. */
async function attachedText(context: AdminContext, { cluster, node }: NodeRef): Promise<string> {
  const shown: string[] = [];
  let count = 0;
  for await (const record of listNodeAttachments(await context.store(), cluster, node)) {
    count++;
    if (count > SHOWN) continue;
    const addresses = record.addresses.map(({ address }) => address.split("/")[0]).join(", ");
    shown.push(`  ${addresses}: ${formatHolder(record)}\n`);
  }
  const more = count > SHOWN ? `  and ${count - SHOWN} more\n` : "";
  const what = count === 1 ? "1 attachment" : `${count} attachments`;
  return `${what} recorded there\n${shown.join("")}${more}`;
}

async function readNode(context: AdminContext, ref: NodeRef): Promise<Node> {
  const { cluster, node: name } = ref;
  return await getResource(await context.store(), { kind: "Node", name, cluster });
}

async function runFence(context: AdminContext, { args, flags }: Call): Promise<void> {
  const ref = await findNode(context, flags, args[0] ?? "");
  const name = `${ref.cluster}/${ref.node}`;
  const node = await readNode(context, ref);
  const release = flags.isSet(RELEASE_FLAG.name);
  if (node.spec.fenced !== undefined && !release) {
    return context.write(`Node ${name} is fenced: unchanged\n`);
  }
  context.write(`Node ${name}: ${await attachedText(context, ref)}`);
  context.write(
    `Fencing says that it is dead. Then workloads take their fixed addresses elsewhere` +
      `${release ? ", all other addresses are free," : ""} and it starts no pod.\n` +
      `If it still runs, two hosts may use one address: see that it is off.\n`,
  );
  const ipam = await context.ipam();
  if (isDryRun(flags)) return context.write(`Node ${name} fenced (dry run)\n`);
  const question = `Fence ${name}?`;
  if (!mayGoOn(context, flags, { question, word: ref.node })) return;
  const { outcome } = await fenceNode(ipam, ref, wordOf(flags));
  context.write(`Node ${name} ${outcome === "changed" ? "fenced" : "is fenced: unchanged"}\n`);
  if (!release) return;
  const count = await releaseEnded(ipam, ref);
  context.write(`${count} attachment${count === 1 ? "" : "s"} of it ended\n`);
}

/** `fence`. */
export const FENCE: Command = {
  name: "fence",
  summary: "Say that a node is dead, so that its fixed addresses can move on",
  args: "[CLUSTER/]NODE",
  count: { min: 1, max: 1 },
  group: "nodes",
  flags: [REASON_FLAG, BY_FLAG, RELEASE_FLAG, NODE_CLUSTER_FLAG, YES_FLAG, DRY_RUN_FLAG],
  notes: [
    "Only for a host that is off or cut off for good: fabric cannot see whether it still sends. It",
    "starts no pod until unfence; its DELs go on, and end nothing that others have by then.",
  ],
  examples: [
    ['fence n7 --reason "power supply, ticket 4711"', "asks for its name"],
    ["fence local/n7 --release --yes", "and frees the addresses that belong to no workload"],
  ],
  run: runFence,
};

async function runUnfence(context: AdminContext, { args, flags }: Call): Promise<void> {
  const ref = await findNode(context, flags, args[0] ?? "");
  const name = `${ref.cluster}/${ref.node}`;
  const node = await readNode(context, ref);
  if (node.spec.fenced === undefined) {
    return context.write(`Node ${name} is not fenced: unchanged\n`);
  }
  context.write(`Node ${name}: ${await attachedText(context, ref)}`);
  context.write(
    "Then it starts pods again. Pods that ran there all the time may use addresses that others\n" +
      "have now: boot it, or end them all, before.\n",
  );
  if (isDryRun(flags)) return context.write(`Node ${name} unfenced (dry run)\n`);
  if (!mayGoOn(context, flags, { question: `Unfence ${name}?`, word: ref.node })) return;
  await unfenceNode(await context.ipam(), ref);
  context.write(`Node ${name} unfenced\n`);
}

/** `unfence`. */
export const UNFENCE: Command = {
  name: "unfence",
  summary: "Say that a fenced node works again",
  args: "[CLUSTER/]NODE",
  count: { min: 1, max: 1 },
  group: "nodes",
  flags: [NODE_CLUSTER_FLAG, YES_FLAG, DRY_RUN_FLAG],
  examples: [["unfence n7", "after it was booted; asks for its name"]],
  run: runUnfence,
};

async function runReplace(context: AdminContext, { args, flags }: Call): Promise<void> {
  const ref = await findNode(context, flags, args[0] ?? "");
  const name = `${ref.cluster}/${ref.node}`;
  const machineId = flags.text(MACHINE_FLAG.name)?.replaceAll("-", "").toLowerCase();
  if (machineId !== undefined && !/^[0-9a-f]{32}$/.test(machineId)) {
    throw usageError(`"${machineId}" is no machine id`, {
      field: `--${MACHINE_FLAG.name}`,
      value: machineId,
      remedy: "give what /etc/machine-id of the new host holds, 32 hexadecimal digits",
    });
  }
  const before = (await readNode(context, ref)).status?.machineId;
  if (before === machineId) {
    return context.write(`Node ${name} ${machineId ?? "waits for a machine"}: unchanged\n`);
  }
  context.write(`Node ${name}: ${await attachedText(context, ref)}`);
  context.write(
    `Its name belongs to the machine ${before ?? "that comes first"}; then to ${
      machineId ?? "the next other one that starts a pod under it"
    }.\nWhat the machine before attached counts as ended, and it starts no pod under this name.\n` +
      "If it still runs, two hosts may use one address: see that it is off.\n",
  );
  if (isDryRun(flags)) return context.write(`Node ${name} replaced (dry run)\n`);
  if (!mayGoOn(context, flags, { question: `Replace ${name}?`, word: ref.node })) return;
  const options = machineId === undefined ? {} : { machineId };
  await replaceMachine(await context.ipam(), ref, { ...wordOf(flags), ...options });
  context.write(`Node ${name} replaced\n`);
}

/** `node replace`. */
export const NODE_REPLACE: Command = {
  name: "node replace",
  summary: "Give a node's name to another machine",
  args: "[CLUSTER/]NODE [--machine-id ID]",
  count: { min: 1, max: 1 },
  group: "nodes",
  flags: [MACHINE_FLAG, REASON_FLAG, BY_FLAG, NODE_CLUSTER_FLAG, YES_FLAG, DRY_RUN_FLAG],
  notes: [
    "A host that was installed again, or another one that took the name, is refused until this says",
    "that it is meant; the error of its pods names its machine id.",
  ],
  examples: [
    ["node replace n7 --machine-id 4c4c4544003957108052b4c04f384833", "asks for its name"],
  ],
  run: runReplace,
};
