/**
 * A mirror of the store in memory, fed by one watch: lists, search, usage and watches are answered
 * from it. It is never presented as fresh: whoever reads asks {@linkcode Mirror.fresh} first, which
 * makes a linearizable read of etcd after the question came, and waits until the mirror has reached
 * that revision.
 *
 * @module
 */

import * as v from "valibot";
import { asFabricError, FabricError } from "../../mod/error.ts";
import type { RangeReader } from "../../mod/etcd/bulk/bulk.ts";
import { isCompacted } from "../../mod/etcd/pages.ts";
import {
  type KeyRange,
  type KeyValue,
  type Store,
  underPrefix,
  type WatchBatch,
  type WatchEvent,
} from "../../mod/etcd/store.ts";
import { META_ERA, META_FENCE, PREFIXES } from "../../mod/ipam/keys.ts";
import { pause } from "../../mod/timer.ts";
import { type Change, ChangeLog } from "./change_log.ts";
import { changesOf, keptKind, once, readOr } from "./changes_of.ts";
import { coalesce } from "./coalesce.ts";
import {
  decoders,
  MIRRORED,
  type MirroredKind,
  OBJECTS,
  PASSED,
  PASSED_OBJECTS,
  type PassedKind,
  PREFIX_OF,
  type Row,
  type Values,
  Words,
} from "./kinds.ts";
import { SortedTable } from "./sorted_table.ts";
import { pastView, presentView, type Tables, type View } from "./view.ts";

/** Told after the tables have changed. */
export interface MirrorListener {
  readonly onChanges: (changes: readonly Change[]) => void;
  /** The store is another one, or a gap cannot be closed: whoever follows starts anew. */
  readonly onReset: () => void;
}

/** The changes of one revision. */
export interface OlderChanges {
  readonly revision: number;
  readonly changes: readonly Change[];
}

/** What the mirror is given. */
export interface MirrorOptions {
  readonly store: Store;
  /** Opens a fast reader for the first load; closed when it is done. */
  readonly openReader: () => RangeReader & AsyncDisposable;
  /** Told of a value that cannot be read: it is left out. */
  readonly onDamage: (error: FabricError) => void;
  /** Told when the watch breaks and when it stands again. */
  readonly onState?: (state: "loading" | "following" | "broken", error?: FabricError) => void;
  readonly signal: AbortSignal;
}

/** How long a reader waits for the mirror. */
const PATIENCE_MS = 1500;
/** After that the watch is asked for by a write: others write to this etcd, too. */
const FOREIGN_WRITE_MS = 40;
const PAGE = 5000;
const RETRY_MS = 200;

/** All our keys begin with a small letter. */
const EVERYTHING: Required<KeyRange> = { key: "a", end: "{" };

const EraSchema = v.looseObject({ era: v.string() });

export class Mirror {
  readonly tables: Tables = {
    physicalnetworks: new SortedTable(),
    zones: new SortedTable(),
    nodes: new SortedTable(),
    networks: new SortedTable(),
    addresses: new SortedTable(),
    owners: new SortedTable(),
  };
  /** Addresses that cool, by the key below `cooling/`. */
  readonly cooling = new SortedTable<true>();
  readonly #options: MirrorOptions;
  readonly #decode = decoders(new Words());
  readonly #log = new ChangeLog();
  readonly #listeners = new Set<MirrorListener>();
  readonly #waiting = new Set<() => void>();
  readonly #fence: () => Promise<{ readonly revision: number; readonly clusterId: string }>;
  readonly #foreign: () => Promise<void>;
  #revision = 0;
  #clusterId = "";
  #era = "";
  #loaded = false;
  #restart = new AbortController();

  constructor(options: MirrorOptions) {
    this.#options = options;
    const { store } = options;
    this.#fence = coalesce(async () =>
      (await store.range({ key: META_ERA, keysOnly: true }, { timeoutMs: PATIENCE_MS })).header
    );
    this.#foreign = coalesce(async () => {
      await store.txn({ success: [{ put: META_FENCE, value: "{}" }] }, {
        timeoutMs: PATIENCE_MS,
      });
    });
  }

  /** The revision that the tables show. */
  get revision(): number {
    return this.#revision;
  }

  /** The store's era; changes when it is restored. "" while it is new. */
  get era(): string {
    return this.#era;
  }

  /** False until everything is read for the first time, and while it is read anew. */
  get loaded(): boolean {
    return this.#loaded;
  }

  /**
   * Waits until the tables show all that was committed before this call.
   *
   * @returns the revision that they show then.
   * @throws {FabricError} `unavailable`: etcd does not answer, or the mirror does not follow.
   */
  async fresh(): Promise<number> {
    const started = performance.now();
    const { revision, clusterId } = await this.#fence();
    if (this.#loaded && (revision < this.#revision || clusterId !== this.#clusterId)) {
      // Another store, or an older state of it.
      this.#loaded = false;
      this.#restart.abort("rolled back");
    }
    let asked = false;
    while (!this.#loaded || this.#revision < revision) {
      const spent = performance.now() - started;
      if (spent > PATIENCE_MS) {
        throw new FabricError("unavailable", "This server does not follow etcd at the moment", {
          remedy: "try again, or ask another server",
          details: { reason: "mirror", revision, shown: this.#revision },
        });
      }
      if (this.#loaded && !asked && spent > FOREIGN_WRITE_MS) {
        asked = true;
        this.#foreign().catch(() => {});
      }
      await this.#moved(asked ? PATIENCE_MS - spent : FOREIGN_WRITE_MS);
    }
    return this.#revision;
  }

  /** The tables as they are, or as they were at a revision. */
  view(revision: number = this.#revision): View {
    if (revision === this.#revision) return presentView(this.tables, revision);
    if (revision > this.#revision || !this.#log.reaches(revision)) {
      throw new FabricError("conflict", `Revision ${revision} is not known any more`, {
        remedy: "start the list again, without continue",
        details: { reason: "compacted", revision },
      });
    }
    return pastView(this.tables, { revision, since: this.#log.behind(revision) });
  }

  /** The changes behind a revision; undefined: some of them are not known any more. */
  changesBehind(revision: number): readonly Change[] | undefined {
    return this.#log.reaches(revision) ? this.#log.behind(revision) : undefined;
  }

  /**
   * The changes behind a revision that etcd itself still knows, batch by batch, without end.
   *
   * @throws {FabricError} `compacted`.
   */
  async *olderChanges(revision: number, signal: AbortSignal): AsyncGenerator<OlderChanges> {
    const { store, onDamage } = this.#options;
    const request = { ...EVERYTHING, startRevision: revision + 1, previous: true, signal };
    for await (const batch of store.watch(request)) {
      yield {
        revision: batch.revision,
        changes: changesOf(batch, { decode: this.#decode, onDamage }),
      };
    }
  }

  /** Tells of every change from now on; the function returned ends it. */
  listen(listener: MirrorListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Loads and follows until the signal; never throws. */
  async run(): Promise<void> {
    const { signal, onState } = this.#options;
    while (!signal.aborted) {
      this.#restart = new AbortController();
      try {
        onState?.("loading");
        await this.#load();
        onState?.("following");
        await this.#follow(AbortSignal.any([signal, this.#restart.signal]));
      } catch (cause) {
        if (signal.aborted) return;
        const error = asFabricError(cause);
        onState?.("broken", error);
        if (isCompacted(error)) this.#loaded = false;
        await pause(RETRY_MS, signal);
      }
    }
  }

  async #load(): Promise<void> {
    if (this.#loaded) return;
    const { store } = this.#options;
    const { header } = await store.range({ key: META_ERA, keysOnly: true });
    const first = this.#revision === 0;
    await using reader = this.#options.openReader();
    for (const kind of MIRRORED) this.tables[kind].clear();
    this.cooling.clear();
    const { revision } = header;
    for (const kind of MIRRORED) {
      await eachKey(reader, { ...underPrefix(PREFIX_OF[kind]), revision }, (kv) => {
        this.#put(kind, kv);
      });
    }
    await eachKey(reader, { ...underPrefix(PREFIXES.cooling), revision, keysOnly: true }, (kv) => {
      this.cooling.set(kv.key.slice(PREFIXES.cooling.length), true);
    });
    const { kvs: [era] } = await reader.range({ key: META_ERA, revision });
    this.#era = era === undefined ? "" : readEra(era.value);
    this.#clusterId = header.clusterId;
    this.#revision = revision;
    this.#log.reset(revision);
    this.#loaded = true;
    if (!first) { for (const listener of this.#listeners) listener.onReset(); }
    this.#wake();
  }

  /** Passes every batch on until the signal or an error; goes on where the tables are. */
  async #follow(signal: AbortSignal): Promise<void> {
    const { store } = this.#options;
    const startRevision = this.#revision + 1;
    for await (const batch of store.watch({ ...EVERYTHING, startRevision, signal })) {
      if (signal.aborted) break;
      this.#apply(batch);
    }
  }

  #apply({ revision, events }: WatchBatch): void {
    const changes: Change[] = [];
    let reset = false;
    for (const [index, event] of events.entries()) {
      const key = event.type === "put" ? event.kv.key : event.key;
      if (key === META_ERA) {
        this.#era = event.type === "put" ? readEra(event.kv.value) : "";
        reset = true;
        continue;
      }
      if (key.startsWith(PREFIXES.cooling)) {
        const name = key.slice(PREFIXES.cooling.length);
        if (event.type === "put") this.cooling.set(name, true);
        else this.cooling.delete(name);
        continue;
      }
      const at = { revision, index, key };
      const kept = keptKind(key);
      if (kept !== undefined) changes.push(this.#keep(kept, event, at));
      const passed = PASSED.find((kind) => key.startsWith(PREFIX_OF[kind]));
      if (passed !== undefined) changes.push(this.#pass(passed, event, at));
    }
    this.#revision = revision;
    this.#log.push(changes);
    for (const listener of this.#listeners) {
      if (reset) listener.onReset();
      else if (changes.length > 0) listener.onChanges(changes);
    }
    this.#wake();
  }

  #keep<K extends MirroredKind>(kind: K, event: WatchEvent, at: Place): Change {
    const key = at.key.slice(PREFIX_OF[kind].length);
    const table: SortedTable<Row<Values[K]>> = this.tables[kind];
    const before = table.get(key);
    if (event.type === "put") this.#put(kind, event.kv);
    else table.delete(key);
    const after = event.type === "put" ? table.get(key) : undefined;
    const show = (row: Row<Values[K]> | undefined) =>
      row === undefined ? undefined : OBJECTS[kind](row);
    return {
      revision: at.revision,
      index: at.index,
      kind,
      key,
      object: once(() => show(after)),
      before: once(() => show(before)),
      takeBack: (old) => {
        if (!old[kind].has(key)) old[kind].set(key, before);
      },
    };
  }

  #pass(kind: PassedKind, event: WatchEvent, at: Place): Change {
    const { onDamage } = this.#options;
    return {
      revision: at.revision,
      index: at.index,
      kind,
      key: at.key.slice(PREFIX_OF[kind].length),
      object: once(() =>
        event.type === "put" ? readOr(onDamage, () => PASSED_OBJECTS[kind](event.kv)) : undefined
      ),
      before: () => undefined,
      takeBack: () => {},
    };
  }

  #put<K extends MirroredKind>(kind: K, kv: KeyValue): void {
    const key = kv.key.slice(PREFIX_OF[kind].length);
    const table: SortedTable<Row<Values[K]>> = this.tables[kind];
    const value = readOr(this.#options.onDamage, () => this.#decode[kind](kv));
    if (value === undefined) table.delete(key);
    else table.set(key, { value, revision: kv.modRevision });
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  /** Returns when the tables have moved, at the latest after so long. */
  async #moved(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.add(resolve);
    const timer = setTimeout(resolve, Math.max(1, ms));
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(resolve);
    }
  }
}

/** Where an event stands. */
interface Place {
  readonly revision: number;
  readonly index: number;
  /** With the kind's prefix. */
  readonly key: string;
}

function readEra(value: string): string {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), EraSchema), value);
  return parsed.success ? parsed.output.era : "";
}

async function eachKey(
  reader: RangeReader,
  range: Required<KeyRange> & { readonly revision: number; readonly keysOnly?: boolean },
  take: (kv: KeyValue) => void,
): Promise<void> {
  let { key } = range;
  while (true) {
    const page = await reader.range({ ...range, key, limit: PAGE });
    for (const kv of page.kvs) take(kv);
    const last = page.kvs.at(-1);
    if (!page.more || last === undefined) return;
    key = `${last.key}\0`;
  }
}
