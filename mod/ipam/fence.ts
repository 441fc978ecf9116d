/**
 * An administrator's word about a node: it is dead (fence), it may work again (unfence), another
 * machine has its name now (replace). What ran there counts as ended then (rule 7), so the word must
 * be true: fabric cannot see whether a host that does not answer still sends.
 *
 * A node's record says so itself. Every ADD compares it, so none crosses the word: a fenced node, or
 * a machine that the name does not belong to, attaches nothing more. Its DELs do go on: each ends
 * only what its own attachment recorded and still has.
 *
 * @module
 */

import type { Node } from "../model/network.ts";
import type { NodeRef } from "./admit.ts";
import { type IpamContext, timestamp } from "./context.ts";
import { type Decision, runEdit } from "./edit.ts";
import { whyMachineEnded } from "./holder.ts";
import { nodeKey } from "./keys.ts";
import { notFound } from "./kinds.ts";
import { listNodeAttachments, release } from "./release.ts";
import { decodeResource, encodeResource } from "./stored.ts";

/** Who says so, and why; for people. */
export interface Word {
  readonly by?: string;
  readonly reason?: string;
}

export interface NodeChanged {
  readonly outcome: "changed" | "unchanged";
  readonly node: Node;
}

/** Changes a node's record; undefined: it is as it should be. */
async function changeNode(
  context: IpamContext,
  ref: NodeRef,
  change: (node: Node) => Node | undefined,
): Promise<NodeChanged> {
  const key = nodeKey(ref.cluster, ref.node);
  return await runEdit(context, {
    key,
    async decide({ object }): Promise<Decision<NodeChanged>> {
      if (object === undefined) {
        const { cluster, node: name } = ref;
        throw await notFound(context.store, { kind: "Node", name, cluster });
      }
      const node = decodeResource(object, "Node");
      const changed = change(node);
      if (changed === undefined) return { done: { outcome: "unchanged", node } };
      return {
        plan: { compare: [], success: [{ put: key, value: encodeResource(changed) }] },
        result: () => ({ outcome: "changed", node: changed }),
      };
    },
  });
}

/**
 * Says that the node is dead: what is attached there counts as ended, and it attaches nothing more.
 *
 * @throws {FabricError} `not-found`; and as `runEdit`.
 */
export function fenceNode(context: IpamContext, ref: NodeRef, word: Word): Promise<NodeChanged> {
  const fenced = { ...word, at: timestamp(context) };
  return changeNode(
    context,
    ref,
    (node) =>
      node.spec.fenced === undefined ? { ...node, spec: { ...node.spec, fenced } } : undefined,
  );
}

/** Takes the word back: the node may attach again. As {@linkcode fenceNode}. */
export function unfenceNode(context: IpamContext, ref: NodeRef): Promise<NodeChanged> {
  return changeNode(context, ref, (node) => {
    const { fenced, ...spec } = node.spec;
    return fenced === undefined ? undefined : { ...node, spec };
  });
}

/**
 * Gives a node's name to another machine: what the one before attached counts as ended, and it
 * attaches nothing more under this name.
 *
 * @param machineId the machine that shall have the name; absent: the next one that says it.
 * @throws {FabricError} `not-found`; and as `runEdit`.
 */
export function replaceMachine(
  context: IpamContext,
  ref: NodeRef,
  options: Word & { readonly machineId?: string },
): Promise<NodeChanged> {
  const { machineId, ...word } = options;
  return changeNode(context, ref, (node) => {
    const { machineId: before, bootId: _, ...status } = node.status ?? {};
    if (before === machineId) return undefined;
    const others = (node.spec.replaced ?? []).filter((one) => one.machineId !== machineId);
    const gone = before === undefined ||
        others.some((one) => one.machineId === before)
      ? []
      : [{ machineId: before, ...word, at: timestamp(context) }];
    const { replaced: __, ...spec } = node.spec;
    const replaced = [...others, ...gone];
    return {
      ...node,
      spec: { ...spec, ...(replaced.length === 0 ? {} : { replaced }) },
      status: { ...status, ...(machineId === undefined ? {} : { machineId }) },
    };
  });
}

/**
 * Ends the attachments of a node that count as ended, so that their addresses are free or wait for
 * their owners. It may be stopped and said again. How many there were.
 *
 * @throws {FabricError} `not-found`, and as `release`.
 */
export async function releaseEnded(context: IpamContext, ref: NodeRef): Promise<number> {
  const { cluster, node: name } = ref;
  const { kvs } = await context.store.range({ key: nodeKey(cluster, name) });
  const [kv] = kvs;
  if (kv === undefined) throw await notFound(context.store, { kind: "Node", name, cluster });
  const node = decodeResource(kv, "Node");
  let count = 0;
  for await (const record of listNodeAttachments(context.store, cluster, name)) {
    if (whyMachineEnded(record, node) === undefined) continue;
    await release(context, record, { endedBy: "admin" });
    count++;
  }
  return count;
}
