/**
 * Networks against each other, against zones and physical networks, and nodes against each other.
 *
 * @module
 */

import type { Compare } from "../../etcd/store.ts";
import { parsePrefix, prefixesOverlap } from "../../ip/prefix.ts";
import { DEFAULT_MTU, type NetworkSpec } from "../../model/network.ts";
import { noAttachments } from "../apply_others.ts";
import { ifAt } from "../repair/store_action.ts";
import { encodeResource } from "../stored.ts";
import { asEdit, type DeclaredInput, readable, rowFinding, wordsOf } from "./declared_row.ts";
import type { Finding } from "./finding.ts";
import { seen } from "./judge.ts";
import { NETWORK_KINDS } from "./kinds/networks.ts";
import type { Declared, World } from "./world.ts";

/** Two networks that are one segment. */
export function vlanFindings(world: World): readonly Finding[] {
  const seenAt = new Map<string, Declared<"Network">>();
  return readable(world).flatMap((declared) => {
    const { vlan, physicalNetwork } = declared.resource.spec;
    const segment = `${physicalNetwork}\n${vlan}`;
    const other = seenAt.get(segment);
    if (other === undefined) {
      seenAt.set(segment, declared);
      return [];
    }
    const what = vlan === 0 ? "untagged traffic" : `VLAN ${vlan}`;
    return [rowFinding({
      kind: NETWORK_KINDS.sameVlan,
      object: `Networks ${other.name} and ${declared.name}`,
      detail: `both are ${what} of ${physicalNetwork}`,
      evidence: [other, declared].map(({ kv }) => seen({ key: kv.key, kv }, what)),
    })];
  });
}

/** Subnets of two networks that overlap, and do not say so. */
export function overlapFindings(world: World): readonly Finding[] {
  const subnets = readable(world).flatMap((declared) =>
    declared.resource.spec.subnets.flatMap(({ cidr }) => {
      try {
        return [{ declared, prefix: parsePrefix(cidr), cidr }];
      } catch {
        return [];
      }
    })
  ).sort((a, b) =>
    a.prefix.family - b.prefix.family ||
    (a.prefix.base < b.prefix.base
      ? -1
      : a.prefix.base > b.prefix.base
      ? 1
      : a.prefix.length - b.prefix.length)
  );
  const findings: Finding[] = [];
  // Prefixes that overlap nest, so those that may hold this one form a stack.
  const stack: (typeof subnets)[number][] = [];
  for (const subnet of subnets) {
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      if (prefixesOverlap(top.prefix, subnet.prefix)) break;
      stack.pop();
    }
    for (const outer of stack) {
      const [one, other] = [outer.declared, subnet.declared];
      const meant = [one, other].some(({ resource }) => resource.spec.allowOverlap === true);
      if (one.name === other.name || meant) continue;
      findings.push(rowFinding({
        kind: NETWORK_KINDS.overlap,
        object: `Networks ${one.name} and ${other.name}`,
        detail: `${outer.cidr} and ${subnet.cidr} overlap, and neither says allowOverlap`,
        evidence: [
          seen({ key: one.kv.key, kv: one.kv }, outer.cidr),
          seen({ key: other.kv.key, kv: other.kv }, subnet.cidr),
        ],
      }));
    }
    stack.push(subnet);
  }
  return findings;
}

/** Networks that name a zone which does not reach them. */
export function zoneFindings(world: World): readonly Finding[] {
  return readable(world).flatMap((declared) => {
    const { zones = [], physicalNetwork } = declared.resource.spec;
    const without = world.zones.filter(({ name, resource }) =>
      zones.includes(name) && resource !== undefined &&
      !resource.spec.physicalNetworks.includes(physicalNetwork)
    );
    return without.map((zone) =>
      rowFinding({
        kind: NETWORK_KINDS.zoneWithoutPhysical,
        object: wordsOf(declared),
        detail: `it names zone ${zone.name}, which has no physical network ${physicalNetwork}`,
        evidence: [
          seen({ key: declared.kv.key, kv: declared.kv }, `names zone ${zone.name}`),
          seen({ key: zone.kv.key, kv: zone.kv }, `has no ${physicalNetwork}`),
        ],
      })
    );
  });
}

/** Node records of hosts that have another name by now. */
export function nodeFindings(input: DeclaredInput): readonly Finding[] {
  const newest = new Map<string, Declared<"Node">>();
  const byAge = [...input.world.nodes].sort((a, b) => b.kv.modRevision - a.kv.modRevision);
  return byAge.flatMap((declared) => {
    const { resource } = declared;
    const machineId = resource?.status?.machineId;
    if (resource === undefined || machineId === undefined || machineId === "") return [];
    const { cluster } = resource.spec;
    const host = `${cluster}\n${machineId}`;
    const other = newest.get(host);
    if (other === undefined) {
      newest.set(host, declared);
      return [];
    }
    const unused: Compare = noAttachments(cluster, declared.name);
    return [rowFinding({
      kind: NETWORK_KINDS.goneNode,
      object: wordsOf(declared),
      detail: `its host is ${wordsOf(other)} by now: both have machine id ${machineId}`,
      evidence: [declared, other].map(({ kv }) => seen({ key: kv.key, kv }, machineId)),
      repair: {
        ...asEdit(input, {
          compare: [ifAt(declared.kv.key, declared.kv.modRevision), unused],
          changes: [{ delete: declared.kv.key }],
        }),
        steps: [`remove ${wordsOf(declared)}, unless something is attached under it`],
      },
    })];
  });
}

/** Networks that one transaction changes. */
const AT_ONCE = 60;

/** Networks whose MTU their wire does not carry; one finding for each physical network. */
export function mtuFindings(input: DeclaredInput): readonly Finding[] {
  const { world } = input;
  return world.physicalNetworks.flatMap((physical) => {
    if (physical.resource === undefined) return [];
    const most = physical.resource.spec.mtu ?? DEFAULT_MTU;
    const over = readable(world).filter(({ resource: { spec } }) =>
      spec.physicalNetwork === physical.name && (spec.mtu ?? DEFAULT_MTU) > most
    );
    if (over.length === 0) return [];
    const names = over.slice(0, 5).map(wordsOf).join(", ");
    const lowered = over.slice(0, AT_ONCE).map(({ kv, resource }) => {
      const spec: NetworkSpec = { ...resource.spec, mtu: most };
      return { kv, value: encodeResource({ ...resource, spec }) };
    });
    return [rowFinding({
      kind: NETWORK_KINDS.mtuTooLarge,
      object: wordsOf(physical),
      detail: `its MTU is ${most}, that of ${names} is larger`,
      evidence: [
        seen({ key: physical.kv.key, kv: physical.kv }, `MTU ${most}`),
        ...over.slice(0, 5).map(({ kv, resource }) =>
          seen({ key: kv.key, kv }, `MTU ${resource.spec.mtu}`)
        ),
      ],
      repair: {
        ...asEdit(input, {
          compare: lowered.map(({ kv }) => ifAt(kv.key, kv.modRevision)),
          changes: lowered.map(({ kv, value }) => ({ put: kv.key, value })),
        }),
        steps: [`set spec.mtu of ${names} to ${most}`],
      },
    })];
  });
}
