/**
 * What a Network must satisfy beyond its shape, as far as it can be said without the store.
 *
 * @module
 */

import * as v from "valibot";
import type { Family } from "../ip/address.ts";
import { formatPrefix, prefixContains, prefixesOverlap } from "../ip/prefix.ts";
import { type FieldError, fieldError } from "./field_error.ts";
import {
  addressOf,
  checkCidr,
  checkHostAddress,
  checkRange,
  checkSubnet,
  checkSubnetCidr,
  cidrOf,
  isLinkLocal,
  ownAddress,
  type ReadableSubnet,
  ReadableSubnetSchema,
} from "./validate_addresses.ts";
import {
  checkAll,
  checkInteger,
  checkLabel,
  checkLabelKeys,
  checkLabelValue,
  checkList,
  checkSubdomain,
  checkWord,
} from "./validate_names.ts";
import { checkAs, type Checks } from "./validate_shape.ts";

/** Limits that keep an edit one transaction, and a network something a person can read. */
export const MAX_SUBNETS = 64;
/** Ranges and exclusions of one subnet together. */
export const MAX_SUBNET_RANGES = 256;
/** Ranges and exclusions of one network together. */
export const MAX_NETWORK_RANGES = 1024;
export const MAX_ROUTES = 64;

/** Smallest MTU of an IPv6 link (RFC 8200, 5). */
export const MIN_MTU_V6 = 1280;
/** What every IPv4 host must accept (RFC 791). */
export const MIN_MTU_V4 = 576;
export const MAX_MTU = 65535;

const text = v.fallback(v.optional(v.string()), undefined);

/** What can be read of a spec whose fields may be of the wrong type. */
const ReadableSpecSchema = v.looseObject({
  mtu: v.fallback(v.optional(v.number()), undefined),
  subnets: v.fallback(v.array(ReadableSubnetSchema), []),
  routes: v.fallback(
    v.array(v.fallback(v.looseObject({ to: text, via: text }), {})),
    [],
  ),
});
type ReadableSpec = v.InferOutput<typeof ReadableSpecSchema>;

const everyone = "leave it out: then there is no restriction";

/** As many as one range can be counted in a few milliseconds. */
const QUOTA = { min: 0, max: 65_536, why: "interfaces" };

/** Checks of a Network by field. */
export const NETWORK_CHECKS: Checks = {
  "spec.physicalNetwork": checkLabel,
  "spec.vlan": checkInteger({ min: 0, max: 4094, why: "0 = untagged" }),
  "spec.mtu": checkInteger({ min: MIN_MTU_V4, max: MAX_MTU }),
  "spec.zones": checkList({ whenEmpty: "leave it out for all zones of the physical network" }),
  "spec.zones[]": checkLabel,
  "spec.subnets": checkAs(v.array(v.unknown()), checkCount),
  "spec.subnets[]": checkAs(ReadableSubnetSchema, checkOneSubnet),
  "spec.subnets[].cidr": checkSubnetCidr,
  "spec.subnets[].gateway": checkHostAddress,
  "spec.subnets[].ranges[]": checkRange,
  "spec.subnets[].exclude[]": checkRange,
  "spec.dns.nameservers": checkList({ whenEmpty: undefined }),
  "spec.dns.nameservers[]": checkHostAddress,
  "spec.dns.domain": checkSubdomain,
  "spec.dns.search": checkList({ whenEmpty: undefined }),
  "spec.dns.search[]": checkSubdomain,
  "spec.dns.options[]": checkWord,
  "spec.routes[].to": checkCidr,
  "spec.routes[].via": checkHostAddress,
  "spec.allowed.clusters": checkList({ whenEmpty: everyone }),
  "spec.allowed.clusters[]": checkSubdomain,
  "spec.allowed.namespaces": checkList({ whenEmpty: everyone }),
  "spec.allowed.namespaces[]": checkLabel,
  "spec.allowed.namespaceSelector": checkLabelKeys,
  "spec.allowed.namespaceSelector.*": checkLabelValue,
  "spec.allowed.tenants": checkList({ whenEmpty: everyone }),
  "spec.allowed.tenants[]": checkAll(checkWord, checkLabelValue),
  "spec.quotas.perNamespace": checkInteger(QUOTA),
  "spec.quotas.perTenant": checkInteger(QUOTA),
  "spec.quotas.namespaces.*": checkInteger(QUOTA),
  "spec.quotas.tenants.*": checkInteger(QUOTA),
  "spec.coolingSeconds": checkInteger({ min: 0, max: 604_800, why: "a week" }),
  "spec.history.maxAgeDays": checkInteger({ min: 0, max: 36_500 }),
  "spec.history.maxRecords": checkInteger({ min: 0, max: 1_000_000_000 }),
  "spec": checkAs(ReadableSpecSchema, checkSpec),
};

function* checkCount(subnets: readonly unknown[], field: string): Generator<FieldError> {
  if (subnets.length === 0) {
    yield fieldError(field, "a network needs at least one subnet", {
      value: subnets,
      remedy: "add one, e.g. - cidr: 10.10.0.0/24",
    });
  }
  if (subnets.length > MAX_SUBNETS) {
    yield fieldError(field, `${subnets.length} subnets are over ${MAX_SUBNETS}`, {
      remedy: "make another network, or join subnets",
    });
  }
}

function rangeCount(subnet: ReadableSubnet): number {
  return (subnet.ranges?.length ?? 0) + (subnet.exclude?.length ?? 0);
}

function* checkOneSubnet(subnet: ReadableSubnet, field: string): Generator<FieldError> {
  yield* checkSubnet(subnet, field);
  const count = rangeCount(subnet);
  if (count <= MAX_SUBNET_RANGES) return;
  yield fieldError(field, `${count} ranges and exclusions are over ${MAX_SUBNET_RANGES}`, {
    remedy: "join adjacent ones",
  });
}

function* checkSpec(spec: ReadableSpec, field: string): Generator<FieldError> {
  yield* checkOverlap(spec, `${field}.subnets`);
  yield* checkMtu(spec, `${field}.mtu`);
  yield* checkRoutes(spec, `${field}.routes`);
  const count = spec.subnets.reduce((sum, subnet) => sum + rangeCount(subnet), 0);
  if (count > MAX_NETWORK_RANGES) {
    yield fieldError(
      `${field}.subnets`,
      `${count} ranges and exclusions are over ${MAX_NETWORK_RANGES}`,
      {
        remedy: "join adjacent ones",
      },
    );
  }
}

function* checkOverlap(spec: ReadableSpec, field: string): Generator<FieldError> {
  const prefixes = spec.subnets.map((subnet) => cidrOf(subnet.cidr));
  for (const [index, prefix] of prefixes.entries()) {
    if (prefix === undefined) continue;
    const other = prefixes.findIndex((p, i) =>
      i < index && p !== undefined && prefixesOverlap(p, prefix)
    );
    if (other >= 0) {
      const text = formatPrefix(prefix);
      yield fieldError(`${field}[${index}].cidr`, `${text} overlaps ${field}[${other}].cidr`, {
        value: text,
        remedy: `use a prefix that does not meet ${spec.subnets[other]?.cidr}`,
      });
    }
    yield* checkForeignGateway(spec, { index, field });
  }
}

/** A gateway on the link may lie in another subnet of the network, but not on its own address. */
function* checkForeignGateway(
  spec: ReadableSpec,
  { index, field }: { readonly index: number; readonly field: string },
): Generator<FieldError> {
  const subnet = spec.subnets[index];
  const gateway = addressOf(subnet?.gateway);
  if (gateway === undefined) return;
  for (const other of spec.subnets) {
    const prefix = cidrOf(other.cidr);
    if (other === subnet || prefix === undefined || !prefixContains(prefix, gateway)) continue;
    const own = ownAddress(prefix, gateway.value);
    if (own === undefined) continue;
    const at = `${field}[${index}].gateway`;
    yield fieldError(at, `${subnet?.gateway} is ${own} of ${other.cidr}`, {
      value: subnet?.gateway,
      remedy: "use the address of a router",
    });
  }
}

function* checkMtu(spec: ReadableSpec, field: string): Generator<FieldError> {
  const v6 = spec.subnets.find((subnet) => cidrOf(subnet.cidr)?.family === 6);
  const { mtu } = spec;
  if (v6 === undefined || mtu === undefined || mtu >= MIN_MTU_V6 || mtu < MIN_MTU_V4) return;
  yield fieldError(field, `${mtu} is below ${MIN_MTU_V6}, the least for IPv6 (${v6.cidr})`, {
    value: mtu,
    remedy: `use ${MIN_MTU_V6} or more, or remove the IPv6 subnet`,
  });
}

function* checkRoutes(spec: ReadableSpec, field: string): Generator<FieldError> {
  const { routes } = spec;
  if (routes.length > MAX_ROUTES) {
    yield fieldError(field, `${routes.length} routes are over ${MAX_ROUTES}`, {
      remedy: "let the gateway route",
    });
  }
  for (const [index, route] of routes.entries()) {
    const to = cidrOf(route.to);
    if (to === undefined) continue;
    const at = `${field}[${index}]`;
    const first = routes.findIndex((other) => other.to === route.to);
    if (first < index) {
      yield fieldError(`${at}.to`, `${route.to} stands in ${field}[${first}].to`, {
        value: route.to,
        remedy: "write it once",
      });
    }
    yield* checkNextHop(spec, { to, via: route.via, field: at });
  }
}

function* checkNextHop(
  spec: ReadableSpec,
  route: {
    readonly to: { readonly family: Family; readonly length: number };
    readonly via: string | undefined;
    readonly field: string;
  },
): Generator<FieldError> {
  const { to, field } = route;
  const name = `IPv${to.family}`;
  const subnets = spec.subnets.filter((subnet) => cidrOf(subnet.cidr)?.family === to.family);
  const gateways = subnets.flatMap(({ gateway }) => gateway === undefined ? [] : [gateway]);
  if (subnets.length === 0) {
    yield fieldError(`${field}.to`, `the network has no ${name} subnet`, {
      remedy: `add a subnet of ${name}, or remove the route`,
    });
    return;
  }
  if (to.length === 0 && gateways.length > 0) {
    yield fieldError(`${field}.to`, `the gateway ${gateways[0]} is the default route already`, {
      remedy: "remove the route, or the gateway",
    });
  }
  if (route.via === undefined) {
    if (gateways.length > 0) return;
    yield fieldError(`${field}.via`, `there is no ${name} gateway that could be its default`, {
      remedy: "name the next hop, or give a subnet a gateway",
    });
    return;
  }
  const via = addressOf(route.via);
  if (via === undefined) return;
  if (via.family !== to.family) {
    yield fieldError(`${field}.via`, `${route.via} is not an ${name} address as ${field}.to is`, {
      value: route.via,
      remedy: `use an ${name} address`,
    });
    return;
  }
  const inside = gateways.includes(route.via) || subnets.some((subnet) => {
    const prefix = cidrOf(subnet.cidr);
    return prefix !== undefined && prefixContains(prefix, via);
  });
  if (inside || isLinkLocal(via)) return;
  yield fieldError(`${field}.via`, `${route.via} is in no ${name} subnet of the network`, {
    value: route.via,
    remedy: `use an address of ${subnets.map((subnet) => subnet.cidr).join(", ")}`,
  });
}
