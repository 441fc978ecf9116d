/**
 * Records with their keys, as the second look holds them: read, absent, or there but unreadable.
 *
 * @module
 */

import { asFabricError } from "../../error.ts";
import type { KeyValue } from "../../etcd/store.ts";
import { type Address, addressFromHex, formatAddress, tryParseAddress } from "../../ip/address.ts";
import { parseInterfaceAddress } from "../../ip/prefix.ts";
import type { AttachmentRef, OwnerRef } from "../../model/identity.ts";
import {
  type AddressRecord,
  AddressRecordSchema,
  type AttachmentRecord,
  AttachmentRecordSchema,
  type HistoryRecord,
  HistoryRecordSchema,
  type MacRecord,
  MacRecordSchema,
  type OwnerRecord,
  OwnerRecordSchema,
} from "../../model/records.ts";
import * as v from "valibot";
import { addressKey, PREFIXES } from "../keys.ts";
import { decodeRecord } from "../stored.ts";
import { addressParts, historyParts, macParts, segmentsOf } from "./pairs.ts";

/** A key and what stands there. */
export interface Slot {
  readonly key: string;
  readonly kv: KeyValue | undefined;
}

/** Why a value that is there cannot be used. */
export interface Fault {
  readonly kind: "malformed" | "schema" | "key" | "misnamed";
  readonly why: string;
}

/** A slot with its record; neither record nor fault: there is nothing. */
export interface View<T> extends Slot {
  readonly record: T | undefined;
  readonly fault: Fault | undefined;
}

export interface AddressView extends View<AddressRecord> {
  readonly network: string;
  readonly address: Address;
  /** The address for people. */
  readonly text: string;
}

export interface OwnerView extends View<OwnerRecord> {
  readonly network: string;
  /** By the key. */
  readonly ref: OwnerRef;
  /** Keys of the addresses that it lists. */
  readonly listed: readonly string[];
}

/** One address of an attachment. */
export interface Entry {
  /** Key of the address. */
  readonly key: string;
  readonly address: Address;
  readonly id: string;
}

export interface AttachmentView extends View<AttachmentRecord> {
  /** By the key. */
  readonly ref: AttachmentRef;
  readonly entries: readonly Entry[];
}

export interface MacView extends View<MacRecord> {
  readonly physicalNetwork: string;
  readonly vlan: number;
  readonly mac: string;
}

export interface HistoryView extends View<HistoryRecord> {
  readonly address: Address;
  readonly id: string;
}

const PointerSchema = v.looseObject({ v: v.number(), address: v.string() });
export type PointerRecord = v.InferOutput<typeof PointerSchema>;

export interface PointerView extends View<PointerRecord> {
  readonly id: string;
  readonly address: Address | undefined;
}

/** Keys whose parts are not those of their part of the layout. */
export interface BrokenView extends View<never> {
  readonly fault: Fault;
}

function read<T>(
  schema: v.GenericSchema<unknown, T>,
  kv: KeyValue | undefined,
): Pick<View<T>, "record" | "fault"> {
  if (kv === undefined) return { record: undefined, fault: undefined };
  // No JSON text holds this as its first character: it was no UTF-8.
  if (kv.value.startsWith("\ufffd")) {
    return { record: undefined, fault: { kind: "malformed", why: "it is no UTF-8" } };
  }
  try {
    return { record: decodeRecord(schema, kv), fault: undefined };
  } catch (error) {
    const { kind, message } = asFabricError(error);
    const why = message.slice(message.indexOf(": ") + 2);
    const fault: Fault = { kind: kind === "schema" ? "schema" : "malformed", why };
    return { record: undefined, fault };
  }
}

/** A record that is about something else than its key. */
function misnamed<T>(
  read: Pick<View<T>, "record" | "fault">,
  why: string | undefined,
): Pick<View<T>, "record" | "fault"> {
  if (why === undefined || read.record === undefined) return read;
  return { record: read.record, fault: { kind: "misnamed", why } };
}

function addressOf(place: string): Address {
  return addressFromHex(place.slice(2));
}

export function viewAddress({ key, kv }: Slot): AddressView | undefined {
  const parts = addressParts(key, PREFIXES.addresses);
  if (parts === undefined) return undefined;
  const address = addressOf(parts.place);
  const { network } = parts;
  return {
    key,
    kv,
    network,
    address,
    text: formatAddress(address),
    ...read(AddressRecordSchema, kv),
  };
}

export function viewOwner({ key, kv }: Slot): OwnerView | undefined {
  const [network, cluster, group, kind, namespace, name, slot, ifname] =
    segmentsOf(key, PREFIXES.owners, 8) ?? [];
  if (
    network === undefined || cluster === undefined || group === undefined || kind === undefined ||
    namespace === undefined || name === undefined || slot === undefined || ifname === undefined
  ) return undefined;
  const { record, fault } = read(OwnerRecordSchema, kv);
  const listed = (record?.addresses ?? []).flatMap(({ address }) => {
    const parsed = tryParseAddress(address);
    return parsed === undefined ? [] : [addressKey(network, parsed)];
  });
  return {
    key,
    kv,
    network,
    ref: { cluster, group, kind, namespace, name, slot, ifname },
    listed: [...new Set(listed)],
    record,
    fault,
  };
}

export function viewAttachment({ key, kv }: Slot): AttachmentView | undefined {
  const [cluster, node, containerId, ifname] = segmentsOf(key, PREFIXES.attachments, 4) ?? [];
  if (
    cluster === undefined || node === undefined || containerId === undefined ||
    ifname === undefined
  ) return undefined;
  const found = read(AttachmentRecordSchema, kv);
  const { record } = found;
  const isNamed = record === undefined ||
    (record.cluster === cluster && record.node === node && record.containerId === containerId &&
      record.ifname === ifname);
  const entries = record?.addresses.map(entryOf(record.network.name)) ?? [];
  const whole = entries.flatMap((entry) => entry === undefined ? [] : [entry]);
  const view = entries.length === whole.length
    ? misnamed(found, isNamed ? undefined : "its value names another attachment")
    : {
      record: undefined,
      fault: { kind: "malformed", why: "an address of it is none" } satisfies Fault,
    };
  return { key, kv, ref: { cluster, node, containerId, ifname }, entries: whole, ...view };
}

function entryOf(network: string) {
  return (allocated: AttachmentRecord["addresses"][number]): Entry | undefined => {
    try {
      const { address } = parseInterfaceAddress(allocated.address);
      return { key: addressKey(network, address), address, id: allocated.id };
    } catch {
      return undefined;
    }
  };
}

export function viewMac({ key, kv }: Slot): MacView | undefined {
  const parts = macParts(key);
  return parts === undefined ? undefined : { key, kv, ...parts, ...read(MacRecordSchema, kv) };
}

export function viewHistory({ key, kv }: Slot): HistoryView | undefined {
  const parts = historyParts(key);
  if (parts === undefined) return undefined;
  const address = addressOf(parts.place);
  const found = read(HistoryRecordSchema, kv);
  const { record } = found;
  const why = record === undefined
    ? undefined
    : record.id !== parts.id
    ? "its value names another allocation"
    : record.address !== formatAddress(address)
    ? "its value names another address"
    : undefined;
  return { key, kv, address, id: parts.id, ...misnamed(found, why) };
}

export function viewPointer({ key, kv }: Slot): PointerView | undefined {
  const parts = segmentsOf(key, PREFIXES.historyByOwner, 8);
  const id = parts?.[7];
  if (id === undefined) return undefined;
  const found = read(PointerSchema, kv);
  const address = found.record === undefined ? undefined : tryParseAddress(found.record.address);
  if (found.record !== undefined && address === undefined) {
    const fault: Fault = { kind: "malformed", why: "its address is none" };
    return { key, kv, id, address, record: undefined, fault };
  }
  return { key, kv, id, address, ...found };
}

/** A record that others may rely on: there, readable, and about what its key says. */
export function isSound<T>(view: View<T> | undefined): view is View<T> & { readonly record: T } {
  return view?.record !== undefined && view.fault === undefined;
}

/** Nothing stands under the key. */
export function isAbsent(view: Slot | undefined): boolean {
  return view?.kv === undefined;
}
