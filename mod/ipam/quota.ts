/**
 * Quotas: how many interfaces of one namespace, or of one tenant, may have addresses of a network.
 * Every use has a key under `uses/`, written and deleted with its address, so a count is a range;
 * the commit compares that nothing was added to that range since, so no two ADDs pass the last
 * place together. Uses are counted whether the network has quotas or not: one that gets them later
 * is right at once.
 *
 * The keys can only err by counting too many (an address that was deleted by a hand): before an ADD
 * is refused, each is held against its address, and those of nobody are removed.
 *
 * @module
 */

import { FabricError } from "../error.ts";
import type { Compare, KeyValue, Operation } from "../etcd/store.ts";
import { underPrefix } from "../etcd/store.ts";
import { readPages } from "../etcd/pages.ts";
import { type Address, addressFromHex, addressToHex } from "../ip/address.ts";
import type { Network, Quotas } from "../model/network.ts";
import { AddressRecordSchema } from "../model/records.ts";
import { keysOf } from "./allocate_state.ts";
import type { NetworkUser } from "./allowed.ts";
import type { IpamContext } from "./context.ts";
import { addressKey, namespaceUsesPrefix, tenantUsesPrefix } from "./keys.ts";
import { decodeRecord } from "./stored.ts";

/** Keys under which a use of the address is counted. */
export function usesOf(network: string, user: NetworkUser, address: Address): readonly string[] {
  const name = `${address.family}-${addressToHex(address)}`;
  return prefixesOf(network, user).map(({ prefix }) => prefix + name);
}

interface Counted {
  readonly who: string;
  readonly prefix: string;
  readonly limit: (quotas: Quotas) => number | undefined;
}

function prefixesOf(network: string, user: NetworkUser): readonly Counted[] {
  const { cluster, namespace, tenant } = user;
  return [
    {
      who: `namespace ${namespace}`,
      prefix: namespaceUsesPrefix(network, { cluster, namespace }),
      limit: (quotas) => quotas.namespaces?.[namespace] ?? quotas.perNamespace,
    },
    ...tenant === undefined ? [] : [{
      who: `tenant ${tenant}`,
      prefix: tenantUsesPrefix(network, tenant),
      limit: (quotas: Quotas) => quotas.tenants?.[tenant] ?? quotas.perTenant,
    }],
  ];
}

/**
 * What a commit that adds a use compares: that the counts are still those that leave room.
 *
 * @throws {FabricError} `exhausted` with `details.reason` `quota`.
 */
export async function quotaCompares(
  context: IpamContext,
  { network, user }: { readonly network: Network; readonly user: NetworkUser },
): Promise<readonly Compare[]> {
  const { quotas } = network.spec;
  if (quotas === undefined) return [];
  const name = network.metadata.name;
  const compares: Compare[] = [];
  for (const { who, prefix, limit } of prefixesOf(name, user)) {
    const most = limit(quotas);
    if (most === undefined) continue;
    const range = underPrefix(prefix);
    let { count, header } = await context.store.range({ ...range, countOnly: true });
    if (count >= most) {
      await removeStale(context, { network: name, prefix });
      ({ count, header } = await context.store.range({ ...range, countOnly: true }));
    }
    if (count >= most) throw exceeded({ network: name, who, count, most });
    compares.push({ ...range, target: "mod", op: "<", revision: header.revision + 1 });
  }
  return compares;
}

function exceeded(
  { network, who, count, most }: {
    readonly network: string;
    readonly who: string;
    readonly count: number;
    readonly most: number;
  },
): FabricError {
  return new FabricError(
    "exhausted",
    `Quota of ${who} in network ${network} is used up: ${count} of ${most} interfaces`,
    {
      field: "spec.quotas",
      value: String(most),
      remedy: "delete Pods or fixed addresses, or have spec.quotas of the network raised",
      details: { reason: "quota", network, count, most },
    },
  );
}

/** Removes keys whose address is somebody else's, or nobody's. */
async function removeStale(
  context: IpamContext,
  { network, prefix }: { readonly network: string; readonly prefix: string },
): Promise<void> {
  for await (const page of readPages(context.store, underPrefix(prefix))) {
    for (let i = 0; i < page.length; i += 60) {
      await removeStaleOf(context, { network, keys: page.slice(i, i + 60) });
    }
  }
}

async function removeStaleOf(
  { store }: IpamContext,
  { network, keys }: { readonly network: string; readonly keys: readonly KeyValue[] },
): Promise<void> {
  const at = keys.map(({ key }) => {
    const [family, hex = ""] = (key.split("/").at(-1) ?? "").split("-");
    return /^[46]$/.test(family ?? "") && /^[0-9a-f]+$/.test(hex)
      ? addressKey(network, addressFromHex(hex))
      : "addresses/-";
  });
  const read = await store.txn({ success: at.map((key): Operation => ({ range: { key } })) });
  for (const [i, use] of keys.entries()) {
    const [kv] = keysOf(read.results[i]);
    const counted = kv === undefined ? undefined : decodeRecord(AddressRecordSchema, kv).uses;
    if (counted?.includes(use.key) === true) continue;
    await store.txn({
      compare: [
        { key: use.key, target: "mod", op: "=", revision: use.modRevision },
        { key: at[i] ?? "", target: "mod", op: "=", revision: kv?.modRevision ?? 0 },
      ],
      success: [{ delete: { key: use.key } }],
    });
  }
}
