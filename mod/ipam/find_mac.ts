/**
 * Who has a MAC: one key in each segment that a network has, so the question is answered by lookup.
 *
 * @module
 */

import { readPages } from "../etcd/pages.ts";
import { type Operation, type Store, underPrefix } from "../etcd/store.ts";
import { type MacRecord, MacRecordSchema } from "../model/records.ts";
import { keysOf } from "./allocate_state.ts";
import { macKey, PREFIXES } from "./keys.ts";
import { decodeRecord, decodeResource } from "./stored.ts";

/** A segment's record of a MAC. */
export interface FoundMac {
  readonly physicalNetwork: string;
  readonly vlan: number;
  readonly record: MacRecord;
}

/** Keys that are read in one transaction. */
const BATCH = 100;

/** All records of the MAC (lower case, with colons), in whatever segment. */
export async function findMac(store: Store, mac: string): Promise<readonly FoundMac[]> {
  const segments = new Map<string, Omit<FoundMac, "record">>();
  for await (const page of readPages(store, underPrefix(PREFIXES.networks))) {
    for (const kv of page) {
      const { physicalNetwork, vlan } = decodeResource(kv, "Network").spec;
      segments.set(macKey(physicalNetwork, vlan, mac), { physicalNetwork, vlan });
    }
  }
  const keys = [...segments.keys()];
  const found: FoundMac[] = [];
  for (let i = 0; i < keys.length; i += BATCH) {
    const success = keys.slice(i, i + BATCH).map((key): Operation => ({ range: { key } }));
    const { results } = await store.txn({ success });
    for (const kv of results.flatMap(keysOf)) {
      const segment = segments.get(kv.key);
      if (segment === undefined) continue;
      found.push({ ...segment, record: decodeRecord(MacRecordSchema, kv) });
    }
  }
  return found;
}
