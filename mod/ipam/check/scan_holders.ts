/**
 * Who has addresses: owners, attachments and MACs, against what the addresses said; and what is
 * leased beside them.
 *
 * @module
 */

import { macKey, PREFIXES } from "../keys.ts";
import { TOMBSTONE_SECONDS } from "../lease.ts";
import { HintSampler } from "./hints.ts";
import {
  addressParts,
  inspectAttachment,
  inspectMac,
  inspectOwner,
  inspectReserved,
  segmentsOf,
} from "./pairs.ts";
import type { Scan } from "./scan.ts";

/** Keys with a lease that they should not have, or without one. */
export interface LeaseSuspicions {
  readonly tombstones: readonly string[];
  readonly coolings: readonly string[];
}

/** Reads reservations, owners, attachments and MACs; `attachments` are hints for the third. */
export async function scanHolders(scan: Scan, attachments: readonly string[]): Promise<void> {
  await scan.read(PREFIXES.reserved, { inspect: inspectReserved });
  await scan.read(PREFIXES.owners, { inspect: inspectOwner });
  const macs = new HintSampler();
  const pages = scan.section(PREFIXES.attachments, {
    inspect: inspectAttachment,
    hints: attachments,
  });
  for await (const page of pages) {
    for (const { record } of page) {
      if (record === undefined) continue;
      const { physicalNetwork, vlan, mac } = record;
      macs.offer(mac, () => macKey(physicalNetwork, vlan, mac));
    }
  }
  await scan.read(PREFIXES.macs, { inspect: inspectMac, hints: macs.hints() });
}

/** A tombstone lives minutes; clocks of nodes may differ, but not by so much. */
export const OLD_TOMBSTONE_MS = 24 * 3600_000;

/** Reads tombstones and cooling keys. */
export async function scanLeased(scan: Scan, now: number): Promise<LeaseSuspicions> {
  const tombstones: string[] = [];
  const coolings: string[] = [];
  for await (const page of scan.section(PREFIXES.tombstones, {})) {
    for (const { kv: { key, value, lease } } of page) {
      if (segmentsOf(key, PREFIXES.tombstones, 4) === undefined) scan.suspect(key);
      else if (lease === undefined || isOldTombstone(value, now)) tombstones.push(key);
    }
  }
  for await (const page of scan.section(PREFIXES.cooling, { keysOnly: true })) {
    for (const { kv: { key, lease } } of page) {
      if (addressParts(key, PREFIXES.cooling) === undefined) scan.suspect(key);
      else if (lease === undefined) coolings.push(key);
    }
  }
  return { tombstones, coolings };
}

/** Milliseconds since the tombstone was written, by the clock of its node; undefined: unreadable. */
export function tombstoneAge(value: string, now: number): number | undefined {
  try {
    const parsed: unknown = JSON.parse(value);
    if (typeof parsed !== "object" || parsed === null || !("at" in parsed)) return undefined;
    const at = typeof parsed.at === "string" ? Date.parse(parsed.at) : NaN;
    return Number.isNaN(at) ? undefined : now - at;
  } catch {
    return undefined;
  }
}

function isOldTombstone(value: string, now: number): boolean {
  return (tombstoneAge(value, now) ?? 0) > OLD_TOMBSTONE_MS;
}

/** Whether an ADD that the tombstone is to stop can still be under way. */
export function mayStopAnAdd(value: string, now: number): boolean {
  const age = tombstoneAge(value, now);
  return age !== undefined && age < TOMBSTONE_SECONDS * 1000;
}
