/**
 * Whether an administrator has said of a node that it is dead, so that its Pods may run elsewhere:
 * the taint `node.kubernetes.io/out-of-service` (Kubernetes, Non-graceful node shutdown handling).
 * That a node is NotReady, or unreachable, is no such word: what runs there may run on.
 *
 * @module
 */

import { isKind } from "../error.ts";
import type { KubeClient } from "./client.ts";
import { parseNode } from "./objects.ts";
import { nodePath } from "./paths.ts";

const OUT_OF_SERVICE = "node.kubernetes.io/out-of-service";

/**
 * True where the node has the taint. A node that is not in the API is not known to be dead.
 *
 * @throws {FabricError} Those of the client.
 */
export async function isFenced(client: KubeClient, node: string): Promise<boolean> {
  try {
    const { spec } = parseNode(await client.get(nodePath(node)));
    return spec.taints.some(({ key }) => key === OUT_OF_SERVICE);
  } catch (error) {
    if (isKind(error, "not-found")) return false;
    throw error;
  }
}
