/**
 * The free index of one family of a network against the truth. Entries come first, in any order;
 * then the addresses that have a record, ascending; so one pass over both is enough.
 *
 * @module
 */

import type { KeyValue } from "../../etcd/store.ts";
import { type Address, addressFromHex, type Family } from "../../ip/address.ts";
import { type Range, subtractRanges } from "../../ip/range.ts";
import { singleKey } from "../free.ts";
import type { KnownNetwork, World } from "./world.ts";

/** What does not agree. */
export interface GroupDamage {
  readonly network: string;
  readonly family: Family;
  /** Handed out by the network, without a record, and offered by no entry. */
  readonly lost: readonly Range[];
  /** Keys with their revisions. */
  readonly broken: readonly EntryRef[];
  readonly taken: readonly (EntryRef & { readonly address: Address })[];
  readonly unallocatable: readonly EntryRef[];
}

export interface EntryRef {
  readonly key: string;
  readonly modRevision: number;
  readonly value: string;
}

interface Entry extends EntryRef {
  readonly first: bigint;
  readonly last: bigint;
}

const NAME = /^[0-9a-f]{8}-([0-9a-f]{8}|[0-9a-f]{32})(\+[0-9a-z-]*)?$/;

/** The addresses that the entry offers, and whether it stands for one released address. */
export function parseEntry(
  kv: Pick<KeyValue, "key" | "value">,
  network: string,
): { readonly first: Address; readonly last: Address; readonly single: boolean } | undefined {
  const match = NAME.exec(kv.key.slice(kv.key.lastIndexOf("/") + 1));
  const hex = match?.[1];
  if (match === null || hex === undefined) return undefined;
  const own = addressFromHex(hex);
  // Under another hash than its address has, a release and a reservation would not find it.
  const place = singleKey(network, own);
  if (!kv.key.startsWith(place)) return undefined;
  const value = parseValue(kv.value);
  if (value === undefined) return undefined;
  try {
    const first = value.n === undefined ? own : addressFromHex(value.n);
    const last = value.e === undefined ? first : addressFromHex(value.e);
    if (first.family !== own.family || last.family !== own.family) return undefined;
    if (first.value > last.value) return undefined;
    const single = match[2] === undefined && first.value === own.value && last.value === own.value;
    return { first, last, single };
  } catch {
    return undefined;
  }
}

function parseValue(
  text: string,
): { readonly n: string | undefined; readonly e: string | undefined } | undefined {
  if (text === "{}") return { n: undefined, e: undefined };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const n: unknown = "n" in value ? value.n : undefined;
  const e: unknown = "e" in value ? value.e : undefined;
  const t: unknown = "t" in value ? value.t : undefined;
  if (n !== undefined && typeof n !== "string") return undefined;
  if (e !== undefined && typeof e !== "string") return undefined;
  return t === undefined || typeof t === "number" ? { n, e } : undefined;
}

/** One family of one network. */
export class FreeGroup {
  readonly #network: KnownNetwork;
  readonly #family: Family;
  readonly #edit: World["edit"];
  readonly #entries: { readonly first: bigint; readonly last: bigint }[] = [];
  readonly #singles: Entry[] = [];
  readonly #broken: EntryRef[] = [];
  readonly #taken: (EntryRef & { readonly address: Address })[] = [];
  readonly #unallocatable: EntryRef[] = [];
  readonly #lost: Range[] = [];
  #gaps: readonly Range[] | undefined;
  #gap = 0;
  /** Where the rest of the current gap begins. */
  #from: bigint | undefined;
  #single = 0;

  constructor(network: KnownNetwork, family: Family, edit: World["edit"]) {
    this.#network = network;
    this.#family = family;
    this.#edit = edit;
  }

  /** An entry of the index; all of them come before the first address. */
  entry(kv: KeyValue): void {
    const ref = { key: kv.key, modRevision: kv.modRevision, value: kv.value };
    const parsed = parseEntry(kv, this.#network.name);
    if (parsed === undefined || parsed.first.family !== this.#family) {
      this.#broken.push(ref);
      return;
    }
    const { first: { value: first }, last: { value: last }, single } = parsed;
    this.#entries.push({ first, last });
    if (single) this.#singles.push({ ...ref, first, last });
    const pool = this.#network.allocatable[this.#family];
    const inside = pool.some((range) => range.first <= first && last <= range.last);
    if (!inside && !this.#isEdited()) this.#unallocatable.push(ref);
  }

  /** While an edit is at work the index may offer more than the network hands out. */
  #isEdited(): boolean {
    return this.#edit.claim === this.#network.name;
  }

  /** An address that has a record; ascending. */
  address(value: bigint, createRevision: number): void {
    const gaps = this.#prepare();
    for (
      let gap = gaps[this.#gap];
      gap !== undefined && gap.first <= value;
      gap = gaps[this.#gap]
    ) {
      const from = this.#from ?? gap.first;
      if (value <= gap.last) {
        if (from < value) this.#lose(from, value - 1n);
        this.#from = value + 1n;
        if (value === gap.last) this.#nextGap();
        break;
      }
      if (from <= gap.last) this.#lose(from, gap.last);
      this.#nextGap();
    }
    for (
      let one = this.#singles[this.#single];
      one !== undefined;
      one = this.#singles[this.#single]
    ) {
      if (one.first > value) break;
      // The network's edit may have offered what somebody asked for before it; an allocation takes
      // its entry away.
      const { modRevision } = this.#network;
      const stale = createRevision > one.modRevision || one.modRevision > modRevision;
      if (one.first === value && stale) {
        this.#taken.push({ ...one, address: { family: this.#family, value } });
      }
      this.#single++;
    }
  }

  /** What does not agree; undefined where all does. */
  finish(): GroupDamage | undefined {
    const gaps = this.#prepare();
    for (let gap = gaps[this.#gap]; gap !== undefined; gap = gaps[this.#gap]) {
      const from = this.#from ?? gap.first;
      if (from <= gap.last) this.#lose(from, gap.last);
      this.#nextGap();
    }
    const found = [this.#lost, this.#broken, this.#taken, this.#unallocatable];
    if (found.every(({ length }) => length === 0)) return undefined;
    return {
      network: this.#network.name,
      family: this.#family,
      lost: this.#lost,
      broken: this.#broken,
      taken: this.#taken,
      unallocatable: this.#unallocatable,
    };
  }

  #nextGap(): void {
    this.#gap++;
    this.#from = undefined;
  }

  #lose(first: bigint, last: bigint): void {
    this.#lost.push({ family: this.#family, first, last });
  }

  #prepare(): readonly Range[] {
    if (this.#gaps !== undefined) return this.#gaps;
    const covered = this.#entries.map((range) => ({ family: this.#family, ...range }));
    this.#entries.length = 0;
    this.#singles.sort((a, b) => a.first < b.first ? -1 : a.first > b.first ? 1 : 0);
    return this.#gaps = subtractRanges(this.#network.allocatable[this.#family], covered);
  }
}
