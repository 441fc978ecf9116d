/**
 * What a sandbox wants of its interface beyond a network: addresses, a MAC, rates, resolvers. It
 * comes from the runtime (`runtimeConfig`, by capability), from `args.cni` and from CNI_ARGS, in
 * this order of precedence (CONVENTIONS.md of CNI).
 *
 * @module
 */

import * as v from "valibot";
import { FabricError } from "../mod/error.ts";
import type { Address } from "../mod/ip/address.ts";
import { parseAddress } from "../mod/ip/address.ts";
import { parseMac } from "../mod/ip/mac.ts";
import { parseInterfaceAddress } from "../mod/ip/prefix.ts";
import type { Dns } from "../mod/model/network.ts";
import { asObject, type JsonObject, pick } from "./any_case.ts";
import type { CniArgs } from "./cni_args.ts";
import { asNames, type Conf, confFault } from "./conf.ts";

/** Bits per second, seen from the pod; undefined: no limit. */
export interface Bandwidth {
  readonly ingress: number | undefined;
  readonly egress: number | undefined;
}

export interface Wanted {
  /** By the runtime's arguments; empty: they name none. */
  readonly networks: readonly string[];
  /** By the conflist; empty: the node's default. */
  readonly confNetworks: readonly string[];
  readonly addresses: readonly Address[];
  readonly mac: string | undefined;
  readonly bandwidth: Bandwidth;
  /** Instead of the network's; undefined: the network's. */
  readonly dns: Dns | undefined;
  /** True or false where it was told; else the first interface has it. */
  readonly defaultRoute: boolean | undefined;
}

interface Sourced {
  readonly field: string;
  readonly value: unknown;
}

/**
 * Collects what is wanted.
 *
 * @throws {FabricError} `invalid`, whose field says where it was asked for.
 */
export function parseWanted(conf: Conf, cniArgs: CniArgs): Wanted {
  const runtime = asObject(conf.raw.runtimeConfig);
  const args = asObject(asObject(conf.raw.args)?.["cni"]);
  const fromRuntime = (key: string): Sourced => ({
    field: `runtimeConfig.${key}`,
    value: pick(runtime, key),
  });
  const fromArgs = (key: string): Sourced => ({ field: `args.cni.${key}`, value: pick(args, key) });
  const fromEnvironment = (value: unknown): Sourced => ({ field: "CNI_ARGS", value });
  return {
    networks: networks([fromArgs("network"), fromEnvironment(cniArgs.networks)]),
    confNetworks: asNames(conf.raw.network),
    addresses: addresses([fromRuntime("ips"), fromArgs("ips"), fromEnvironment(cniArgs.ips)]),
    mac: mac([fromRuntime("mac"), fromArgs("mac"), fromEnvironment(cniArgs.mac)]),
    bandwidth: bandwidth([fromRuntime("bandwidth"), fromArgs("bandwidth")]),
    dns: runtimeDns(fromRuntime("dns")) ?? confDns(conf),
    defaultRoute: defaultRoute(fromArgs("defaultRoute")) ?? conf.raw.defaultRoute ?? undefined,
  };
}

/** The first that says something. */
function first(sources: readonly Sourced[]): Sourced | undefined {
  return sources.find(({ value }) =>
    value !== undefined && value !== "" && !(Array.isArray(value) && value.length === 0)
  );
}

const Strings = v.union([v.string(), v.array(v.string())]);

function strings({ field, value }: Sourced): readonly string[] {
  const parsed = v.safeParse(Strings, value);
  if (!parsed.success) throw confFault(field, { why: "it is no list of texts", value });
  return asNames(parsed.output);
}

function networks(sources: readonly Sourced[]): readonly string[] {
  const source = first(sources);
  return source === undefined ? [] : strings(source);
}

function addresses(sources: readonly Sourced[]): readonly Address[] {
  const source = first(sources);
  if (source === undefined) return [];
  return strings(source).map((text, index) =>
    within(
      source.field === "CNI_ARGS" ? "CNI_ARGS" : `${source.field}[${index}]`,
      // The length, where a runtime adds one, is the subnet's and not the asker's to choose.
      () => text.includes("/") ? parseInterfaceAddress(text).address : parseAddress(text),
    )
  );
}

function mac(sources: readonly Sourced[]): string | undefined {
  const source = first(sources);
  if (source === undefined) return undefined;
  const { field, value } = source;
  if (typeof value !== "string") throw confFault(field, { why: "it is not text", value });
  return within(field, () => parseMac(value));
}

function bandwidth(sources: readonly Sourced[]): Bandwidth {
  const source = first(sources);
  const object = source === undefined ? undefined : asObject(source.value);
  if (source !== undefined && object === undefined) {
    throw confFault(source.field, { why: "it is no object" });
  }
  // Bursts are not read: what runtimes hand over (4294967295) is no burst that a host could keep.
  return {
    ingress: rate(source?.field, object, "ingressRate"),
    egress: rate(source?.field, object, "egressRate"),
  };
}

function rate(
  field: string | undefined,
  object: JsonObject | undefined,
  key: string,
): number | undefined {
  const value = pick(object, key);
  if (value === undefined || value === 0) return undefined;
  if (typeof value === "number" && Number.isFinite(value) && value >= 8000) {
    return Math.round(value);
  }
  throw confFault(`${field}.${key}`, {
    why: "it is no rate in bits per second, 8000 or more",
    value,
    remedy: "give a number; 0 or nothing for no limit",
  });
}

/** The runtimes' words (CRI): servers, searches, options. */
function runtimeDns({ field, value }: Sourced): Dns | undefined {
  if (value === undefined) return undefined;
  const object = asObject(value);
  if (object === undefined) throw confFault(field, { why: "it is no object" });
  const list = (key: string, other: string): readonly string[] => {
    const found = pick(object, key) ?? pick(object, other);
    return found === undefined ? [] : strings({ field: `${field}.${key}`, value: found });
  };
  const dns = {
    nameservers: list("servers", "nameservers"),
    search: list("searches", "search"),
    options: list("options", "options"),
  };
  return nonEmpty({
    nameservers: [...dns.nameservers],
    search: [...dns.search],
    options: [...dns.options],
  });
}

function confDns({ raw }: Conf): Dns | undefined {
  const { nameservers, domain, search, options } = raw.dns ?? {};
  return nonEmpty({
    nameservers: [...nameservers ?? []],
    search: [...search ?? []],
    options: [...options ?? []],
  }, domain ?? "");
}

function nonEmpty(
  lists: Readonly<Record<"nameservers" | "search" | "options", string[]>>,
  domain = "",
): Dns | undefined {
  const { nameservers, search, options } = lists;
  const dns: Dns = {
    ...(nameservers.length === 0 ? {} : { nameservers }),
    ...(domain === "" ? {} : { domain }),
    ...(search.length === 0 ? {} : { search }),
    ...(options.length === 0 ? {} : { options }),
  };
  return Object.keys(dns).length === 0 ? undefined : dns;
}

function defaultRoute({ field, value }: Sourced): boolean | undefined {
  if (value === undefined || typeof value === "boolean") return value;
  throw confFault(field, { why: "it is neither true nor false", value });
}

/** The fault of a value, with the field that it came in. */
function within<T>(field: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof FabricError)) throw error;
    throw new FabricError(error.kind, `${error.message} (${field})`, {
      field,
      ...(error.value === undefined ? {} : { value: error.value }),
      ...(error.remedy === undefined ? {} : { remedy: error.remedy }),
      cause: error,
    });
  }
}
