/**
 * Calls for one interface of a sandbox take turns on the node: a DEL that came in the midst of an
 * ADD could otherwise take away what was there, end the record, and leave what the ADD makes after
 * that: an interface that works with an address that nobody knows of.
 *
 * The turn is the kernel's lock of a file, so it ends with its process, however that ends. It keeps
 * calls of one node apart and nothing else: what makes an address unique is in the store (rule 1 of
 * ARCHITECTURE.md).
 *
 * @module
 */

import type { Config } from "../config.ts";
import type { Log } from "../log.ts";
import { pause } from "../timer.ts";

/** How long a DEL waits for another call, before it goes on without its turn. */
export const DEL_WAIT_MS = 10_000;
/** How long an ADD waits for an earlier call, before it gives up. */
export const ADD_WAIT_MS = 4_000;

const POLL_MS = 10;

/** The turn of one call; `using`. */
export interface Turn extends Disposable {
  /** False when another call still has it. */
  readonly taken: boolean;
  /** Nothing of the interface is left: there is no need to remember it. */
  forget(): void;
}

/**
 * Waits for the turn. A folder that cannot be written to stops no call: it goes on without.
 *
 * @param port Name of the port, which stands for container and interface.
 */
export async function takeTurn(
  { config, log }: { readonly config: Pick<Config, "runDir">; readonly log: Log },
  port: string,
  options: { readonly waitMs: number },
): Promise<Turn> {
  const path = `${config.runDir}/turns/${port}`;
  const deadline = performance.now() + options.waitMs;
  try {
    for (;;) {
      const file = open(path);
      // Who had it may have taken the file away since.
      if (file.tryLockSync(true) && file.statSync().nlink !== 0) return turnOf(file, path);
      file.close();
      if (performance.now() >= deadline) return NO_TURN;
      await pause(POLL_MS);
    }
  } catch (error) {
    log.write("warning", "calls for one interface cannot take turns", { error: String(error) });
    return { ...NO_TURN, taken: true };
  }
}

const NO_TURN: Turn = { taken: false, forget() {}, [Symbol.dispose]() {} };

function turnOf(file: Deno.FsFile, path: string): Turn {
  return {
    taken: true,
    forget() {
      try {
        Deno.removeSync(path);
      } catch {
        // An administrator cleared up; there is nothing to remember then either.
      }
    },
    [Symbol.dispose]: () => file.close(),
  };
}

/**
 * Whether a call for the interface is under way, as whoever only looks may know: nothing is made,
 * and the lock that it tries is one that no call waits for longer than its next try.
 */
export function isTurnTaken({ runDir }: Pick<Config, "runDir">, port: string): boolean {
  try {
    const file = Deno.openSync(`${runDir}/turns/${port}`, { read: true });
    try {
      return !file.tryLockSync(false);
    } finally {
      file.close();
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Names of the ports whose calls are under way. */
export function takenTurns(config: Pick<Config, "runDir">): readonly string[] {
  try {
    const names = [...Deno.readDirSync(`${config.runDir}/turns`)].map(({ name }) => name);
    return names.filter((port) => isTurnTaken(config, port));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

function open(path: string): Deno.FsFile {
  const options = { read: true, write: true, create: true, mode: 0o600 };
  try {
    return Deno.openSync(path, options);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true, mode: 0o700 });
    return Deno.openSync(path, options);
  }
}
