/**
 * Which slot of its workload a Pod has: what stays when the Pod is replaced.
 *
 * @module
 */

import type { Workload } from "./owner.ts";
import type { KubePod } from "./objects.ts";

/** The slot of a Pod. */
export type PodSlot =
  /** Its name says which: an ordinal, a completion index. `index`: the place in a list. */
  | { readonly kind: "ordinal"; readonly slot: string; readonly index: number }
  /** One per node. */
  | { readonly kind: "node"; readonly slot: string }
  /** The workload is the Pod. */
  | { readonly kind: "only"; readonly slot: string }
  /** Its Pods are alike: it takes any slot whose holder is gone. */
  | { readonly kind: "any" };

const JOB_INDEX = "batch.kubernetes.io/job-completion-index";

/** The slot of the Pod in its workload, on this node. */
export function slotOf(
  pod: KubePod,
  { workload, node }: { readonly workload: Workload; readonly node: string },
): PodSlot {
  const { group, kind, object } = workload;
  if (group === "" && kind === "Pod") return { kind: "only", slot: "0" };
  if (group === "apps" && kind === "StatefulSet") {
    const ordinal = /-(\d{1,9})$/.exec(pod.metadata.name)?.[1];
    if (ordinal !== undefined) {
      const start = object?.spec.ordinals?.start ?? 0;
      return { kind: "ordinal", slot: ordinal, index: Number(ordinal) - start };
    }
  }
  if (group === "apps" && kind === "DaemonSet") return { kind: "node", slot: node };
  const index = pod.metadata.annotations[JOB_INDEX];
  if (group === "batch" && index !== undefined && /^\d{1,9}$/.test(index)) {
    return { kind: "ordinal", slot: index, index: Number(index) };
  }
  return { kind: "any" };
}
