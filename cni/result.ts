/**
 * The result of an ADD, in the form of each version of the CNI specification (Success), and
 * `prevResult`, read back from any of them.
 *
 * @module
 */

import * as v from "valibot";
import { FabricError } from "../mod/error.ts";
import type { Dns } from "../mod/model/network.ts";
import { atLeast, type SpecVersion } from "./spec_version.ts";

const InterfaceSchema = v.looseObject({
  name: v.string(),
  mac: v.nullish(v.string()),
  /** Since 1.1.0. */
  mtu: v.nullish(v.number()),
  /** The namespace's path; absent for an interface of the host. */
  sandbox: v.nullish(v.string()),
});
export type CniInterface = v.InferOutput<typeof InterfaceSchema>;

const IpSchema = v.looseObject({
  /** With the length of its subnet. */
  address: v.string(),
  gateway: v.nullish(v.string()),
  /** Index into the interfaces. */
  interface: v.nullish(v.number()),
});
export type CniIp = v.InferOutput<typeof IpSchema>;

const RouteSchema = v.looseObject({ dst: v.string(), gw: v.nullish(v.string()) });
export type CniRoute = v.InferOutput<typeof RouteSchema>;

/** As Go writes it: what is not set may be null. */
export const CniDnsSchema = v.looseObject({
  nameservers: v.nullish(v.array(v.string())),
  domain: v.nullish(v.string()),
  search: v.nullish(v.array(v.string())),
  options: v.nullish(v.array(v.string())),
});

const ResultSchema = v.looseObject({
  interfaces: v.nullish(v.array(InterfaceSchema)),
  ips: v.nullish(v.array(IpSchema)),
  routes: v.nullish(v.array(RouteSchema)),
  dns: v.nullish(CniDnsSchema),
});

/** The result of 0.1.0 and 0.2.0, which a chain's first plugin may still give. */
const OldSchema = v.looseObject({
  ip: v.string(),
  gateway: v.nullish(v.string()),
  routes: v.nullish(v.array(RouteSchema)),
});

/** A result, whatever the version that it came in. Fields that we do not know are kept. */
export interface CniResult {
  readonly interfaces: readonly CniInterface[];
  readonly ips: readonly CniIp[];
  readonly routes: readonly CniRoute[];
  readonly dns: Dns;
}

/**
 * Reads a `prevResult`.
 *
 * @throws {FabricError} `invalid` with `details.reason` `decode`.
 */
export function parseResult(value: unknown): CniResult {
  const parsed = v.safeParse(ResultSchema, value);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    const field = ["prevResult", v.getDotPath(issue) ?? ""].filter((part) => part !== "").join(".");
    throw new FabricError("invalid", `Cannot read prevResult: ${issue.message}`, {
      field,
      remedy: "hand over the result of the plugin before, as it was",
      details: { reason: "decode" },
    });
  }
  const { interfaces, ips, routes, dns, ...rest } = parsed.output;
  const old = [rest["ip4"], rest["ip6"]].flatMap((part) =>
    v.is(OldSchema, part) ? [v.parse(OldSchema, part)] : []
  );
  return {
    interfaces: interfaces ?? [],
    ips: [
      ...ips ?? [],
      ...old.map(({ ip, gateway }) => ({ address: ip, ...(gateway ? { gateway } : {}) })),
    ],
    routes: [...routes ?? [], ...old.flatMap((part) => part.routes ?? [])],
    dns: withoutNulls(dns ?? {}),
  };
}

/** The result as it is printed for the version. */
export function formatResult(result: CniResult, version: SpecVersion): string {
  const { interfaces, ips, routes, dns } = result;
  return JSON.stringify({
    cniVersion: version,
    interfaces: interfaces.map((entry) => formatInterface(entry, version)),
    ips: ips.map((entry) => formatIp(entry, version)),
    routes: routes.map((entry) => formatRoute(entry, version)),
    ...(Object.keys(dns).length === 0 ? {} : { dns }),
  });
}

function formatInterface(entry: CniInterface, version: SpecVersion): object {
  if (atLeast(version, "1.1.0")) return withoutNulls(entry);
  // mtu, socketPath and pciID came with 1.1.0.
  const { mtu: _mtu, socketPath: _socketPath, pciID: _pciID, ...rest } = entry;
  return withoutNulls(rest);
}

function formatIp(entry: CniIp, version: SpecVersion): object {
  const { version: _version, ...rest } = entry;
  if (atLeast(version, "1.0.0")) return withoutNulls(rest);
  // Until 0.4.0 each address said its family.
  return { version: entry.address.includes(":") ? "6" : "4", ...withoutNulls(rest) };
}

function formatRoute(entry: CniRoute, version: SpecVersion): object {
  if (atLeast(version, "1.1.0")) return withoutNulls(entry);
  const { dst, gw } = entry;
  return withoutNulls({ dst, gw });
}

function withoutNulls<T extends object>(value: T): { [K in keyof T]: NonNullable<T[K]> };
function withoutNulls(value: object): object {
  return Object.fromEntries(
    Object.entries(value).filter(([, field]) => field !== null && field !== undefined),
  );
}

/**
 * Our result behind that of the plugins before us in a chain: they keep their interfaces and
 * indices, ours follow; our DNS settings count where we have any.
 */
export function chainResult(previous: CniResult | undefined, own: CniResult): CniResult {
  if (previous === undefined) return own;
  const offset = previous.interfaces.length;
  return {
    interfaces: [...previous.interfaces, ...own.interfaces],
    ips: [
      ...previous.ips,
      ...own.ips.map((entry) =>
        typeof entry.interface === "number"
          ? { ...entry, interface: entry.interface + offset }
          : entry
      ),
    ],
    routes: [...previous.routes, ...own.routes],
    dns: Object.keys(own.dns).length === 0 ? previous.dns : own.dns,
  };
}
