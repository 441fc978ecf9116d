/**
 * The first look at a store: everything is read once, as it was at one revision, and what does not
 * fit together is noted. A suspicion is no finding yet: it is looked at again, key by key, in
 * `case.ts`. So this look must miss nothing, but may be wrong.
 *
 * Memory grows with what is in use (12 bytes for each pair that is open at a time), not with the
 * history; time with both.
 *
 * @module
 */

import { type KeyValue, underPrefix } from "../../etcd/store.ts";
import { Ledger } from "./ledger.ts";
import type { Inspect, Sink } from "./pairs.ts";
import { hashText } from "./text_hash.ts";
import { scanWindows, type Snapshot } from "./windows.ts";
import type { World } from "./world.ts";

/** Told after each page. */
export type OnProgress = (progress: { readonly section: string; readonly keys: number }) => void;

/** A key with its record; undefined where that cannot be read, or was not looked at. */
export interface Inspected<T> {
  readonly kv: KeyValue;
  readonly record: T | undefined;
}

/** A page that was read, so that it can be read again. */
interface PageRef {
  readonly inspect: Inspect<unknown>;
  readonly first: string;
  readonly last: string;
}

/** More suspicions than that are not pursued in one check. */
export const MAX_SEEDS = 5_000;

/** One look at a store. */
export class Scan {
  readonly snapshot: Snapshot;
  readonly world: World;
  /** Keys that are worth a closer look. */
  readonly seeds = new Set<string>();
  /** Names of networks that have no key, with some of the keys that name them. */
  readonly missingNetworks = new Map<string, string[]>();
  /** `cluster\nnode` of nodes that have no key, with some of their attachments' keys. */
  readonly unknownNodes = new Map<string, string[]>();
  /** True where there was more damage than can be pursued at once. */
  truncated = false;
  readonly #ledger = new Ledger();
  readonly #pages: PageRef[] = [];
  readonly #onProgress: OnProgress;
  #keys = 0;

  constructor(snapshot: Snapshot, world: World, onProgress: OnProgress) {
    this.snapshot = snapshot;
    this.world = world;
    this.#onProgress = onProgress;
  }

  /** How many keys were read. */
  get keys(): number {
    return this.#keys;
  }

  suspect(key: string): void {
    if (this.seeds.size < MAX_SEEDS) this.seeds.add(key);
    else this.truncated = true;
  }

  /** Reads a part of the layout; gives each page once its records have said their halves. */
  async *section<T>(
    prefix: string,
    options: {
      readonly inspect?: Inspect<T>;
      readonly hints?: readonly string[];
      readonly keysOnly?: boolean;
    },
  ): AsyncGenerator<readonly Inspected<T>[]> {
    const { inspect, hints = [], keysOnly = false } = options;
    const pages = scanWindows(this.snapshot, underPrefix(prefix), { hints, keysOnly });
    for await (const page of pages) {
      yield inspect === undefined
        ? page.map((kv) => ({ kv, record: undefined }))
        : this.#inspectPage(page, inspect);
      this.#keys += page.length;
      this.#onProgress({ section: prefix.slice(0, -1), keys: this.#keys });
    }
  }

  /** Reads a part of the layout for what its records say. */
  async read(
    prefix: string,
    options: { readonly inspect: Inspect<unknown>; readonly hints?: readonly string[] },
  ): Promise<void> {
    for await (const _ of this.section(prefix, options));
  }

  #inspectPage<T>(page: readonly KeyValue[], inspect: Inspect<T>): readonly Inspected<T>[] {
    const [first, last] = [page[0], page.at(-1)];
    if (first === undefined || last === undefined) return [];
    const number = this.#pages.push({ inspect, first: first.key, last: last.key }) - 1;
    const ledger = this.#ledger;
    const sink: Sink = {
      pair: (text) => ledger.enter(hashText(text), number),
      suspect: (key) => this.suspect(key),
      missingNetwork: (name, key) => note(this.missingNetworks, name, key),
      unknownNode: (name, key) => note(this.unknownNodes, name, key),
    };
    const inspection = { world: this.world, sink };
    return page.map((kv) => ({ kv, record: inspect(kv, inspection) }));
  }

  /** Finds out which records said a half that stayed alone. */
  async pursue(): Promise<void> {
    const ledger = this.#ledger;
    for (const number of ledger.pages()) {
      const page = this.#pages[number];
      if (page === undefined) continue;
      if (this.seeds.size >= MAX_SEEDS) {
        this.truncated = true;
        return;
      }
      const range = { key: page.first, end: `${page.last}\0` };
      for await (const kvs of scanWindows(this.snapshot, range)) {
        for (const kv of kvs) this.#pursueRecord(kv, page.inspect);
      }
    }
  }

  #pursueRecord(kv: KeyValue, inspect: Inspect<unknown>): void {
    const sink: Sink = {
      pair: (text) => {
        if (this.#ledger.has(hashText(text))) this.suspect(kv.key);
      },
      suspect: () => {},
      missingNetwork: () => {},
      unknownNode: () => {},
    };
    inspect(kv, { world: this.world, sink });
  }
}

/** Keys that are kept as evidence for one missing thing. */
const NOTED = 20;

function note(map: Map<string, string[]>, name: string, key: string): void {
  const keys = map.get(name);
  if (keys === undefined) map.set(name, [key]);
  else if (keys.length < NOTED) keys.push(key);
}
