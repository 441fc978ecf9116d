/**
 * The one node that `[CLUSTER/]NAME` means.
 *
 * @module
 */

import { FabricError } from "../mod/error.ts";
import type { NodeRef } from "../mod/ipam/admit.ts";
import { notFound } from "../mod/ipam/kinds.ts";
import type { AdminContext } from "./context.ts";
import type { FlagValues } from "./flags.ts";
import { clustersOfNode } from "./kinds/node.ts";
import { CLUSTER_FLAG } from "./workload_flags.ts";

/** @throws {FabricError} `not-found`; `conflict` where several clusters have a node of the name. */
export async function findNode(
  context: AdminContext,
  flags: FlagValues,
  text: string,
): Promise<NodeRef> {
  const slash = text.indexOf("/");
  const named = slash < 0 ? flags.text(CLUSTER_FLAG.name) : text.slice(0, slash);
  const node = text.slice(slash + 1);
  if (named !== undefined) return { cluster: named, node };
  const clusters = await clustersOfNode(await context.source(), { node });
  const [cluster] = clusters;
  if (cluster === undefined) {
    const { cluster: own } = await context.config();
    throw await notFound(await context.store(), { kind: "Node", name: node, cluster: own });
  }
  if (clusters.length === 1) return { cluster, node };
  const all = clusters.map((one) => `${one}/${node}`).join(", ");
  throw new FabricError("conflict", `Several nodes are called ${node}: ${all}`, {
    field: "NODE",
    value: node,
    remedy: "name its cluster too, as CLUSTER/NAME",
  });
}
