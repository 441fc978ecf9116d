/**
 * Layer `namespace`: the pod's network namespace, with the interface in it.
 *
 * @module
 */

import type { Verdict } from "../layer.ts";

export interface NamespaceFacts {
  readonly netns: string;
  readonly ifname: string;
  /** There is a namespace at the path. */
  readonly exists: boolean;
  /** There is such an interface in it. */
  readonly hasInterface: boolean;
  /** The record is of an earlier life of this machine. */
  readonly otherBoot: boolean;
}

/** Judges it. */
export function judgeNamespace(facts: NamespaceFacts): Verdict {
  const { netns, ifname, exists, hasInterface, otherBoot } = facts;
  if (!exists) {
    const why = otherBoot
      ? "this machine has booted since the pod was attached"
      : "the sandbox has ended, and its DEL never came or has not yet";
    return {
      status: "broken",
      says: `the pod's network namespace ${netns} is gone: ${why}`,
      evidence: [{ source: netns, says: "no namespace is mounted there" }],
      proof: `nsenter --net=${netns} -- ip -brief address`,
      remedy: "see with the container runtime whether the pod runs (crictl pods); delete it there",
    };
  }
  const proof = `nsenter --net=${netns} -- ip -brief link`;
  if (!hasInterface) {
    return {
      status: "broken",
      says: `the pod's namespace has no interface ${ifname}`,
      evidence: [{ source: netns, says: `has no ${ifname}` }],
      proof,
      remedy: "somebody took it away: delete the pod, and let it be made anew",
    };
  }
  return { status: "ok", says: `${netns} has ${ifname}`, proof };
}
