/**
 * Checks of addresses as a network administrator expects them: canonical text, the right family,
 * inside the subnet, and nothing that no host can have.
 *
 * @module
 */

import * as v from "valibot";
import {
  type Address,
  type Family,
  formatAddress,
  isUnusable,
  parseAddress,
} from "../ip/address.ts";
import {
  firstOf,
  formatPrefix,
  hostRange,
  lastOf,
  parsePrefix,
  type Prefix,
  prefixContains,
  prefixesOverlap,
} from "../ip/prefix.ts";
import { formatRange, parseRange, type Range, rangesOverlap } from "../ip/range.ts";
import { type FieldError, fieldError, tryField } from "./field_error.ts";

/** Prefixes that a segment with hosts cannot have, and why. */
const SPECIAL: readonly { readonly prefix: Prefix; readonly what: string }[] = [
  ["0.0.0.0/8", "addresses of this host on this network (RFC 1122)"],
  ["127.0.0.0/8", "loopback addresses"],
  ["169.254.0.0/16", "link-local addresses, which hosts choose themselves (RFC 3927)"],
  ["224.0.0.0/4", "multicast addresses"],
  ["240.0.0.0/4", "reserved and broadcast addresses"],
  ["::/80", "unspecified, loopback and IPv4-mapped addresses"],
  ["fe80::/10", "link-local addresses, which hosts choose themselves (RFC 4291)"],
  ["ff00::/8", "multicast addresses"],
].map(([cidr = "", what = ""]) => ({ prefix: parsePrefix(cidr), what }));

const LINK_LOCAL = parsePrefix("fe80::/10");

const text = v.fallback(v.optional(v.string()), undefined);
const texts = v.fallback(v.optional(v.array(v.fallback(v.string(), ""))), undefined);

/**
 * What can be read of a subnet whose fields may be of the wrong type: one fault must not hide the
 * others. Text that is no address is passed over here; it is reported where it stands.
 */
export const ReadableSubnetSchema = v.fallback(
  v.looseObject({
    cidr: text,
    gateway: text,
    gatewayOnLink: v.fallback(v.optional(v.boolean()), undefined),
    ranges: texts,
    exclude: texts,
  }),
  {},
);
export type ReadableSubnet = v.InferOutput<typeof ReadableSubnetSchema>;

/** Text in another form than the canonical one: the same thing, written differently. */
function* notCanonical(text: string, canonical: string, field: string): Generator<FieldError> {
  if (text === canonical) return;
  yield fieldError(field, `${JSON.stringify(text)} is not in canonical form`, {
    value: text,
    remedy: `did you mean ${canonical}`,
  });
}

/** A CIDR of a subnet or a route, canonical. */
export function* checkCidr(value: unknown, field: string): Generator<FieldError> {
  if (typeof value !== "string") return;
  const parsed = tryField(field, () => parsePrefix(value));
  if ("error" in parsed) yield parsed.error;
  else yield* notCanonical(value, formatPrefix(parsed.value), field);
}

/** A CIDR whose addresses hosts can have. */
export function* checkSubnetCidr(value: unknown, field: string): Generator<FieldError> {
  yield* checkCidr(value, field);
  const prefix = cidrOf(value);
  if (prefix === undefined) return;
  const special = SPECIAL.find((row) => prefixesOverlap(row.prefix, prefix));
  if (special === undefined) return;
  yield fieldError(field, `${formatPrefix(prefix)} holds ${special.what}`, {
    value,
    remedy: "use a prefix of unicast addresses, such as 10.10.0.0/24 or fd00:10::/64",
  });
}

/** An address that an interface somewhere can have, canonical. */
export function* checkHostAddress(value: unknown, field: string): Generator<FieldError> {
  if (typeof value !== "string") return;
  const parsed = tryField(field, () => parseAddress(value));
  if ("error" in parsed) {
    yield parsed.error;
    return;
  }
  yield* notCanonical(value, formatAddress(parsed.value), field);
  if (isUnusable(parsed.value)) {
    yield fieldError(field, `${value} is unspecified, loopback, multicast or broadcast`, {
      value,
      remedy: "use the unicast address of a host",
    });
  }
}

/** An address, a range or a CIDR, canonical. */
export function* checkRange(value: unknown, field: string): Generator<FieldError> {
  if (typeof value !== "string") return;
  const parsed = tryField(field, () => parseRange(value));
  if ("error" in parsed) yield parsed.error;
  else yield* notCanonical(value, canonicalRange(value, parsed.value), field);
}

function canonicalRange(text: string, range: Range): string {
  return text.includes("/") ? formatPrefix(parsePrefix(text)) : formatRange(range);
}

/** The CIDR where it can be parsed: what is wrong with it is said elsewhere. */
export function cidrOf(value: unknown): Prefix | undefined {
  if (typeof value !== "string") return undefined;
  const parsed = tryField("", () => parsePrefix(value));
  return "value" in parsed ? parsed.value : undefined;
}

/** The address where it can be parsed. */
export function addressOf(value: unknown): Address | undefined {
  if (typeof value !== "string") return undefined;
  const parsed = tryField("", () => parseAddress(value));
  return "value" in parsed ? parsed.value : undefined;
}

function rangeOfText(value: string): Range | undefined {
  const parsed = tryField("", () => parseRange(value));
  return "value" in parsed ? parsed.value : undefined;
}

function familyName(family: Family): string {
  return `IPv${family}`;
}

/** What an address of the subnet that no host can have is called; undefined for all others. */
export function ownAddress(prefix: Prefix, value: bigint): string | undefined {
  const hosts = hostRange(prefix);
  if (hosts.first <= value && value <= hosts.last) return undefined;
  if (value !== prefix.base) return "the broadcast address";
  return prefix.family === 4 ? "the network address" : "the subnet-router anycast address";
}

function hostsText(prefix: Prefix): string {
  const { first, last } = hostRange(prefix);
  return formatRange({ family: prefix.family, first, last });
}

/** True for an address of fe80::/10, which is on every link. */
export function isLinkLocal(address: Address): boolean {
  return prefixContains(LINK_LOCAL, address);
}

/** A subnet's fields against each other. */
export function* checkSubnet(subnet: ReadableSubnet, field: string): Generator<FieldError> {
  const prefix = cidrOf(subnet.cidr);
  if (prefix === undefined) return;
  yield* checkGateway(subnet, { prefix, field });
  const ranges = subnet.ranges ?? [];
  for (const [index, text] of ranges.entries()) {
    yield* checkInside(text, { prefix, field: `${field}.ranges[${index}]` });
  }
  yield* checkDisjoint(ranges, `${field}.ranges`);
  for (const [index, text] of (subnet.exclude ?? []).entries()) {
    yield* checkInside(text, { prefix, field: `${field}.exclude[${index}]` });
  }
}

interface Inside {
  readonly prefix: Prefix;
  readonly field: string;
}

function* checkGateway(subnet: ReadableSubnet, { prefix, field }: Inside): Generator<FieldError> {
  const { gateway: text, gatewayOnLink = false } = subnet;
  if (text === undefined) {
    if (!gatewayOnLink) return;
    yield fieldError(`${field}.gatewayOnLink`, "there is no gateway", {
      value: gatewayOnLink,
      remedy: `add ${field}.gateway, or leave gatewayOnLink out`,
    });
    return;
  }
  const gateway = addressOf(text);
  if (gateway === undefined) return;
  const at = `${field}.gateway`;
  const cidr = formatPrefix(prefix);
  if (gateway.family !== prefix.family) {
    yield fieldError(at, `${text} is ${familyName(gateway.family)}, but ${cidr} is not`, {
      value: text,
      remedy: `use an ${familyName(prefix.family)} address; each family has a subnet of its own`,
    });
    return;
  }
  if (prefixContains(prefix, gateway)) {
    const own = ownAddress(prefix, gateway.value);
    if (own === undefined) return;
    yield fieldError(at, `${text} is ${own} of ${cidr}`, {
      value: text,
      remedy: `use one of ${hostsText(prefix)}`,
    });
  } else if (!gatewayOnLink && !isLinkLocal(gateway)) {
    yield fieldError(at, `${text} is outside ${cidr}`, {
      value: text,
      remedy: `use one of ${hostsText(prefix)}, or say gatewayOnLink: true if that is meant`,
    });
  }
}

function* checkInside(text: string, { prefix, field }: Inside): Generator<FieldError> {
  const range = rangeOfText(text);
  if (range === undefined) return;
  const cidr = formatPrefix(prefix);
  if (range.family !== prefix.family) {
    yield fieldError(field, `${text} is ${familyName(range.family)}, but ${cidr} is not`, {
      value: text,
      remedy: `use ${familyName(prefix.family)} addresses`,
    });
    return;
  }
  const { first, last } = { first: firstOf(prefix).value, last: lastOf(prefix).value };
  if (range.first < first || range.last > last) {
    yield fieldError(field, `${text} is not inside ${cidr}`, {
      value: text,
      remedy: `use addresses of ${hostsText(prefix)}`,
    });
    return;
  }
  // A CIDR means its block, and what no host can have is left out of it silently.
  if (text.includes("/")) return;
  const own = ownAddress(prefix, range.first) ?? ownAddress(prefix, range.last);
  if (own === undefined) return;
  yield fieldError(field, `${text} holds ${own} of ${cidr}`, {
    value: text,
    remedy: withinHosts(range, prefix) ?? "leave it out: it is never handed out anyway",
  });
}

function withinHosts(range: Range, prefix: Prefix): string | undefined {
  const hosts = hostRange(prefix);
  const first = range.first < hosts.first ? hosts.first : range.first;
  const last = range.last > hosts.last ? hosts.last : range.last;
  if (first > last) return undefined;
  return `did you mean ${formatRange({ family: range.family, first, last })}`;
}

function* checkDisjoint(texts: readonly string[], field: string): Generator<FieldError> {
  const ranges = texts.map(rangeOfText);
  for (const [index, range] of ranges.entries()) {
    if (range === undefined) continue;
    const other = ranges.findIndex((r, i) =>
      i < index && r !== undefined && rangesOverlap(r, range)
    );
    if (other < 0) continue;
    yield fieldError(`${field}[${index}]`, `${texts[index]} overlaps ${field}[${other}]`, {
      value: texts[index],
      remedy: `join it with ${texts[other]}`,
    });
  }
}
