/**
 * Layer `veth`: the pair of devices between the pod and the host.
 *
 * @module
 */

import type { SeenLink } from "../../host/observe.ts";
import type { Verdict } from "../layer.ts";

export interface VethFacts {
  /** Name of the host's end. */
  readonly name: string;
  readonly host: SeenLink | undefined;
  /** The pod's interface. */
  readonly pod: SeenLink;
}

/** Judges it. */
export function judgeVeth({ name, host, pod }: VethFacts): Verdict {
  const proof = `ip -d link show dev ${name}`;
  if (host === undefined) {
    return {
      status: "broken",
      says: `the host's end ${name} of the pod's cable is gone`,
      evidence: [{ source: proof, says: "does not exist" }],
      proof,
      remedy: "delete the pod, and let it be made anew",
    };
  }
  const flags = `${host.up ? "UP" : "DOWN"}, ${host.carrier === true ? "carrier" : "no carrier"}`;
  if (host.peer !== pod.ifindex || pod.peer !== host.ifindex) {
    return {
      status: "broken",
      says: `${name} is not the other end of the pod's ${pod.name}`,
      evidence: [
        { source: name, says: `number ${host.ifindex}, its other end has ${host.peer ?? "none"}` },
        {
          source: pod.name,
          says: `number ${pod.ifindex}, its other end has ${pod.peer ?? "none"}`,
        },
      ],
      proof,
      remedy: "delete the pod, and let it be made anew",
    };
  }
  if (!host.up) {
    return {
      status: "broken",
      says: `the host's end ${name} of the pod's cable is set down`,
      evidence: [{ source: proof, says: flags }],
      proof,
      remedy: `ip link set dev ${name} up`,
    };
  }
  if (host.carrier !== true) {
    return {
      status: "broken",
      says: `the host's end ${name} of the pod's cable has no carrier`,
      evidence: [{ source: proof, says: flags }],
      proof,
      remedy: "see that both ends are up",
    };
  }
  const notes = pod.mtu > host.mtu
    ? [`the pod's MTU is ${pod.mtu}, the host's end has ${host.mtu}: large packets are lost`]
    : [];
  return { status: "ok", says: `${name} is up, with a carrier`, proof, notes };
}
