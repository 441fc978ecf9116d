/**
 * What a DEL could not say, because etcd or ovsdb-server did not answer: one file per DEL under
 * `<stateDir>/spool`, on the disk before the DEL answers, finished by the node's next calls (rule 5
 * of ARCHITECTURE.md).
 *
 * Whoever finishes an entry holds the kernel's lock of its file, and an ADD of the same interface
 * waits for that. So an entry never reaches a later life of the container than the one that its DEL
 * ended.
 *
 * @module
 */

import * as v from "valibot";
import { readTextIfThere, replaceFile, syncFolder } from "../atomic_file.ts";
import { asFabricError, FabricError } from "../error.ts";
import { asWriteFault } from "../may_write.ts";
import { AttachmentRefSchema } from "../model/identity.ts";
import { pause } from "../timer.ts";

const EntrySchema = v.looseObject({
  v: v.number(),
  ref: AttachmentRefSchema,
  /** Name of the host's end and of the port. */
  port: v.string(),
  /** The port is still to be removed. */
  portRemains: v.boolean(),
  /** The store has not been told. */
  recordRemains: v.boolean(),
  /** Clock of the node, RFC 3339. */
  at: v.string(),
});
export type SpoolEntry = v.InferOutput<typeof EntrySchema>;

export interface Spool {
  /**
   * Puts an entry on the disk; `id` sorts by time (a ULID).
   *
   * @throws {FabricError} `host` when the disk does not take it: what is to be said would be lost.
   */
  put(entry: SpoolEntry, id: string): void;
  /** Names of the entries, the oldest first; those of one port, or all. */
  names(port?: string): readonly string[];
  /**
   * Finishes an entry, unless another process does so or did. With `waitMs` it waits for that one.
   *
   * @throws What `finish` throws; the entry stays. `try-again` when the wait was in vain.
   */
  finish(
    name: string,
    finish: (entry: SpoolEntry) => Promise<void>,
    options?: { readonly waitMs?: number },
  ): Promise<boolean>;
}

const SUFFIX = ".json";
const POLL_MS = 20;

/** The spool of the node. */
export function openSpool(stateDir: string): Spool {
  const folder = `${stateDir}/spool`;
  return {
    put(entry, id) {
      const path = `${folder}/${id}-${entry.port}${SUFFIX}`;
      try {
        replaceFile(path, JSON.stringify(entry), { unique: id, durable: true });
      } catch (cause) {
        throw notKept(entry, { folder, cause });
      }
    },
    names: (port) => listNames(folder).filter((name) => port === undefined || name.includes(port)),
    async finish(name, finish, { waitMs = 0 } = {}) {
      const path = `${folder}/${name}`;
      using file = openIfThere(path);
      if (file === undefined) return false;
      const deadline = performance.now() + waitMs;
      while (!file.tryLockSync(true)) {
        if (waitMs === 0) return false;
        if (performance.now() > deadline) {
          throw new FabricError("try-again", `Another process still works on ${path}`, {
            remedy: "the runtime tries again",
          });
        }
        await pause(POLL_MS);
      }
      // Whoever had the lock before may have finished it.
      if (file.statSync().nlink === 0) return false;
      await finish(readEntry(path));
      Deno.removeSync(path);
      syncFolder(folder);
      return true;
    },
  };
}

/** A file of the spool, as whoever only looks finds it. */
export interface SpoolFile {
  readonly path: string;
  /** Undefined where the file is no entry. */
  readonly entry: SpoolEntry | undefined;
}

/** All files of the spool, the oldest first; changes nothing and takes no lock. */
export function readSpool(stateDir: string): readonly SpoolFile[] {
  const folder = `${stateDir}/spool`;
  return listNames(folder).flatMap((name): SpoolFile[] => {
    const path = `${folder}/${name}`;
    const text = readTextIfThere(path);
    // It was finished in this moment.
    if (text === undefined) return [];
    return [{ path, entry: parseEntry(text) }];
  });
}

function parseEntry(text: string): SpoolEntry | undefined {
  try {
    return v.parse(EntrySchema, JSON.parse(text));
  } catch {
    return undefined;
  }
}

function notKept(
  { ref }: SpoolEntry,
  { folder, cause }: { readonly folder: string; readonly cause: unknown },
): FabricError {
  const { message } = asFabricError(asWriteFault(cause, { field: "stateDir", path: folder }));
  return new FabricError(
    "host",
    `Cannot keep in ${folder} that container ${ref.containerId} has ended: ${message}`,
    { remedy: "make room there, or make the folder writable; the runtime calls DEL again", cause },
  );
}

function listNames(folder: string): readonly string[] {
  try {
    return [...Deno.readDirSync(folder)].map(({ name }) => name)
      .filter((name) => name.endsWith(SUFFIX)).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

function openIfThere(path: string): Deno.FsFile | undefined {
  try {
    return Deno.openSync(path, { read: true, write: true });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function readEntry(path: string): SpoolEntry {
  try {
    return v.parse(EntrySchema, JSON.parse(Deno.readTextFileSync(path)));
  } catch (cause) {
    throw new FabricError("internal", `${path} is no entry of the spool`, {
      remedy: "move it away, and run fabric-admin check",
      cause,
    });
  }
}
