/**
 * What a repair did, line by line: every change is on the disk before it is made, with what was
 * there before, so that `repair --undo FILE` can take it back.
 *
 * @module
 */

import * as v from "valibot";
import { FabricError } from "../../error.ts";

const ChangedKeySchema = v.object({
  key: v.string(),
  /** Null: it did not exist. Absent: it cannot be put back (it was no text). */
  before: v.optional(v.nullable(v.string())),
  /** Null: it was removed. */
  after: v.nullable(v.string()),
  /** It had or got a lease, which ends by itself: nothing to take back. */
  leased: v.optional(v.boolean()),
});
/** One key of one transaction. */
export type ChangedKey = v.InferOutput<typeof ChangedKeySchema>;

const EntrySchema = v.variant("kind", [
  v.object({
    kind: v.literal("repair"),
    v: v.literal(1),
    at: v.string(),
    clusterId: v.string(),
    revision: v.number(),
  }),
  v.object({
    kind: v.literal("store"),
    code: v.string(),
    object: v.string(),
    changes: v.array(ChangedKeySchema),
  }),
  /** What another part did, e.g. on a node; `undo` says in words or commands how to take it back. */
  v.object({
    kind: v.literal("other"),
    code: v.string(),
    object: v.string(),
    undo: v.array(v.string()),
  }),
]);
/** One line of the file. */
export type JournalEntry = v.InferOutput<typeof EntrySchema>;

/** Where changes are written down. */
export interface Journal {
  /** Returns when the disk has it. */
  write(entry: JournalEntry): void;
}

/** A journal in a new file, of mode 0600. */
export class FileJournal implements Journal, Disposable {
  readonly path: string;
  readonly #file: Deno.FsFile;

  /** @throws {FabricError} `host` where the file exists or cannot be made. */
  constructor(path: string) {
    this.path = path;
    try {
      this.#file = Deno.openSync(path, { write: true, createNew: true, mode: 0o600 });
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new FabricError("host", `Cannot write the undo file ${path}: ${why}`, {
        field: "--undo-file",
        value: path,
        remedy: "name a file that does not exist, in a folder that you may write to",
        cause,
      });
    }
  }

  write(entry: JournalEntry): void {
    let rest = new TextEncoder().encode(`${JSON.stringify(entry)}\n`);
    while (rest.length > 0) rest = rest.subarray(this.#file.writeSync(rest));
    this.#file.syncSync();
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}

/** Forgets everything; for tests and dry runs. */
export const NO_JOURNAL: Journal = { write: () => {} };

/**
 * The entries of an undo file, in the order in which they were written. A last line that was cut
 * off belongs to a change that was never made.
 *
 * @throws {FabricError} `invalid`: it is no undo file.
 */
export function parseJournal(text: string): readonly JournalEntry[] {
  const lines = text.split("\n");
  const whole = lines.slice(0, -1);
  return whole.map((line, index) => {
    const entry = v.safeParse(EntrySchema, parseJson(line));
    const first = index === 0;
    if (entry.success && first === (entry.output.kind === "repair")) return entry.output;
    throw new FabricError("invalid", `Line ${index + 1} is not that of an undo file`, {
      field: "--undo",
      remedy: "name the file that repair wrote",
    });
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
