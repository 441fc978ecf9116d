/**
 * Layers `vlan` and `gateway`: does the wire carry the VLAN, and does the router answer. Both are
 * judged from the same questions, because a VLAN that is not carried and a gateway that is down
 * look the same to who asks the gateway alone: so others are asked too.
 *
 * @module
 */

import type { Evidence, Verdict } from "../layer.ts";
import { answers, type Claim, type Heard } from "../probe.ts";
import { list, vlanText } from "../words.ts";

/** Somebody who was asked. */
export interface Asked {
  readonly address: string;
  /** `pod web/db on node host2`, `the gateway`, `the target`. */
  readonly who: string;
  readonly heard: Heard;
}

/** How lately frames came in by the uplink, as the bridge noted them. */
export interface Arrival {
  readonly vlan: number;
  readonly mac: string;
  /** Seconds since the last frame. */
  readonly ageSeconds: number;
}

/** Who answers for an address. */
export interface AddressClaim extends Claim {
  readonly address: string;
}

export interface SegmentFacts {
  readonly vlan: number;
  readonly uplink: string;
  readonly bridge: string;
  readonly ifname: string;
  readonly mac: string;
  /** One per family that has one. */
  readonly gateways: readonly Asked[];
  /** Members of the network beyond the uplink; asked only where no gateway answers. */
  readonly others: readonly Asked[];
  /** Frames that came in by the uplink. */
  readonly arrivals: readonly Arrival[];
  /** Arrivals that are no older than this surely came while it was asked. */
  readonly askedForSeconds: number;
  /** The switch has noted a frame of the pod at its own port since. Undefined: it does not note. */
  readonly podSeen: boolean | undefined;
  /** Others that answer for the pod's own address. */
  readonly claims: readonly AddressClaim[];
  /** Who answers for the gateways. */
  readonly gatewayClaims: readonly AddressClaim[];
}

/** Judges `vlan`. Undefined where nobody could be asked and nothing was heard. */
export function judgeVlan(facts: SegmentFacts): Verdict {
  const { vlan, uplink, bridge, claims, others, gateways } = facts;
  for (const { address, macs, proof } of claims) {
    if (macs.length === 0) continue;
    return {
      status: "broken",
      says: `another machine (MAC ${list(macs)}) answers for the pod's address ${address} in ` +
        `${vlanText(vlan)}: answers to the pod go there`,
      evidence: macs.map((mac) => ({ source: "arping -D", says: `${address} is at ${mac}` })),
      proof,
      remedy: `find ${macs[0]} in the switches' tables and take the address from that machine`,
    };
  }
  const heard = [...gateways, ...others].filter((one) => answers(one.heard));
  const fresh = facts.arrivals.filter((arrival) =>
    arrival.vlan === vlan && arrival.ageSeconds <= facts.askedForSeconds
  );
  const [first] = heard;
  if (first !== undefined) {
    return {
      status: "ok",
      says: `${vlanText(vlan)} passes: ${list(heard.map(nameOf).slice(0, 3))} ${
        heard.length === 1 ? "answers" : "answer"
      } beyond ${uplink}`,
      proof: first.heard.proof,
    };
  }
  const silent = [...gateways, ...others];
  const proof = `tcpdump -eni ${uplink} ${vlan === 0 ? "not vlan" : `vlan ${vlan}`}`;
  const [newest] = fresh;
  if (newest !== undefined) {
    return {
      status: "ok",
      says: `${vlanText(vlan)} passes: a frame of ${newest.mac} came in by ${uplink} ${
        secondsAgo(newest)
      }`,
      proof: `ovs-appctl fdb/show ${bridge}`,
    };
  }
  if (silent.length === 0) {
    return {
      status: "unknown",
      says: `nobody in ${vlanText(vlan)} is known who could be asked, and no frame came in`,
      proof,
      remedy: `listen whether frames come in: ${proof}`,
    };
  }
  if (facts.podSeen === false) return deadPort(facts);
  const failure = silent.map(({ heard }) => heard.failure).find((one) => one !== undefined);
  if (failure !== undefined) {
    return { status: "unknown", says: `nobody could be asked: ${failure}`, proof };
  }
  const only = others.length === 0
    ? `: its gateway is down, or the switch's port does not carry ${vlanText(vlan)}`
    : `: most likely the physical switch's port does not carry ${vlanText(vlan)}`;
  return {
    status: "broken",
    says: `nobody beyond ${uplink} answers in ${vlanText(vlan)}, neither ` +
      `${list(silent.map(nameOf).slice(0, 4)).replace(" and ", " nor ")}${only}`,
    evidence: [...silent.map(evidenceOf), ...lastArrivals(facts)],
    proof,
    remedy: `see that the physical switch's port carries ${vlanText(vlan)} tagged` +
      (others.length === 0 ? ", and that the gateway is up" : ""),
  };
}

function deadPort({ ifname, mac, bridge, gateways, others }: SegmentFacts): Verdict {
  return {
    status: "broken",
    says: `the switch notes no frame of the pod, though ${ifname} just sent some: its port is ` +
      "dead, though it looks healthy",
    evidence: [
      { source: `ovs-appctl fdb/show ${bridge}`, says: `no ${mac} at the pod's port` },
      ...[...gateways, ...others].map(evidenceOf),
    ],
    proof: `ovs-appctl fdb/show ${bridge}`,
    remedy: "delete the pod and let it be made anew, or restart ovs-vswitchd",
  };
}

/** What was heard last on the uplink, in this VLAN and in others. */
function lastArrivals({ arrivals, vlan, bridge, uplink }: SegmentFacts): readonly Evidence[] {
  const source = `ovs-appctl fdb/show ${bridge}`;
  const youngest = (some: readonly Arrival[]): Arrival | undefined =>
    [...some].sort((a, b) => a.ageSeconds - b.ageSeconds)[0];
  const here = youngest(arrivals.filter((arrival) => arrival.vlan === vlan));
  const elsewhere = youngest(arrivals.filter((arrival) => arrival.vlan !== vlan));
  return [
    {
      source,
      says: here === undefined
        ? `no frame in ${vlanText(vlan)} came in by ${uplink} in the last 5 minutes`
        : `the last frame in ${vlanText(vlan)} came in by ${uplink} ${secondsAgo(here)}`,
    },
    ...(elsewhere === undefined ? [] : [{
      source,
      says: `${vlanText(elsewhere.vlan)} does pass: a frame came in ${secondsAgo(elsewhere)}`,
    }]),
  ];
}

function secondsAgo({ ageSeconds }: Arrival): string {
  return ageSeconds === 0 ? "just now" : `${ageSeconds} s ago`;
}

/** Judges `gateway`, for a VLAN that passes. Undefined: the network has none. */
export function judgeGateway(
  { gateways, gatewayClaims, vlan, uplink, others, arrivals, askedForSeconds }: SegmentFacts,
): Verdict | undefined {
  if (gateways.length === 0) return undefined;
  const twice = gatewayClaims.find(({ macs }) => macs.length > 1);
  if (twice !== undefined) {
    const { address, macs, proof } = twice;
    return {
      status: "broken",
      says: `${macs.length} machines answer for the gateway ${address}: ${list(macs)}`,
      evidence: macs.map((mac) => ({ source: "arping", says: `${address} is at ${mac}` })),
      proof,
      remedy: "find the machine that is not the gateway in the switches' tables",
    };
  }
  for (const one of gateways) {
    const { address, heard } = one;
    if (answers(heard)) continue;
    if (heard.failure !== undefined) {
      return {
        status: "unknown",
        says: `cannot ask the gateway: ${heard.failure}`,
        proof: heard.proof,
      };
    }
    const passing = [
      ...[...others, ...gateways].filter((other) => answers(other.heard)).map(nameOf),
      ...arrivals.filter((a) => a.vlan === vlan && a.ageSeconds <= askedForSeconds)
        .map(({ mac }) => mac),
    ];
    return {
      status: "broken",
      says: `the gateway ${address} does not answer, though ${vlanText(vlan)} passes ${uplink}` +
        (passing.length === 0 ? "" : ` (${passing[0]} does)`),
      evidence: [evidenceOf(one), ...others.filter((o) => answers(o.heard)).map(evidenceOf)],
      proof: heard.proof,
      remedy: "see that the router is up, and has this address in this VLAN",
    };
  }
  const notes = gateways.filter(({ heard }) => heard.pingMs === undefined)
    .map(({ address }) => `${address} answers ARP or neighbour discovery, but no ping`);
  const [first] = gateways;
  return {
    status: "ok",
    says: `${list(gateways.map(gatewayText))} ${gateways.length === 1 ? "answers" : "answer"}`,
    ...(first === undefined ? {} : { proof: first.heard.proof }),
    notes,
  };
}

function gatewayText({ address, heard }: Asked): string {
  return heard.pingMs === undefined ? address : `${address} (${heard.pingMs} ms)`;
}

function nameOf({ address, who }: Asked): string {
  return who.startsWith("the ") ? `${who} ${address}` : `${who} (${address})`;
}

/** What one of those asked said. */
export function evidenceOf({ address, heard }: Asked): Evidence {
  const { pingMs, macs, refusals, by } = heard;
  const refused = refusals.map(({ from, says }) => `${from} says ${says}`);
  const says = pingMs !== undefined
    ? `answers in ${pingMs} ms`
    : macs.length > 0
    ? `no answer to ping, ${list(macs)} answers ${by}`
    : ["no answer", ...refused].join("; ");
  return { source: `${by} ${address}`, says };
}
