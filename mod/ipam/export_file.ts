/**
 * The file of an export: JSON lines that only ever grow, and beside it `FILE.cursor`, which says
 * from which revision on the file holds everything, and, once a run is complete, through which.
 * A run that was killed is continued from the file's own last whole line.
 *
 * @module
 */

import * as v from "valibot";
import { FabricError } from "../error.ts";

const CursorSchema = v.looseObject({
  v: v.number(),
  clusterId: v.string(),
  /** The file holds what changed after this revision. */
  from: v.number(),
  /** And, by complete runs, everything through this one. Absent: no run was completed yet. */
  through: v.optional(v.number()),
});
export type Cursor = v.InferOutput<typeof CursorSchema>;

const LineSchema = v.looseObject({ revision: v.number(), key: v.string() });

/** What a file holds already: all states up to and with this one. */
export interface Position {
  readonly revision: number;
  /** Last key of that revision; undefined: all of them. */
  readonly key: string | undefined;
}

const CHUNK = 256 * 1024;

/** An export's file, locked while it is open. */
export class ExportFile implements AsyncDisposable {
  readonly #file: Deno.FsFile;
  readonly #path: string;
  readonly #isNew: boolean;
  #pending: string[] = [];
  #pendingLength = 0;

  private constructor(
    file: Deno.FsFile,
    { path, isNew }: { readonly path: string; readonly isNew: boolean },
  ) {
    this.#file = file;
    this.#path = path;
    this.#isNew = isNew;
  }

  /**
   * Opens the file, new or, with `resume`, to go on where it ends.
   *
   * @throws {FabricError} `conflict`: it exists (without `resume`), or somebody else writes to it.
   */
  static async open(path: string, options: { readonly resume: boolean }): Promise<ExportFile> {
    const opened = await openNew(path) ?? (options.resume ? await openOld(path) : undefined);
    if (opened === undefined) {
      throw new FabricError("conflict", `File ${path} exists`, {
        field: "to",
        value: path,
        remedy: "name another file, or continue this one with --resume",
      });
    }
    const { file, isNew } = opened;
    if (!await file.tryLock(true)) {
      file.close();
      throw new FabricError("conflict", `Another export writes to ${path}`, {
        field: "to",
        value: path,
        remedy: "wait for its end",
      });
    }
    return new ExportFile(file, { path, isNew });
  }

  /** The folder for runs that are sorted. */
  get runsDir(): string {
    return `${this.#path}.runs`;
  }

  /** What is known of the file; undefined where it is new (an older cursor is not its own). */
  async readCursor(): Promise<Cursor | undefined> {
    if (this.#isNew) return undefined;
    const path = `${this.#path}.cursor`;
    let text;
    try {
      text = await Deno.readTextFile(path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      if ((await this.#file.stat()).size === 0) return undefined;
      throw this.#foreign(`${path} is missing`);
    }
    try {
      return v.parse(CursorSchema, JSON.parse(text));
    } catch {
      throw this.#foreign(`${path} cannot be read`);
    }
  }

  #foreign(why: string): FabricError {
    return new FabricError("conflict", `File ${this.#path} cannot be continued: ${why}`, {
      field: "to",
      value: this.#path,
      remedy: "name a new file",
    });
  }

  /** Replaces the cursor, atomically and durably. */
  async writeCursor(cursor: Omit<Cursor, "v">): Promise<void> {
    const path = `${this.#path}.cursor`;
    const temporary = `${path}.new`;
    {
      using file = await Deno.open(temporary, {
        write: true,
        create: true,
        truncate: true,
        mode: 0o600,
      });
      await writeAll(file, new TextEncoder().encode(JSON.stringify({ v: 1, ...cursor }) + "\n"));
      await file.sync();
    }
    await Deno.rename(temporary, path);
  }

  /**
   * Cuts off what a killed run left half-written, and says what the last whole line is. Undefined
   * where there is none. Further lines are appended.
   */
  async recover(): Promise<Position | undefined> {
    const { size } = await this.#file.stat();
    const end = await this.#afterLastLineBreak(size);
    await this.#file.truncate(end);
    await this.#file.seek(0, Deno.SeekMode.End);
    if (end === 0) return undefined;
    const start = await this.#afterLastLineBreak(end - 1);
    const line = await this.#read(start, end);
    await this.#file.seek(0, Deno.SeekMode.End);
    try {
      return v.parse(LineSchema, JSON.parse(new TextDecoder().decode(line)));
    } catch {
      throw this.#foreign("its last line is not of an export");
    }
  }

  /** Offset behind the last line break before `end`; 0 where there is none. */
  async #afterLastLineBreak(end: number): Promise<number> {
    for (let to = end; to > 0;) {
      const from = Math.max(0, to - CHUNK);
      const index = (await this.#read(from, to)).lastIndexOf(0x0a);
      if (index >= 0) return from + index + 1;
      to = from;
    }
    return 0;
  }

  async #read(from: number, to: number): Promise<Uint8Array> {
    await this.#file.seek(from, Deno.SeekMode.Start);
    const bytes = new Uint8Array(to - from);
    let length = 0;
    while (length < bytes.length) {
      const count = await this.#file.read(bytes.subarray(length));
      if (count === null) break;
      length += count;
    }
    return bytes.subarray(0, length);
  }

  /** Appends a line. */
  async append(line: string): Promise<void> {
    this.#pending.push(line, "\n");
    this.#pendingLength += line.length + 1;
    if (this.#pendingLength >= CHUNK) await this.#flush();
  }

  async #flush(): Promise<void> {
    const text = this.#pending.join("");
    this.#pending = [];
    this.#pendingLength = 0;
    await writeAll(this.#file, new TextEncoder().encode(text));
  }

  /** Returns when all lines are on the disk. */
  async sync(): Promise<void> {
    await this.#flush();
    await this.#file.sync();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // By word: a program that is being started may still have the file open for a moment.
    await this.#file.unlock();
    this.#file.close();
  }
}

interface Opened {
  readonly file: Deno.FsFile;
  readonly isNew: boolean;
}

/** Undefined where the file exists. */
async function openNew(path: string): Promise<Opened | undefined> {
  try {
    const file = await Deno.open(path, { read: true, write: true, createNew: true, mode: 0o600 });
    return { file, isNew: true };
  } catch (cause) {
    if (cause instanceof Deno.errors.AlreadyExists) return undefined;
    throw cannotOpen(path, cause);
  }
}

async function openOld(path: string): Promise<Opened> {
  try {
    return { file: await Deno.open(path, { read: true, write: true }), isNew: false };
  } catch (cause) {
    throw cannotOpen(path, cause);
  }
}

function cannotOpen(path: string, cause: unknown): FabricError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new FabricError("invalid", `Cannot open ${path}: ${why}`, {
    field: "to",
    value: path,
    remedy: "name a file that can be written",
    cause,
  });
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  let written = 0;
  while (written < bytes.length) written += await file.write(bytes.subarray(written));
}
