/**
 * History in bulk, written as allocate and release write it, without their addresses.
 *
 * @module
 */

import { ulid } from "@std/ulid";
import type { Operation, Store } from "../mod/etcd/store.ts";
import { type Address, formatAddress } from "../mod/ip/address.ts";
import { historyIdentity } from "../mod/ipam/history_identity.ts";
import { historyByOwnerKey, historyKey } from "../mod/ipam/keys.ts";
import { encodeRecord } from "../mod/ipam/stored.ts";

export interface MadeInterval {
  readonly address: Address;
  readonly network?: { readonly name: string; readonly uid: string };
  readonly containerId?: string;
  /** RFC 3339. */
  readonly start?: string;
  /** Absent: it lasts. */
  readonly end?: string;
}

/** A record and its entry by owner; the key of the record. */
function operationsOf(made: MadeInterval): { readonly key: string; readonly puts: Operation[] } {
  const id = ulid();
  const { address, network = { name: "pods", uid: "uid-pods" }, containerId = "c1" } = made;
  const holder = { cluster: "local", node: "n1", containerId, ifname: "eth0" };
  const key = historyKey(address, id);
  const text = formatAddress(address);
  const record = {
    id,
    address: text,
    network,
    holder,
    start: made.start ?? new Date().toISOString(),
    ...(made.end === undefined ? {} : { end: made.end, endedBy: "del" }),
  };
  return {
    key,
    puts: [
      { put: key, value: encodeRecord(record) },
      {
        put: historyByOwnerKey(historyIdentity(holder), id),
        value: encodeRecord({ address: text, network }),
      },
    ],
  };
}

/** Writes the intervals, 60 to a transaction (so that 60 share a revision); their keys. */
export async function writeHistory(
  store: Store,
  intervals: readonly MadeInterval[],
): Promise<readonly string[]> {
  const keys: string[] = [];
  for (let i = 0; i < intervals.length; i += 60) {
    const made = intervals.slice(i, i + 60).map(operationsOf);
    await store.txn({ success: made.flatMap(({ puts }) => puts) });
    keys.push(...made.map(({ key }) => key));
  }
  return keys;
}

/** Ends a record that lasts. */
export async function endHistory(store: Store, key: string, end: string): Promise<void> {
  const { kvs } = await store.range({ key });
  const record: unknown = JSON.parse(kvs[0]?.value ?? "{}");
  const value = JSON.stringify({ ...Object(record), end, endedBy: "del" });
  await store.txn({ success: [{ put: key, value }] });
}
