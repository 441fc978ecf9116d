/**
 * Asking the gateway, and where it keeps silent others in the VLAN, and the switch what came in.
 *
 * @module
 */

import { parseLearnedMacs } from "../ovsdb/trace_parse.ts";
import type { AddressClaim, Arrival, Asked, SegmentFacts } from "./layers/segment.ts";
import { answers, askClaims, type Origin, ping } from "./probe.ts";
import { wirePorts } from "./scene.ts";
import { membersElsewhere } from "./subject.ts";
import type { PodWalk } from "./pod_walk.ts";
import { type Way, waysToGateways } from "./way.ts";

/** Others that are asked at the most, of each family. */
const OTHERS = 3;

/** Asks them. */
export async function segmentFacts(
  pod: PodWalk,
  { plainSwitch }: { readonly plainSwitch: boolean },
): Promise<SegmentFacts> {
  const { record, bridge = "", scene, ways, target } = pod;
  const start = performance.now();
  const [way] = ways;
  const straight = target !== undefined && way?.onLink === true;
  const gatewayWays = waysToGateways(record)
    .filter(({ family }) => target === undefined || family === way?.family);
  const first: readonly (Way & { readonly who: string })[] = straight
    ? [{ ...way, who: "the target" }]
    : gatewayWays.map((one) => ({ ...one, who: "the gateway" }));
  const claimed = async (one: Way, address: string): Promise<readonly AddressClaim[]> => {
    if (one.family === 6) return [];
    const claim = await askClaims(scene.run, originOf(pod, one), address);
    return claim === undefined ? [] : [{ ...claim, address }];
  };
  const [asked, own, theirs] = await Promise.all([
    Promise.all(first.map((one) => askOne(pod, one))),
    Promise.all(first.map((one) => claimed(one, one.source))),
    Promise.all(straight ? [] : first.map((one) => claimed(one, one.target))),
  ]);
  const silent = asked.some(({ heard }) => !answers(heard));
  const others = silent
    ? await askOthers(pod, {
      ways: first,
      further: straight ? gatewayWays.map((one) => ({ ...one, who: "the gateway" })) : [],
    })
    : [];
  const uplinks = wirePorts(await scene.switch(), bridge);
  const { arrivals, podSeen } = await learned(pod, start);
  return {
    vlan: record.vlan,
    uplink: uplinks[0]?.name ?? "the uplink",
    bridge,
    ifname: record.ifname,
    mac: record.mac,
    gateways: straight ? [] : asked,
    others: straight ? [...asked, ...others] : others,
    arrivals,
    askedForSeconds: Math.floor(secondsSince(start)) - AGE_ERROR_SECONDS,
    // A bridge whose rules say where packets go notes nobody.
    podSeen: plainSwitch ? podSeen : undefined,
    claims: own.flat(),
    gatewayClaims: theirs.flat(),
  };
}

/** vswitchd counts in whole seconds of a clock that it reads now and then. */
const AGE_ERROR_SECONDS = 2;

function secondsSince(start: number): number {
  return (performance.now() - start) / 1000;
}

function originOf({ record }: PodWalk, { source, family }: Pick<Way, "source" | "family">): Origin {
  return { netns: record.netns, ifname: record.ifname, source, family };
}

async function askOne(pod: PodWalk, way: Way & { readonly who: string }): Promise<Asked> {
  const { target, who, hop } = way;
  const heard = await ping(pod.scene.run, originOf(pod, way), { target, hop: hop ?? target });
  return { address: target, who, heard };
}

async function askOthers(
  pod: PodWalk,
  { ways, further }: {
    readonly ways: readonly Way[];
    readonly further: readonly (Way & { readonly who: string })[];
  },
): Promise<readonly Asked[]> {
  const lists = await Promise.all(ways.map(async ({ family, source }) => {
    const { scene, record } = pod;
    const members = await membersElsewhere(scene, { record, family, limit: OTHERS });
    return members.map(({ address, who }) => ({
      family,
      source,
      who,
      target: address,
      hop: address,
      onLink: true,
    }));
  }));
  const known = new Set(ways.map(({ target }) => target));
  const all = [...further, ...lists.flat()].filter(({ target }) => !known.has(target));
  return await Promise.all(all.map((one) => askOne(pod, one)));
}

/** What the bridge noted: frames that came in by its uplinks, and whether it heard the pod. */
async function learned(
  { scene, bridge = "", record, port }: PodWalk,
  start: number,
): Promise<{ readonly arrivals: readonly Arrival[]; readonly podSeen: boolean }> {
  const control = await scene.control();
  const numbers = await scene.numbers();
  const uplinks = wirePorts(await scene.switch(), bridge)
    .flatMap(({ interfaces }) => interfaces.map(({ name }) => name));
  const ports = new Set(uplinks.map((name) => String(numbers.get(name)?.openflow)));
  const macs = parseLearnedMacs(await control.call("fdb/show", bridge));
  const own = String(numbers.get(port)?.openflow);
  const lately = secondsSince(start) + AGE_ERROR_SECONDS;
  const seen = macs.some((entry) =>
    entry.port === own && entry.mac === record.mac && entry.ageSeconds <= lately
  );
  return {
    arrivals: macs.filter((entry) => ports.has(entry.port) && entry.mac !== record.mac)
      .map(({ vlan, mac, ageSeconds }) => ({ vlan, mac, ageSeconds })),
    podSeen: seen,
  };
}
