/**
 * The file of a backup: written whole or not at all, compressed where its name ends in `.gz`.
 *
 * @module
 */

import { TextLineStream } from "../mod/std/text_line_stream.js";
import { FabricError } from "../mod/error.ts";
import { syncFolder } from "../mod/atomic_file.ts";

/** A file that is being written. */
export interface BackupWriter {
  write(text: string): Promise<void>;
  /** It stands under its name, on the disk. */
  finish(): Promise<void>;
  /** Nothing of it is left. */
  abandon(): Promise<void>;
}

function cannot(what: string, path: string, cause: unknown): FabricError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new FabricError("host", `Cannot ${what} ${path}: ${why}`, {
    field: "FILE",
    value: path,
    cause,
  });
}

/**
 * Begins a file; nobody sees it under its name before it is whole.
 *
 * @throws {FabricError} `conflict`: it exists; `host`.
 */
export async function createBackup(path: string): Promise<BackupWriter> {
  if (await exists(path)) {
    throw new FabricError("conflict", `File ${path} exists`, {
      field: "FILE",
      value: path,
      remedy: "name another file: no backup is written over",
    });
  }
  const part = `${path}.part`;
  let file: Deno.FsFile;
  try {
    file = await Deno.open(part, { write: true, create: true, truncate: true, mode: 0o600 });
  } catch (cause) {
    throw cannot("write", part, cause);
  }
  const encoder = new TextEncoder();
  const packed = path.endsWith(".gz") ? new CompressionStream("gzip") : undefined;
  const writer = packed?.writable.getWriter();
  const sink = packed === undefined ? undefined : pump(packed.readable, file);
  sink?.catch(() => {});
  return {
    async write(text) {
      const bytes = encoder.encode(text);
      try {
        if (writer === undefined) await writeAll(file, bytes);
        else await writer.write(bytes);
      } catch (cause) {
        throw cannot("write", part, cause);
      }
    },
    async finish() {
      try {
        await writer?.close();
        await sink;
        await file.sync();
        file.close();
        await Deno.rename(part, path);
        const slash = path.lastIndexOf("/");
        syncFolder(slash < 0 ? "." : path.slice(0, slash + 1));
      } catch (cause) {
        throw cannot("write", path, cause);
      }
    },
    async abandon() {
      await writer?.abort().catch(() => {});
      try {
        file.close();
      } catch {
        // It was closed already.
      }
      await Deno.remove(part).catch(() => {});
    },
  };
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw cannot("look at", path, error);
  }
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let rest = bytes; rest.length > 0;) rest = rest.subarray(await file.write(rest));
}

async function pump(from: ReadableStream<Uint8Array>, file: Deno.FsFile): Promise<void> {
  for await (const bytes of from) await writeAll(file, bytes);
}

/**
 * The lines of a backup; compressed ones are known by their first bytes.
 *
 * @throws {FabricError} `invalid`: there is no such file, or it cannot be unpacked.
 */
export async function* backupLines(path: string): AsyncGenerator<string> {
  try {
    const file = await Deno.open(path);
    const magic = new Uint8Array(2);
    const count = await file.read(magic);
    await file.seek(0, Deno.SeekMode.Start);
    const packed = count === 2 && magic[0] === 0x1f && magic[1] === 0x8b;
    const bytes = packed
      ? file.readable.pipeThrough(new DecompressionStream("gzip"))
      : file.readable;
    const decoder = new TextDecoderStream("utf-8", { fatal: true });
    yield* bytes.pipeThrough(decoder).pipeThrough(new TextLineStream());
  } catch (cause) {
    if (cause instanceof FabricError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new FabricError("invalid", `Cannot read ${path}: ${why}`, {
      field: "FILE",
      value: path,
      remedy: "name a file that fabric-admin backup wrote",
      cause,
    });
  }
}
