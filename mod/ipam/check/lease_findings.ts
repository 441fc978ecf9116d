/**
 * Tombstones and cooling keys that will not go by themselves, looked at a second time.
 *
 * @module
 */

import { formatAddress } from "../../ip/address.ts";
import { formatHolder } from "../../model/identity.ts";
import { coolingSeconds } from "../../model/network.ts";
import { parseAddressKey, parseAttachmentKey } from "../keys.ts";
import { ORDER } from "../repair/action.ts";
import { type Change, ifUnchanged, storeAction } from "../repair/store_action.ts";
import type { Finding } from "./finding.ts";
import { seen } from "./judge.ts";
import { LEASE_KINDS } from "./kinds/free_index.ts";
import {
  type LeaseSuspicions,
  mayStopAnAdd,
  OLD_TOMBSTONE_MS,
  tombstoneAge,
} from "./scan_holders.ts";
import type { Slot } from "./views.ts";
import { readRange, type Snapshot } from "./windows.ts";
import type { World } from "./world.ts";

export async function leaseFindings(
  snapshot: Snapshot,
  input: {
    readonly world: World;
    readonly suspicions: LeaseSuspicions;
    readonly now: number;
  },
): Promise<readonly Finding[]> {
  const { world, suspicions, now } = input;
  const read = async (key: string): Promise<Slot> => {
    const { kvs } = await readRange(snapshot, { key });
    return { key, kv: kvs[0] };
  };
  const findings: Finding[] = [];
  for (const key of suspicions.tombstones) {
    const finding = tombstoneFinding(await read(key), now);
    if (finding !== undefined) findings.push(finding);
  }
  for (const key of suspicions.coolings) {
    const finding = coolingFinding(await read(key), world);
    if (finding !== undefined) findings.push(finding);
  }
  return findings;
}

function tombstoneFinding(slot: Slot, now: number): Finding | undefined {
  const { key, kv } = slot;
  if (kv === undefined) return undefined;
  const age = tombstoneAge(kv.value, now);
  const old = age !== undefined && age > OLD_TOMBSTONE_MS;
  if (kv.lease !== undefined && !old) return undefined;
  const kind = kv.lease === undefined ? LEASE_KINDS.tombstoneForever : LEASE_KINDS.tombstoneOld;
  const object = `tombstone of ${formatHolder(parseAttachmentKey(key))}`;
  const hours = age === undefined ? "" : `, ${Math.round(age / 3600_000)} hours old`;
  return {
    kind,
    object,
    detail: kv.lease === undefined ? "it has no lease" : `it is${hours.slice(1)}`,
    evidence: [seen(slot, `${kv.lease === undefined ? "no lease" : "leased"}${hours}`)],
    ...(mayStopAnAdd(kv.value, now)
      ? { remedy: "Run repair again in some minutes: an ADD that it is to stop may be under way." }
      : {
        action: storeAction({
          subject: { code: kind.code, object },
          compare: [ifUnchanged(slot)],
          changes: [{ delete: key }],
          steps: ["remove the tombstone"],
          order: ORDER.derived,
        }),
      }),
  };
}

function coolingFinding(slot: Slot, world: World): Finding | undefined {
  const { key, kv } = slot;
  if (kv === undefined || kv.lease !== undefined) return undefined;
  const { network, address } = parseAddressKey(key);
  const known = world.known.get(network);
  const seconds = known === undefined ? 0 : coolingSeconds(known.network.spec);
  const object = `address ${formatAddress(address)} of network ${network}`;
  const change: Change = seconds > 0
    ? { put: key, value: kv.value, leaseSeconds: seconds }
    : { delete: key };
  const kind = LEASE_KINDS.coolingForever;
  return {
    kind,
    object,
    detail: "its cooling key has no lease",
    evidence: [seen(slot, "no lease")],
    action: storeAction({
      subject: { code: kind.code, object },
      compare: [ifUnchanged(slot)],
      changes: [change],
      steps: [seconds > 0 ? `let it cool for ${seconds} seconds` : "end its cooling"],
      order: ORDER.derived,
    }),
  };
}
