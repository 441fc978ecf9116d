/**
 * The second look: what is suspicious is read again with all that it refers to, as it is now and at
 * one revision. What hangs together is one case; rules judge a case as a whole, so that one damage
 * gives one finding.
 *
 * @module
 */

import { historyIdentity } from "../history_identity.ts";
import {
  addressKey,
  attachmentKey,
  historyByOwnerKey,
  historyKey,
  macKey,
  ownerKey,
  PREFIXES,
  reservedKey,
  tombstoneKey,
} from "../keys.ts";
import { segmentsOf } from "./pairs.ts";
import {
  type AddressView,
  type AttachmentView,
  type HistoryView,
  type MacView,
  type OwnerView,
  type PointerView,
  type Slot,
  viewAddress,
  viewAttachment,
  viewHistory,
  viewMac,
  viewOwner,
  viewPointer,
} from "./views.ts";
import { readRange, type Snapshot } from "./windows.ts";
import type { World } from "./world.ts";

/** Records that hang together, by key. */
export interface Records {
  readonly addresses: ReadonlyMap<string, AddressView>;
  readonly owners: ReadonlyMap<string, OwnerView>;
  readonly attachments: ReadonlyMap<string, AttachmentView>;
  readonly macs: ReadonlyMap<string, MacView>;
  readonly histories: ReadonlyMap<string, HistoryView>;
  readonly pointers: ReadonlyMap<string, PointerView>;
  readonly reserved: ReadonlyMap<string, Slot>;
  readonly tombstones: ReadonlyMap<string, Slot>;
  /** Keys in a part of the layout whose own parts are not that part's. */
  readonly broken: ReadonlyMap<string, Slot>;
}

type MutableRecords = {
  -readonly [K in keyof Records]: Records[K] extends ReadonlyMap<string, infer V> ? Map<string, V>
    : never;
};

function emptyRecords(): MutableRecords {
  return {
    addresses: new Map(),
    owners: new Map(),
    attachments: new Map(),
    macs: new Map(),
    histories: new Map(),
    pointers: new Map(),
    reserved: new Map(),
    tombstones: new Map(),
    broken: new Map(),
  };
}

/** Files the slot where it belongs; the keys that it refers to. */
function file(slot: Slot, records: MutableRecords, world: World): readonly string[] {
  const { key } = slot;
  if (key.startsWith(PREFIXES.addresses)) {
    const view = viewAddress(slot);
    if (view !== undefined) return keep(records.addresses, view, addressReferences(view, world));
  } else if (key.startsWith(PREFIXES.owners)) {
    const view = viewOwner(slot);
    if (view !== undefined) return keep(records.owners, view, ownerReferences(view, world));
  } else if (key.startsWith(PREFIXES.attachments)) {
    const view = viewAttachment(slot);
    if (view !== undefined) return keep(records.attachments, view, attachmentReferences(view));
  } else if (key.startsWith(PREFIXES.macs)) {
    const view = viewMac(slot);
    if (view !== undefined) return keep(records.macs, view, macReferences(view));
  } else if (key.startsWith(PREFIXES.historyByOwner)) {
    const view = viewPointer(slot);
    if (view !== undefined) return keep(records.pointers, view, pointerReferences(view));
  } else if (key.startsWith(PREFIXES.history)) {
    const view = viewHistory(slot);
    if (view !== undefined) return keep(records.histories, view, historyReferences(view));
  } else if (key.startsWith(PREFIXES.reserved)) {
    const address = viewAddress({ ...slot, key: sibling(key) });
    if (address !== undefined) return keep(records.reserved, slot, [address.key]);
  } else if (key.startsWith(PREFIXES.tombstones)) {
    if (segmentsOf(key, PREFIXES.tombstones, 4) !== undefined) {
      return keep(records.tombstones, slot, []);
    }
  }
  records.broken.set(key, slot);
  return [];
}

function keep<V extends Slot>(
  map: Map<string, V>,
  view: V,
  references: readonly string[],
): readonly string[] {
  map.set(view.key, view);
  return references;
}

/** The address of a `reserved/` key. */
function sibling(key: string): string {
  return PREFIXES.addresses + key.slice(PREFIXES.reserved.length);
}

function addressReferences(view: AddressView, world: World): readonly string[] {
  const { network, address, record } = view;
  const keys = [reservedKey(network, address)];
  if (record === undefined) return keys;
  const { holder, owner, id, mac } = record;
  if (holder !== undefined) keys.push(attachmentKey(holder), tombstoneKey(holder));
  if (owner !== undefined) keys.push(ownerKey(network, owner));
  if (record.state !== "reserved") keys.push(historyKey(address, id));
  const spec = world.known.get(network)?.network.spec;
  if (mac !== undefined && spec !== undefined) {
    keys.push(macKey(spec.physicalNetwork, spec.vlan, mac));
  }
  return keys;
}

function ownerReferences(view: OwnerView, world: World): readonly string[] {
  const { record, listed, network } = view;
  if (record === undefined) return [];
  const keys = [...listed];
  if (record.holder !== undefined) {
    keys.push(attachmentKey(record.holder), tombstoneKey(record.holder));
  }
  // A record that names another slot is held against that one.
  keys.push(ownerKey(network, record.owner));
  const spec = world.known.get(network)?.network.spec;
  if (record.mac !== undefined && spec !== undefined) {
    keys.push(macKey(spec.physicalNetwork, spec.vlan, record.mac));
  }
  return keys;
}

function attachmentReferences({ ref, record, entries }: AttachmentView): readonly string[] {
  const keys = [tombstoneKey(ref)];
  if (record === undefined) return keys;
  for (const { key, address, id } of entries) keys.push(key, historyKey(address, id));
  keys.push(macKey(record.physicalNetwork, record.vlan, record.mac));
  if (record.owner !== undefined) keys.push(ownerKey(record.network.name, record.owner));
  return keys;
}

function macReferences({ record }: MacView): readonly string[] {
  if (record === undefined) return [];
  const { holder, owner, network } = record;
  return [
    ...holder === undefined ? [] : [attachmentKey(holder)],
    ...owner === undefined ? [] : [ownerKey(network, owner)],
  ];
}

function historyReferences(view: HistoryView): readonly string[] {
  const { record, address, id } = view;
  if (record === undefined) return [];
  const { holder, owner, network, end } = record;
  return [
    addressKey(network.name, address),
    historyByOwnerKey(historyIdentity(holder, owner), id),
    ...end === undefined ? [attachmentKey(holder)] : [],
  ];
}

function pointerReferences({ address, id }: PointerView): readonly string[] {
  return address === undefined ? [] : [historyKey(address, id)];
}

/** Keys that are read at a time. */
const AT_ONCE = 64;

/**
 * Reads the keys and whatever they refer to; one set of records for each group that hangs together.
 */
export async function readCases(
  snapshot: Snapshot,
  world: World,
  seeds: Iterable<string>,
): Promise<readonly Records[]> {
  const slots = new Map<string, Slot>();
  const groups = new Groups();
  const all = emptyRecords();
  let wanted = [...new Set(seeds)];
  while (wanted.length > 0) {
    const found: string[] = [];
    for (let i = 0; i < wanted.length; i += AT_ONCE) {
      const part = wanted.slice(i, i + AT_ONCE);
      const read = await Promise.all(part.map(async (key): Promise<Slot> => {
        const { kvs } = await readRange(snapshot, { key });
        return { key, kv: kvs[0] };
      }));
      for (const slot of read) {
        slots.set(slot.key, slot);
        for (const reference of file(slot, all, world)) {
          groups.join(slot.key, reference);
          found.push(reference);
        }
      }
    }
    wanted = [...new Set(found)].filter((key) => !slots.has(key));
  }
  const cases = new Map<string, MutableRecords>();
  for (const slot of slots.values()) {
    const group = groups.of(slot.key);
    const records = cases.get(group) ?? emptyRecords();
    cases.set(group, records);
    file(slot, records, world);
  }
  return [...cases.values()];
}

/** Keys that hang together (a union-find). */
class Groups {
  readonly #parent = new Map<string, string>();

  of(key: string): string {
    let root = key;
    for (let up = this.#parent.get(root); up !== undefined; up = this.#parent.get(root)) root = up;
    // The next question is answered at once.
    for (let at = key; at !== root;) {
      const up = this.#parent.get(at) ?? root;
      this.#parent.set(at, root);
      at = up;
    }
    return root;
  }

  join(a: string, b: string): void {
    const [one, other] = [this.of(a), this.of(b)];
    if (one !== other) this.#parent.set(other, one);
  }
}
