/**
 * What is typed into the form of a network, and the document that it makes. What the form does not
 * show stays as it was.
 *
 * @module
 */

import { FabricError } from "../../../../mod/error.ts";
import { totalSize } from "../../../../mod/ip/range.ts";
import { firstOf, formatPrefix, lastOf, parsePrefix } from "../../../../mod/ip/prefix.ts";
import { prefixesOverlap } from "../../../../mod/ip/prefix.ts";
import { formatAddress } from "../../../../mod/ip/address.ts";
import { subnetPool } from "../../../../mod/ipam/pool.ts";
import { fieldErrorsOf } from "../../../../mod/model/field_error.ts";
import type { Network } from "../../../../mod/model/network.ts";
import { API_VERSION } from "../../../../mod/model/resource.ts";
import { validateResource } from "../../../../mod/model/validate.ts";
import type { FieldFault } from "../api/problem.ts";

/** One subnet as it is typed. */
export interface SubnetDraft {
  readonly cidr: string;
  readonly gateway: string;
  readonly ranges: string;
  readonly exclude: string;
}

/** The form as it is typed: all text. */
export interface Draft {
  readonly name: string;
  readonly physicalNetwork: string;
  readonly vlan: string;
  readonly mtu: string;
  readonly zones: string;
  readonly description: string;
  readonly labels: string;
  readonly cooling: string;
  readonly nameservers: string;
  readonly search: string;
  readonly routes: string;
  readonly clusters: string;
  readonly namespaces: string;
  readonly tenants: string;
  readonly allowOverlap: boolean;
  readonly subnets: readonly SubnetDraft[];
}

export const EMPTY_SUBNET: SubnetDraft = { cidr: "", gateway: "", ranges: "", exclude: "" };

export const EMPTY: Draft = {
  name: "",
  physicalNetwork: "",
  vlan: "",
  mtu: "",
  zones: "",
  description: "",
  labels: "",
  cooling: "",
  nameservers: "",
  search: "",
  routes: "",
  clusters: "",
  namespaces: "",
  tenants: "",
  allowOverlap: false,
  subnets: [EMPTY_SUBNET],
};

function text(value: string | number | undefined): string {
  return value === undefined ? "" : String(value);
}

/** The form of a network that exists. */
export function draftOf({ metadata, spec }: Network): Draft {
  return {
    name: metadata.name,
    physicalNetwork: spec.physicalNetwork,
    vlan: text(spec.vlan),
    mtu: text(spec.mtu),
    zones: (spec.zones ?? []).join(", "),
    description: text(spec.description),
    labels: Object.entries(metadata.labels ?? {}).map(([key, value]) => `${key}=${value}`)
      .join("\n"),
    cooling: text(spec.coolingSeconds),
    nameservers: (spec.dns?.nameservers ?? []).join(", "),
    search: (spec.dns?.search ?? []).join(", "),
    routes: (spec.routes ?? []).map(({ to, via }) => via === undefined ? to : `${to} via ${via}`)
      .join("\n"),
    clusters: (spec.allowed?.clusters ?? []).join(", "),
    namespaces: (spec.allowed?.namespaces ?? []).join(", "),
    tenants: (spec.allowed?.tenants ?? []).join(", "),
    allowOverlap: spec.allowOverlap ?? false,
    subnets: spec.subnets.map((subnet) => ({
      cidr: subnet.cidr,
      gateway: text(subnet.gateway),
      ranges: (subnet.ranges ?? []).join(", "),
      exclude: (subnet.exclude ?? []).join(", "),
    })),
  };
}

function listOf(value: string): readonly string[] | undefined {
  const list = value.split(/[\s,;，、]+/).filter((one) => one !== "");
  return list.length === 0 ? undefined : list;
}

/** A number where it is one; else the text, for the check to speak of it. */
function numberOf(value: string): number | string | undefined {
  const trimmed = value.trim();
  if (trimmed === "") return undefined;
  return /^-?\d{1,15}$/.test(trimmed) ? Number(trimmed) : trimmed;
}

function wordOf(value: string): string | undefined {
  return value.trim() === "" ? undefined : value.trim();
}

/** The object without what is undefined. */
function given(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function orNothing(fields: Readonly<Record<string, unknown>>) {
  const object = given(fields);
  return Object.keys(object).length === 0 ? undefined : object;
}

function labelsOf(value: string): Readonly<Record<string, string>> | undefined {
  const pairs = value.split(/[\n,]+/).map((line) => line.trim()).filter((line) => line !== "");
  if (pairs.length === 0) return undefined;
  return Object.fromEntries(pairs.map((pair) => {
    const [key = "", ...rest] = pair.split("=");
    return [key.trim(), rest.join("=").trim()];
  }));
}

function routesOf(value: string): readonly unknown[] | undefined {
  const lines = value.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  if (lines.length === 0) return undefined;
  return lines.map((line) => {
    const [to = "", via] = line.split(/\s+(?:via\s+)?/);
    return given({ to, via });
  });
}

/** The document that the form makes, over the network as it was read. */
export function documentOf(draft: Draft, base?: Network): Readonly<Record<string, unknown>> {
  const before: Readonly<Record<string, unknown>> = base?.spec ?? {};
  const spec = given({
    ...before,
    physicalNetwork: wordOf(draft.physicalNetwork),
    vlan: numberOf(draft.vlan),
    mtu: numberOf(draft.mtu),
    zones: listOf(draft.zones),
    description: wordOf(draft.description),
    coolingSeconds: numberOf(draft.cooling),
    subnets: draft.subnets.map((subnet) => {
      const known = base?.spec.subnets.find(({ cidr }) => cidr === subnet.cidr.trim()) ?? {};
      return given({
        ...known,
        cidr: subnet.cidr.trim(),
        gateway: wordOf(subnet.gateway),
        ranges: listOf(subnet.ranges),
        exclude: listOf(subnet.exclude),
      });
    }),
    dns: orNothing({
      ...base?.spec.dns,
      nameservers: listOf(draft.nameservers),
      search: listOf(draft.search),
    }),
    routes: routesOf(draft.routes),
    allowed: orNothing({
      ...base?.spec.allowed,
      clusters: listOf(draft.clusters),
      namespaces: listOf(draft.namespaces),
      tenants: listOf(draft.tenants),
    }),
    allowOverlap: draft.allowOverlap ? true : undefined,
  });
  const metadata = given({
    ...base?.metadata,
    name: draft.name.trim(),
    labels: labelsOf(draft.labels),
  });
  return { apiVersion: API_VERSION, kind: "Network", metadata, spec };
}

/** Everything that can be said of it without the server. */
export function faultsOf(document: unknown): readonly FieldFault[] {
  try {
    validateResource(document);
    return [];
  } catch (error) {
    if (!(error instanceof FabricError)) throw error;
    const faults = fieldErrorsOf(error);
    if (faults.length > 0) return faults;
    return [{ field: error.field ?? "", message: error.message, remedy: error.remedy }];
  }
}

/** What a CIDR means, as it is typed. */
export interface SubnetFacts {
  /** Addresses that would be handed out. */
  readonly capacity: bigint;
  readonly first: string;
  readonly last: string;
  /** What most choose. */
  readonly gateway: string;
  /** Other networks that have some of it. */
  readonly overlaps: readonly string[];
}

/** Undefined while it is no CIDR. */
export function factsOf(
  subnet: SubnetDraft,
  others: readonly Network[],
): SubnetFacts | undefined {
  try {
    const prefix = parsePrefix(subnet.cidr.trim());
    const first = firstOf(prefix);
    const overlaps = others.filter(({ spec }) =>
      spec.subnets.some(({ cidr }) => prefixesOverlap(parsePrefix(cidr), prefix))
    ).map(({ metadata, spec }) => `${metadata.name} (VLAN ${spec.vlan})`);
    return {
      capacity: capacityOf(subnet),
      first: formatAddress(first),
      last: formatAddress(lastOf(prefix)),
      gateway: formatAddress({ family: prefix.family, value: prefix.base + 1n }),
      overlaps,
    };
  } catch {
    return undefined;
  }
}

function capacityOf(subnet: SubnetDraft): bigint {
  const prefix = parsePrefix(subnet.cidr.trim());
  const plain = { cidr: formatPrefix(prefix) };
  const whole = {
    ...plain,
    ...given({
      gateway: wordOf(subnet.gateway),
      ranges: listOf(subnet.ranges),
      exclude: listOf(subnet.exclude),
    }),
  };
  try {
    return totalSize(subnetPool({ physicalNetwork: "", vlan: 0, subnets: [whole] }, whole).free);
  } catch {
    // A range that is half typed: the subnet's own.
    return totalSize(subnetPool({ physicalNetwork: "", vlan: 0, subnets: [plain] }, plain).free);
  }
}

/** Networks that have the same VLAN in the same physical network. */
export function sameVlan(draft: Draft, others: readonly Network[]): readonly string[] {
  const vlan = numberOf(draft.vlan);
  return others.filter(({ spec }) =>
    spec.vlan === vlan && spec.physicalNetwork === draft.physicalNetwork.trim()
  ).map(({ metadata }) => metadata.name);
}

/** One field that two people changed, or one. */
export interface Difference {
  readonly field: keyof Draft;
  readonly base: string;
  readonly theirs: string;
  readonly mine: string;
  /** Both changed it, and not to the same. */
  readonly clash: boolean;
}

function shown(value: Draft[keyof Draft]): string {
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return value ? "true" : "false";
  return value.map(({ cidr, gateway, ranges, exclude }) =>
    [cidr, gateway && `gw ${gateway}`, ranges, exclude && `– ${exclude}`]
      .filter((part) => part !== "").join("  ")
  ).join("\n");
}

/** Names of the fields, typed. */
export const DRAFT_FIELDS: readonly (keyof Draft)[] = [
  "name",
  "physicalNetwork",
  "vlan",
  "mtu",
  "zones",
  "description",
  "labels",
  "subnets",
  "cooling",
  "nameservers",
  "search",
  "routes",
  "clusters",
  "namespaces",
  "tenants",
  "allowOverlap",
];

/** What differs between what was read, what stands there now, and what is typed. */
export function compareDrafts(base: Draft, theirs: Draft, mine: Draft): readonly Difference[] {
  return DRAFT_FIELDS.flatMap((field) => {
    const [one, other, own] = [shown(base[field]), shown(theirs[field]), shown(mine[field])];
    if (one === other) return [];
    return [{ field, base: one, theirs: other, mine: own, clash: own !== one && own !== other }];
  });
}

/** Mine where I changed something, theirs everywhere else. */
export function mergeDrafts(base: Draft, theirs: Draft, mine: Draft): Draft {
  const changed = DRAFT_FIELDS.filter((field) => shown(base[field]) !== shown(mine[field]));
  return {
    ...theirs,
    ...Object.fromEntries(changed.map((field) => [field, mine[field]])),
  };
}
