/**
 * Taking back what a call did to the host when it fails half-way.
 *
 * @module
 */

import { FabricError, isKind } from "../error.ts";

/** One change of the world, and its opposite. */
export interface Effect<T> {
  /** In words, for logs: `veth fbk3x…`. */
  readonly what: string;
  /** A `conflict` means that it exists and is somebody else's, so it will not be undone. */
  readonly do: () => Promise<T>;
  /** Must do well also when nothing, or only a part, was done. */
  readonly undo: () => Promise<unknown>;
}

/** What could not be taken back. */
export interface UndoFailure {
  readonly what: string;
  readonly error: unknown;
}

/**
 * The effects of one call, `await using`. Leaving the block takes them back, the last one first,
 * unless {@linkcode Undo.keep} was called before.
 */
export interface Undo extends AsyncDisposable {
  /** Registers the opposite, then does it: there is no moment in which a failure loses it. */
  effect<T>(effect: Effect<T>): Promise<T>;
  /** All went well: nothing will be taken back. */
  keep(): void;
  /** Takes everything back now. Never throws: what fails is told, and the rest goes on. */
  undo(): Promise<void>;
}

/** Begins with nothing to take back. `report` is told what could not be. */
export function createUndo(report: (failure: UndoFailure) => void): Undo {
  const done: Effect<unknown>[] = [];
  const running = new Set<Promise<unknown>>();

  const undo = async (): Promise<void> => {
    // Effects run side by side; one that is still under way when another fails must end first.
    await Promise.allSettled(running);
    for (let effect = done.pop(); effect !== undefined; effect = done.pop()) {
      try {
        await effect.undo();
      } catch (error) {
        report({ what: effect.what, error });
      }
    }
  };

  return {
    async effect<T>(effect: Effect<T>): Promise<T> {
      done.push(effect);
      const result = effect.do();
      running.add(result);
      try {
        return await result;
      } catch (error) {
        if (isKind(error, "conflict")) done.splice(done.indexOf(effect), 1);
        throw error;
      } finally {
        running.delete(result);
      }
    },
    keep() {
      if (running.size > 0) {
        throw new FabricError("internal", "effects are kept that have not ended yet");
      }
      done.length = 0;
    },
    undo,
    [Symbol.asyncDispose]: undo,
  };
}
