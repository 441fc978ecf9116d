/**
 * Files that are replaced whole: a reader sees the old text or the new one, never a part, also when
 * the writer is killed.
 *
 * @module
 */

export interface ReplaceOptions {
  /** Unique among those that write the file at the same time. */
  readonly unique: string;
  /** Default 0600. */
  readonly mode?: number;
  /** Waits until the disk has it, so that it survives a power cut. Default false. */
  readonly durable?: boolean;
}

/** Writes the text; makes the folder (0700) where it is missing. */
export function replaceFile(path: string, text: string, options: ReplaceOptions): void {
  const { unique, mode = 0o600, durable = false } = options;
  const folder = path.slice(0, path.lastIndexOf("/"));
  const temporary = `${path}.${unique}.tmp`;
  try {
    try {
      writeNew(temporary, text, { mode, durable });
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
      writeNew(temporary, text, { mode, durable });
    }
    Deno.renameSync(temporary, path);
  } catch (error) {
    removeQuietly(temporary);
    throw error;
  }
  if (durable) syncFolder(folder);
}

function removeQuietly(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // It was never made; what is told is why.
  }
}

/** Waits until the disk has the folder's entries. */
export function syncFolder(path: string): void {
  // No `using`: the minifier of the plugin's bundle would drop what is named once (scripts/compile.ts).
  const folder = Deno.openSync(path);
  try {
    folder.syncSync();
  } finally {
    folder.close();
  }
}

/** The text; undefined when there is no such file. */
export function readTextIfThere(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function writeNew(
  path: string,
  text: string,
  { mode, durable }: { readonly mode: number; readonly durable: boolean },
): void {
  using file = Deno.openSync(path, { write: true, create: true, truncate: true, mode });
  for (let rest = new TextEncoder().encode(text); rest.length > 0;) {
    rest = rest.subarray(file.writeSync(rest));
  }
  if (durable) file.syncSync();
}
