/**
 * Watches as Server-Sent Events. All of them are fed by the mirror's one watch of etcd; what the
 * mirror has forgotten is read from etcd's own history, so that a watch goes on at any replica.
 *
 * An event's id is `<era>.<revision>.<index>`: the same on every replica. Sent back as
 * `Last-Event-ID`, the watch goes on behind it.
 *
 * @module
 */

import type { Change } from "../mirror/change_log.ts";
import type { ApiObject, WatchedKind } from "../mirror/kinds.ts";
import type { Mirror, OlderChanges } from "../mirror/mirror.ts";
import { httpError } from "./http_error.ts";

/** What a watch wants to know. */
export interface WatchQuery {
  readonly kinds: readonly WatchedKind[];
  /** True for objects that the caller may see and has asked for. */
  readonly wants: (object: ApiObject) => boolean;
  /** Whether the end of what is not kept is told, by its key alone. */
  readonly wantsGone: boolean;
  /** What is sent of an object; absent: all of it. */
  readonly show?: ((object: ApiObject) => unknown) | undefined;
  /** Behind which place; undefined: from now on. */
  readonly from: WatchPlace | undefined;
}

/** A place in the order of all changes. */
export interface WatchPlace {
  readonly era: string;
  readonly revision: number;
  /** Of the last event seen in the revision; Infinity: all of them. */
  readonly index: number;
}

/** The place that an event's id names; undefined: it is none. */
export function parsePlace(text: string): WatchPlace | undefined {
  const match = /^([0-9A-Za-z]*)\.(\d{1,15})(?:\.(\d{1,6}))?$/.exec(text);
  if (match === null) return undefined;
  const [, era = "", revision, index] = match;
  return { era, revision: Number(revision), index: index === undefined ? Infinity : Number(index) };
}

export interface WatchSettings {
  readonly heartbeatMs: number;
  /** Octets that may wait for a reader before it is dropped. */
  readonly maxWaiting: number;
}

export const DEFAULT_WATCH: WatchSettings = { heartbeatMs: 15_000, maxWaiting: 4 * 1024 * 1024 };

interface Watch {
  readonly query: WatchQuery;
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  /** Changes up to here have been sent, or are none of the watch's business. */
  place: { revision: number; index: number };
  /** Behind its place there is more than the mirror remembers: etcd is asked. */
  catchingUp: boolean;
}

/** etcd's own history behind a revision. */
interface Older {
  readonly first: OlderChanges | undefined;
  readonly iterator: AsyncGenerator<OlderChanges>;
}

const encoder = new TextEncoder();

/** All watches of this server. */
export class Watches {
  readonly #mirror: Mirror;
  readonly #settings: WatchSettings;
  readonly #watches = new Set<Watch>();
  /** The texts of an event for all who get its object whole, by type. */
  readonly #texts = new WeakMap<Change, Map<string, string>>();
  #dropped = 0;

  constructor(
    mirror: Mirror,
    settings: WatchSettings = DEFAULT_WATCH,
  ) {
    this.#mirror = mirror;
    this.#settings = settings;
    mirror.listen({
      onChanges: (changes) => {
        for (const watch of [...this.#watches]) {
          if (!watch.catchingUp) this.#send(watch, changes);
        }
      },
      onReset: () => {
        for (const watch of [...this.#watches]) this.#end(watch, "reset");
      },
    });
  }

  /** How many there are. */
  get size(): number {
    return this.#watches.size;
  }

  /** How many readers were too slow so far. */
  get dropped(): number {
    return this.#dropped;
  }

  /**
   * The events of a watch as an endless stream.
   *
   * @throws {FabricError} 410: the place is of another era, or its history is gone.
   */
  async open(query: WatchQuery): Promise<ReadableStream<Uint8Array>> {
    const now = await this.#mirror.fresh();
    const { from } = query;
    if (from !== undefined && (from.era !== this.#mirror.era || from.revision > now)) {
      throw httpError(410, "The place to go on from belongs to another state of the store", {
        remedy: "read the list again, and watch from its resourceVersion",
      });
    }
    const place = from ?? { revision: now, index: Infinity };
    // A revision that was seen in part is read again, from its beginning.
    const behind = place.index === Infinity ? place.revision : place.revision - 1;
    const ended = new AbortController();
    // What etcd does not know any more is told before the answer begins.
    const older = this.#mirror.changesBehind(behind) === undefined
      ? await this.#openOlder(behind, ended)
      : undefined;
    let opened: Watch | undefined;
    let heartbeat: ReturnType<typeof setInterval> | undefined;
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        const watch: Watch = {
          query,
          controller,
          place: { revision: place.revision, index: place.index },
          catchingUp: older !== undefined,
        };
        opened = watch;
        this.#watches.add(watch);
        // Proxies and browsers see at once that it stands.
        this.#write(watch, "retry: 1000\n: watching\n\n");
        if (older === undefined) this.#send(watch, this.#mirror.changesBehind(behind) ?? []);
        else this.#catchUp(watch, older).finally(() => ended.abort());
        heartbeat = setInterval(() => this.#beat(watch, heartbeat), this.#settings.heartbeatMs);
      },
      cancel: () => {
        clearInterval(heartbeat);
        ended.abort();
        if (opened !== undefined) this.#watches.delete(opened);
      },
    }, { highWaterMark: this.#settings.maxWaiting, size: (chunk) => chunk?.length ?? 0 });
  }

  async #openOlder(behind: number, ended: AbortController): Promise<Older> {
    const iterator = this.#mirror.olderChanges(behind, ended.signal);
    try {
      const first = await iterator.next();
      return { first: first.done === true ? undefined : first.value, iterator };
    } catch (error) {
      ended.abort();
      throw error;
    }
  }

  /** Sends from etcd's history until the mirror's own reaches back to there. */
  async #catchUp(watch: Watch, { first, iterator }: Older): Promise<void> {
    try {
      let batch = first;
      while (batch !== undefined && this.#watches.has(watch)) {
        this.#send(watch, batch.changes);
        const rest = this.#mirror.changesBehind(batch.revision);
        if (rest !== undefined) {
          watch.catchingUp = false;
          return this.#send(watch, rest);
        }
        const next = await iterator.next();
        batch = next.done === true ? undefined : next.value;
      }
      this.#end(watch, "bye");
    } catch {
      // Compacted or unreachable meanwhile: the reader comes back and is told which.
      this.#end(watch, "bye");
    }
  }

  /** Ends all watches; their readers come back, to another server. */
  close(): void {
    for (const watch of [...this.#watches]) this.#end(watch, "bye");
  }

  /** A place that stays good although nothing of the watch's own has changed for long. */
  #beat(watch: Watch, timer: ReturnType<typeof setInterval> | undefined): void {
    if (!this.#watches.has(watch)) return clearInterval(timer);
    if (watch.catchingUp) return this.#write(watch, ": alive\n\n");
    const { era, revision } = this.#mirror;
    const behind = revision > watch.place.revision;
    if (behind) watch.place = { revision, index: Infinity };
    this.#write(watch, `event: alive\nid: ${era}.${watch.place.revision}\ndata: {}\n\n`);
  }

  #send(watch: Watch, changes: readonly Change[]): void {
    for (const change of changes) {
      const { revision, index } = change;
      const { place } = watch;
      if (revision < place.revision) continue;
      if (revision === place.revision && index <= place.index) continue;
      watch.place = { revision, index };
      const text = this.#textOf(watch.query, change);
      if (text === undefined) continue;
      this.#write(watch, text);
      if (!this.#watches.has(watch)) return;
    }
  }

  #textOf(query: WatchQuery, change: Change): string | undefined {
    if (!query.kinds.includes(change.kind)) return undefined;
    const before = change.before();
    const after = change.object();
    if (before === undefined && after === undefined) {
      return query.wantsGone ? this.#event("deleted", change, undefined) : undefined;
    }
    const wasWanted = before !== undefined && query.wants(before);
    const isWanted = after !== undefined && query.wants(after);
    if (!wasWanted && !isWanted) return undefined;
    const type = !isWanted ? "deleted" : wasWanted ? "modified" : "added";
    const object = isWanted ? after : before;
    if (object === undefined) return undefined;
    if (query.show !== undefined) return this.#event(type, change, query.show(object));
    // Most watches get the same: it is written once.
    let texts = this.#texts.get(change);
    if (texts === undefined) this.#texts.set(change, texts = new Map());
    const known = texts.get(type);
    if (known !== undefined) return known;
    const text = this.#event(type, change, object);
    texts.set(type, text);
    return text;
  }

  #event(type: string, change: Change, object: unknown): string {
    const data = JSON.stringify({ type, kind: change.kind, key: change.key, object });
    const id = `${this.#mirror.era}.${change.revision}.${change.index}`;
    return `event: ${type}\nid: ${id}\ndata: ${data}\n\n`;
  }

  #write(watch: Watch, text: string): void {
    if ((watch.controller.desiredSize ?? 0) < 0) {
      this.#dropped++;
      return this.#end(watch, "slow");
    }
    watch.controller.enqueue(encoder.encode(text));
  }

  #end(watch: Watch, why: string): void {
    if (!this.#watches.delete(watch)) return;
    try {
      if (why !== "slow") {
        watch.controller.enqueue(encoder.encode(`event: ${why}\ndata: {}\n\n`));
      }
      watch.controller.close();
    } catch {
      // The reader has gone meanwhile.
    }
  }
}
