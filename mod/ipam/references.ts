/**
 * A document against the others: what it refers to must exist, and what must be unique must be.
 * Pure: the others come in as values.
 *
 * @module
 */

import { parsePrefix, type Prefix, prefixesOverlap } from "../ip/prefix.ts";
import { type FieldError, fieldError } from "../model/field_error.ts";
import type { Network, PhysicalNetwork, Subnet, Zone } from "../model/network.ts";
import { didYouMean } from "../nearest.ts";

/** A fault, and whether it is that somebody else has what is wanted. */
export interface ReferenceError {
  readonly error: FieldError;
  readonly conflict: boolean;
}

const missing = (error: FieldError): ReferenceError => ({ error, conflict: false });
const taken = (error: FieldError): ReferenceError => ({ error, conflict: true });

/** The fault that a name refers to nothing. */
export function noSuch(
  kind: string,
  name: string,
  options: { readonly field: string; readonly names: readonly string[] },
): FieldError {
  return fieldError(options.field, `${kind} ${name} does not exist`, {
    value: name,
    remedy: didYouMean(name, options.names, `apply the ${kind} first`),
  });
}

/** What a network is held against. */
export interface Surroundings {
  readonly physicalNetworks: readonly PhysicalNetwork[];
  readonly zones: readonly Zone[];
  /** All other networks. */
  readonly networks: readonly Network[];
}

/** The faults of a network against the others; `stored` is how it stands so far. */
export function checkNetworkReferences(
  network: Network,
  stored: Network | undefined,
  around: Surroundings,
): readonly ReferenceError[] {
  const { spec } = network;
  const physical = around.physicalNetworks.find((p) => p.metadata.name === spec.physicalNetwork);
  return [
    ...physical === undefined
      ? [missing(noSuch("PhysicalNetwork", spec.physicalNetwork, {
        field: "spec.physicalNetwork",
        names: around.physicalNetworks.map((p) => p.metadata.name),
      }))]
      : checkMtu(network, physical),
    ...checkZones(network, around.zones),
    ...checkVlan(network, around.networks),
    ...checkOverlaps(network, stored, around.networks),
  ];
}

function checkMtu(network: Network, physical: PhysicalNetwork): readonly ReferenceError[] {
  const { mtu } = network.spec;
  const most = physical.spec.mtu;
  if (mtu === undefined || most === undefined || mtu <= most) return [];
  const name = physical.metadata.name;
  return [missing(
    fieldError("spec.mtu", `${mtu} is over ${most}, the MTU of physical network ${name}`, {
      value: mtu,
      remedy: `use at most ${most}, or leave it out`,
    }),
  )];
}

function checkZones(network: Network, zones: readonly Zone[]): readonly ReferenceError[] {
  const { physicalNetwork } = network.spec;
  return (network.spec.zones ?? []).flatMap((name, index) => {
    const field = `spec.zones[${index}]`;
    const zone = zones.find((candidate) => candidate.metadata.name === name);
    if (zone === undefined) {
      return [missing(noSuch("Zone", name, { field, names: zones.map((z) => z.metadata.name) }))];
    }
    if (zone.spec.physicalNetworks.includes(physicalNetwork)) return [];
    return [missing(
      fieldError(field, `Zone ${name} has no physical network ${physicalNetwork}`, {
        value: name,
        remedy: `add it to spec.physicalNetworks of Zone ${name}, or leave the zone out`,
      }),
    )];
  });
}

function checkVlan(network: Network, others: readonly Network[]): readonly ReferenceError[] {
  const { vlan, physicalNetwork } = network.spec;
  const other = others.find(({ spec }) =>
    spec.vlan === vlan && spec.physicalNetwork === physicalNetwork
  );
  if (other === undefined) return [];
  const what = vlan === 0 ? "untagged traffic" : `VLAN ${vlan}`;
  const name = other.metadata.name;
  return [taken(
    fieldError("spec.vlan", `${what} of ${physicalNetwork} is that of Network ${name} already`, {
      value: vlan,
      remedy: `choose another VLAN, or add the subnets to Network ${name}`,
    }),
  )];
}

/**
 * Subnets that overlap those of another network. Who brings an overlap must say that it is meant;
 * where both stand already, the other one's word is enough.
 */
function checkOverlaps(
  network: Network,
  stored: Network | undefined,
  others: readonly Network[],
): readonly ReferenceError[] {
  if (network.spec.allowOverlap === true) return [];
  const before = new Set(stored?.spec.subnets.map(({ cidr }) => cidr));
  const own = network.spec.subnets.map(({ cidr }) => parsePrefix(cidr));
  const errors: ReferenceError[] = [];
  for (const other of others) {
    for (const subnet of other.spec.subnets) {
      for (const index of overlapping(own, subnet)) {
        const cidr = network.spec.subnets[index]?.cidr ?? "";
        if (other.spec.allowOverlap === true && before.has(cidr)) continue;
        errors.push(overlap({ index, cidr, subnet, other }));
      }
    }
  }
  return errors;
}

function overlapping(own: readonly Prefix[], subnet: Subnet): readonly number[] {
  const prefix = parsePrefix(subnet.cidr);
  return own.flatMap((candidate, index) => prefixesOverlap(candidate, prefix) ? [index] : []);
}

function overlap(
  found: {
    readonly index: number;
    readonly cidr: string;
    readonly subnet: Subnet;
    readonly other: Network;
  },
): ReferenceError {
  const { index, cidr, subnet, other } = found;
  const name = other.metadata.name;
  return taken(
    fieldError(
      `spec.subnets[${index}].cidr`,
      `${cidr} overlaps ${subnet.cidr} of Network ${name}`,
      { value: cidr, remedy: "use another prefix, or say allowOverlap: true if it is meant" },
    ),
  );
}
