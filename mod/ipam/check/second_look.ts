/**
 * Reading something at one revision although etcd may compact that revision away at any time: then
 * it is read again. A mixture of revisions is never judged.
 *
 * @module
 */

import type { Snapshot } from "./windows.ts";
import { readWorld, type World } from "./world.ts";

/** How often something is read again. */
const MAX_TRIES = 8;

export class SecondLook {
  readonly #start: () => Promise<Snapshot>;
  #failed = false;

  constructor(start: () => Promise<Snapshot>) {
    this.#start = start;
  }

  /** True where something could not be read at one revision, and so was not judged. */
  get failed(): boolean {
    return this.#failed;
  }

  /** What `read` makes of one revision; undefined where none lasted long enough. */
  async run<T>(read: (snapshot: Snapshot, world: World) => Promise<T>): Promise<T | undefined> {
    for (let attempt = 0; attempt < MAX_TRIES; attempt++) {
      const snapshot = await this.#start();
      const value = await read(snapshot, await readWorld(snapshot));
      if (snapshot.revision !== undefined) return value;
    }
    this.#failed = true;
    return undefined;
  }
}
