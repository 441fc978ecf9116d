/**
 * Layer `addresses`: the pod's interface as the ADD left it, with the routes that the way needs.
 *
 * @module
 */

import type { SeenPod } from "../../host/observe_pod.ts";
import { formatAddress, parseAddress } from "../../ip/address.ts";
import { formatInterfaceAddress, parseInterfaceAddress } from "../../ip/prefix.ts";
import type { AttachmentRecord } from "../../model/records.ts";
import type { Verdict } from "../layer.ts";
import { bare, list } from "../words.ts";

/** Which way the pod's kernel would send a packet. */
export interface RouteTaken {
  readonly target: string;
  readonly source: string;
  /** Where it should go to: the gateway, or the target itself. */
  readonly hop: string;
  /** Undefined: it has no route. */
  readonly taken: { readonly hop: string; readonly device: string } | undefined;
}

export interface AddressesFacts {
  readonly record: AttachmentRecord;
  readonly pod: SeenPod;
  /** For a target that was asked for; else default routes are looked for. */
  readonly route: RouteTaken | undefined;
  /** There are firewall rules inside the pod. */
  readonly ownRules: boolean;
}

/** Judges it. */
export function judgeAddresses({ record, pod, route, ownRules }: AddressesFacts): Verdict {
  const { netns, ifname } = record;
  const inside = `nsenter --net=${netns} -- ip`;
  const proof = `${inside} address show dev ${ifname}`;
  const link = pod.links.find(({ name }) => name === ifname);
  const seen = pod.addresses.get(ifname) ?? [];
  const here = seen.map(({ address }) => address);
  const has = `${ifname} has ${here.length === 0 ? "no address" : list(here)}`;
  if (link?.up !== true) {
    return {
      status: "broken",
      says: `the pod's interface ${ifname} is set down`,
      evidence: [{ source: `ip link show dev ${ifname}`, says: "not UP" }],
      proof,
      remedy: `${inside} link set dev ${ifname} up, or delete the pod`,
    };
  }
  const missing = record.addresses.filter(({ address }) =>
    !here.map(canonical).includes(canonical(address))
  ).map(({ address }) => address);
  if (missing.length > 0) {
    return {
      status: "broken",
      says: `the pod's interface ${ifname} does not have ${list(missing)}`,
      evidence: [{ source: `ip address show dev ${ifname}`, says: has }],
      proof,
      remedy: "somebody inside the pod took it away: delete the pod, and let it be made anew",
    };
  }
  const refused = seen.find(({ dadFailed }) => dadFailed);
  if (refused !== undefined) {
    return {
      status: "broken",
      says: `another machine has ${refused.address}: the pod's kernel does not use it ` +
        "(duplicate address detection)",
      evidence: [{ source: `ip address show dev ${ifname}`, says: `${refused.address} dadfailed` }],
      proof,
      remedy: "find the other machine in the switches' tables, and take the address from it",
    };
  }
  const lost = route === undefined ? missingDefaults(record, pod) : wrongRoute(record, route);
  if (lost !== undefined) return lost;
  const notes = here.map(canonical)
    .filter((address) => !record.addresses.some((own) => canonical(own.address) === address))
    .map((address) => `${ifname} has ${address} besides, which is not recorded`);
  if (link.mac !== record.mac) {
    notes.push(`${ifname} has MAC ${link.mac}, and ${record.mac} is recorded`);
  }
  if (ownRules) {
    notes.push("there are firewall rules inside the pod's namespace (nft list ruleset)");
  }
  const by = route?.taken === undefined
    ? ""
    : `, and reaches ${route.target} by ${
      route.taken.hop === route.target ? "the link" : route.taken.hop
    }`;
  return { status: "ok", says: `${has}${by}`, proof, notes };
}

function canonical(text: string): string {
  return formatInterfaceAddress(parseInterfaceAddress(text));
}

/** Each family with a gateway needs a default route through it, in whatever table. */
function missingDefaults(record: AttachmentRecord, pod: SeenPod): Verdict | undefined {
  for (const { address, gateway } of record.addresses) {
    if (gateway === undefined) continue;
    const six = address.includes(":");
    const destination = six ? "::/0" : "0.0.0.0/0";
    const defaults = pod.routes.filter((route) =>
      route.destination === destination && route.device === record.ifname
    );
    const right = defaults.some((route) =>
      route.gateway !== undefined && same(route.gateway, gateway)
    );
    if (right) continue;
    const family = six ? "IPv6" : "IPv4";
    const other = defaults.find((route) => route.gateway !== undefined)?.gateway;
    const show = `ip ${six ? "-6 " : ""}route show table all dev ${record.ifname}`;
    return {
      status: "broken",
      says: other === undefined
        ? `the pod has no ${family} default route by ${gateway} through ${record.ifname}`
        : `the pod's ${family} default route goes to ${other}, not to the gateway ${gateway}`,
      evidence: [{
        source: show,
        says: defaults.length === 0 ? "no default" : `default via ${other ?? "the link"}`,
      }],
      proof: `nsenter --net=${record.netns} -- ${show}`,
      remedy: "somebody inside the pod changed its routes: delete the pod, and let it be made anew",
    };
  }
  return undefined;
}

function wrongRoute(record: AttachmentRecord, route: RouteTaken): Verdict | undefined {
  const { target, source, hop, taken } = route;
  const show = `ip route get ${target} from ${source}`;
  const proof = `nsenter --net=${record.netns} -- ${show}`;
  const remedy = "somebody inside the pod changed its routes: delete it, and let it be made anew";
  if (taken === undefined) {
    const says = `the pod has no route to ${target}`;
    return {
      status: "broken",
      says,
      evidence: [{ source: show, says: "unreachable" }],
      proof,
      remedy,
    };
  }
  if (taken.device === record.ifname && same(taken.hop, hop)) return undefined;
  const via = taken.hop === target ? `dev ${taken.device}` : `${taken.hop} dev ${taken.device}`;
  return {
    status: "broken",
    says: `the pod sends packets for ${target} to ${via}, not ${
      hop === target ? "straight" : `to its gateway ${hop}`
    } through ${record.ifname}`,
    evidence: [{ source: show, says: `via ${via}` }],
    proof,
    remedy,
  };
}

function same(a: string, b: string): boolean {
  return formatAddress(parseAddress(bare(a))) === formatAddress(parseAddress(bare(b)));
}
