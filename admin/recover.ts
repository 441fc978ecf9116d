/**
 * `recover`: a store that was restored is compared with what every node holds, before pods start.
 *
 * @module
 */

import { asFabricError, FabricError, isKind } from "../mod/error.ts";
import type { Header } from "../mod/etcd/store.ts";
import { replaceFile } from "../mod/atomic_file.ts";
import type { IpamContext } from "../mod/ipam/context.ts";
import { META_ERA } from "../mod/ipam/keys.ts";
import { parseAnswer, type RecoverAnswer } from "../mod/ipam/recover/answer.ts";
import { mergeAnswer, type Merged, retryWaiting } from "../mod/ipam/recover/merge.ts";
import {
  expectNodes,
  finishRecovery,
  giveUpNode,
  type NodeState,
  readComparing,
  readRecovery,
  type RecoverState,
  startRecovery,
  type Waiting,
} from "../mod/ipam/recover/state.ts";
import { collectAnswer } from "../mod/node/collect.ts";
import { acceptStore } from "../mod/node/known_store.ts";
import { DRY_RUN_FLAG, isDryRun } from "./batch.ts";
import type { Call, Command } from "./command.ts";
import { mayGoOn, YES_FLAG } from "./confirm.ts";
import type { AdminContext } from "./context.ts";
import { EXIT } from "./exit.ts";
import type { Flag } from "./flags.ts";
import { nodeContext } from "./node_check.ts";
import { alignRows, columnWidths } from "./print/align.ts";
import { CLUSTER_FLAG, clusterOf } from "./workload_flags.ts";

const REASON_FLAG: Flag = { name: "reason", value: "TEXT", text: "Why; kept until the end" };
const SHOWN = 20;

function stateText({ cluster, node, answered }: NodeState): readonly string[] {
  const name = `${cluster}/${node}`;
  if (answered === undefined) return [name, "has not answered", ""];
  if (answered.givenUp !== undefined) {
    return [name, "given up", answered.givenUp.reason ?? ""];
  }
  const { held = 0, recorded = 0, ended = 0, at } = answered;
  return [name, `answered at ${at}`, `${held} held, ${recorded} recorded again, ${ended} ended`];
}

function showState(context: AdminContext, state: RecoverState): void {
  const silent = state.nodes.filter(({ answered }) => answered === undefined);
  const rows = [...silent, ...state.nodes.filter(({ answered }) => answered !== undefined)];
  const shown = rows.slice(0, SHOWN).map(stateText);
  if (shown.length > 0) context.write(alignRows(shown, columnWidths(shown)));
  if (rows.length > SHOWN) context.write(`and ${rows.length - SHOWN} more nodes\n`);
  showWaiting(context, state.waiting);
}

function showWaiting(context: AdminContext, waiting: readonly Waiting[]): void {
  for (const { attachment, why } of waiting.slice(0, SHOWN)) {
    context.write(`waits: ${attachment}: ${why}\n`);
  }
  if (waiting.length > SHOWN) context.write(`and ${waiting.length - SHOWN} more wait\n`);
}

async function runStatus(context: AdminContext): Promise<void> {
  const state = await readRecovery(await context.ipam());
  const { recovering } = state.era;
  if (recovering === undefined) {
    return context.write(
      "The store is not being recovered. If etcd was restored or replaced by other means than\n" +
        "fabric-admin restore, and pods do not start for that: fabric-admin recover start\n",
    );
  }
  if (recovering.phase === "restoring") {
    return context.write(
      `A backup is being restored since ${recovering.since}; if that was stopped, run it again.\n`,
    );
  }
  context.write(`Pods wait since ${recovering.since} until every node was compared.\n`);
  showState(context, state);
  const silent = state.nodes.filter(({ answered }) => answered === undefined).length;
  context.write(
    silent > 0
      ? `Next: fabric-admin recover collect on ${silent === 1 ? "that node" : "these nodes"}\n`
      : state.waiting.length > 0
      ? "Next: do what it says, then recover collect on that node again\n"
      : "Next: fabric-admin recover finish\n",
  );
}

/** `recover`. */
export const RECOVER: Command = {
  name: "recover",
  summary: "Show how far a recovery is, after etcd was restored",
  args: "",
  count: { min: 0, max: 0 },
  group: "store",
  flags: [],
  notes: [
    "After a restore no pod starts: every free address may be one that a node uses. So each node says",
    "what it holds (recover collect), which is recorded again; then recover finish.",
  ],
  examples: [["recover", "which nodes have answered, and what is next"]],
  run: runStatus,
};

/** `recover start`. */
export const RECOVER_START: Command = {
  name: "recover start",
  summary: "Stop ADDs until every node was compared with the store",
  args: "",
  count: { min: 0, max: 0 },
  group: "store",
  flags: [YES_FLAG],
  notes: ["For an etcd that was restored from a snapshot, or replaced. After restore it is so."],
  examples: [["recover start", "asks; then no pod starts until recover finish"]],
  async run(context, { flags }) {
    const question = "No pod starts on any node until recover finish. Begin?";
    if (!mayGoOn(context, flags, { question })) return;
    const started = await startRecovery(await context.ipam());
    context.write(
      started
        ? "Pods wait. Next, on every node: fabric-admin recover collect\n"
        : "The store is being recovered already: unchanged\n",
    );
  },
};

function mergedText({ cluster, node, held, recorded, ended, doubtful }: Merged): string {
  const lines = [
    `Node ${cluster}/${node}: ${held} attachment${held === 1 ? "" : "s"} held, ` +
    `${recorded.length} recorded again, ${ended.length} ended`,
    ...doubtful.slice(0, SHOWN).map(({ containerId, ifname }) =>
      `  ${containerId} (${ifname}) stays: its device is there, though no port says so`
    ),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

async function merge(
  context: AdminContext,
  ipam: IpamContext,
  answers: readonly RecoverAnswer[],
): Promise<void> {
  for (const answer of answers) {
    for (const { port, addresses } of answer.unreadable) {
      context.warn(
        `port ${port} of node ${answer.cluster}/${answer.node} does not say whose it is` +
          `${addresses === undefined ? "" : `, only that it has ${addresses}`}: end that pod`,
      );
      context.end(EXIT.damage);
    }
    context.write(mergedText(await mergeAnswer(ipam, answer)));
  }
  const waiting = await retryWaiting(ipam);
  showWaiting(context, waiting);
}

/** The store, where it can be reached. */
async function lookAtStore(ipam: IpamContext): Promise<Header | undefined> {
  try {
    return (await ipam.store.range({ key: META_ERA })).header;
  } catch (error) {
    if (!isKind(error, "unavailable")) throw error;
    return undefined;
  }
}

async function runCollect(context: AdminContext, { flags }: Call): Promise<void> {
  const file = flags.text("file");
  const node = await nodeContext(context);
  const { ipam, config } = node;
  const seen = file === undefined
    ? (await readComparing(ipam), await lookAtStore(ipam))
    : await lookAtStore(ipam);
  const answer = await collectAnswer(node, seen);
  if (file === undefined) await merge(context, ipam, [answer]);
  else {
    const path = file.includes("/") ? file : `./${file}`;
    replaceFile(path, `${JSON.stringify(answer)}\n`, { unique: node.id, durable: true });
    context.write(
      `Node ${answer.cluster}/${answer.node}: ${answer.attachments.length} attachments held, ` +
        `written to ${file}. Next, anywhere: fabric-admin recover merge ${file}\n`,
    );
  }
  if (seen === undefined) {
    return context.warn("etcd does not answer: run recover collect once more when it does");
  }
  // From now on this is the store that the node knows; what it says of a recovery stops ADDs.
  acceptStore(config.stateDir, seen, node.id);
}

/** `recover collect`. */
export const RECOVER_COLLECT: Command = {
  name: "recover collect",
  summary: "On a node: tell the store what the node holds",
  args: "[--file FILE]",
  count: { min: 0, max: 0 },
  group: "store",
  flags: [{ name: "file", value: "FILE", text: "Write it to a file, for recover merge" }],
  notes: [
    "To be run as root on every node. What runs is recorded again, under the address that it has; what",
    "the store says of the node and does not run any more is ended. It may be run again at any time.",
  ],
  examples: [
    ["recover collect", "straight into the store"],
    ["recover collect --file n7.json", "to carry it there"],
  ],
  run: runCollect,
};

async function readAnswer(path: string): Promise<RecoverAnswer> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (cause) {
    throw new FabricError("invalid", `Cannot read ${path}: ${asFabricError(cause).message}`, {
      field: "FILE",
      value: path,
      remedy: "name files that recover collect --file wrote",
      cause,
    });
  }
  return parseAnswer(text, path);
}

/** `recover merge`. */
export const RECOVER_MERGE: Command = {
  name: "recover merge",
  summary: "Merge the files of recover collect into the store",
  args: "FILE...",
  count: { min: 1, max: Infinity },
  group: "store",
  completes: "file",
  flags: [],
  notes: ["In any order, and as often as one likes. Nothing is merged unless every file is right."],
  examples: [["recover merge n7.json n8.json", "the answers of two nodes"]],
  async run(context, { args }) {
    const answers = await Promise.all(args.map(readAnswer));
    await merge(context, await context.ipam(), answers);
  },
};

/** `recover expect`. */
export const RECOVER_EXPECT: Command = {
  name: "recover expect",
  summary: "Wait for nodes, too, that the store does not know",
  args: "[CLUSTER/]NODE...",
  count: { min: 1, max: Infinity },
  group: "store",
  flags: [CLUSTER_FLAG],
  notes: ["For nodes that joined after the backup was made. They answer as the others do."],
  examples: [["recover expect n8 n9", "of the cluster of this host's configuration"]],
  async run(context, { args, flags }) {
    const own = await clusterOf(context, flags);
    const refs = args.map((text) => {
      const slash = text.indexOf("/");
      return { cluster: slash < 0 ? own : text.slice(0, slash), node: text.slice(slash + 1) };
    });
    await expectNodes(await context.ipam(), refs);
    for (const { cluster, node } of refs) {
      context.write(`Node ${cluster}/${node} is waited for\n`);
    }
  },
};

/** `recover give-up`. */
export const RECOVER_GIVE_UP: Command = {
  name: "recover give-up",
  summary: "Say that a node will not answer any more",
  args: "[CLUSTER/]NODE",
  count: { min: 1, max: 1 },
  group: "store",
  flags: [REASON_FLAG, CLUSTER_FLAG, YES_FLAG],
  notes: [
    "What the store has recorded there stays its own. What it got after the backup nobody knows, and",
    "others will get: it must be off. To move its fixed addresses elsewhere, fence it as well.",
  ],
  examples: [['recover give-up n7 --reason "scrapped"', "asks for its name"]],
  async run(context, { args, flags }) {
    const ipam = await context.ipam();
    const ref = await waitedFor(ipam, args[0] ?? "", flags.text(CLUSTER_FLAG.name));
    const name = `${ref.cluster}/${ref.node}`;
    context.write(
      `Node ${name} is not waited for then. If it still runs, its addresses may be given to others:\n` +
        "see that it is off.\n",
    );
    if (!mayGoOn(context, flags, { question: `Give up ${name}?`, word: ref.node })) return;
    const reason = flags.text(REASON_FLAG.name);
    await giveUpNode(ipam, ref, reason === undefined ? {} : { reason });
    context.write(`Node ${name} given up\n`);
  },
};

/** The node of the recovery that `[CLUSTER/]NODE` means. */
async function waitedFor(
  ipam: IpamContext,
  text: string,
  cluster: string | undefined,
): Promise<NodeState> {
  const { nodes } = await readRecovery(ipam);
  const slash = text.indexOf("/");
  const of = slash < 0 ? cluster : text.slice(0, slash);
  const name = text.slice(slash + 1);
  const found = nodes.filter((one) =>
    one.node === name && (of === undefined || one.cluster === of)
  );
  const [first] = found;
  if (first !== undefined && found.length === 1) return first;
  throw new FabricError(
    first === undefined ? "not-found" : "conflict",
    first === undefined
      ? `No node ${text} is waited for`
      : `Several nodes are called ${name}: ${
        found.map((one) => `${one.cluster}/${one.node}`).join(", ")
      }`,
    {
      field: "NODE",
      value: text,
      remedy: first === undefined ? "see fabric-admin recover" : "write CLUSTER/NODE",
    },
  );
}

/** `recover finish`. */
export const RECOVER_FINISH: Command = {
  name: "recover finish",
  summary: "End the recovery when every node has answered: pods start again",
  args: "",
  count: { min: 0, max: 0 },
  group: "store",
  flags: [YES_FLAG, DRY_RUN_FLAG],
  notes: [
    "It names the nodes that have not answered, and what waits. Nodes that registered after the backup",
    "are known by recover expect, by their answers, or by the store that was overwritten.",
  ],
  examples: [["recover finish", "shows all nodes, and asks whether they are all"]],
  async run(context, { flags }) {
    const ipam = await context.ipam();
    const state = await readRecovery(ipam);
    if (state.era.recovering !== undefined) showState(context, state);
    const isReady = state.waiting.length === 0 && state.era.recovering !== undefined &&
      state.nodes.every(({ answered }) => answered !== undefined);
    if (isReady) {
      context.write("A node that is not named here may use addresses that others get then.\n");
      if (isDryRun(flags)) return context.write("Recovery ended (dry run)\n");
      const question = "Are these all nodes? Pods start again.";
      if (!mayGoOn(context, flags, { question })) return;
    }
    await finishRecovery(ipam);
    context.write("Recovery ended: pods start again\n");
  },
};
