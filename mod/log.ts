/**
 * The log: one structured line per call, in the JSON-lines form of LogTape, in a file of bounded
 * size that many short processes write at once.
 *
 * LogTape itself costs a process that lives for 30 ms up to 30 more, so all roles write its form by
 * themselves.
 *
 * @module
 */

import { formatLogLine, type LogLevel } from "./log_line.ts";

export type { LogLevel } from "./log_line.ts";

/** Where lines go. */
export interface LogFileOptions {
  readonly file: string;
  /** A file that is larger is put aside, as `<file>.1`. */
  readonly maxBytes: number;
  /** How many files that were put aside are kept. Default 4. */
  readonly keep?: number;
}

/** What to log; see {@linkcode openLog}. */
export interface LogOptions extends LogFileOptions {
  /** Lines of lower levels are dropped. */
  readonly level: LogLevel;
  /** As `["fabric", "cni"]`. */
  readonly category: readonly string[];
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Told when a line could not be written: a log that fails stops no call. */
  readonly onError: (error: unknown) => void;
}

/** Facts of a line; never a secret. */
export type LogProperties = Readonly<Record<string, unknown>>;

export interface Log {
  /** True when lines of the level are written, so that their facts are worth collecting. */
  enabled(level: LogLevel): boolean;
  write(level: LogLevel, message: string, properties?: LogProperties): void;
}

const ORDER: Readonly<Record<LogLevel, number>> = {
  trace: 0,
  debug: 1,
  info: 2,
  warning: 3,
  error: 4,
  fatal: 5,
};

const DEFAULT_KEEP = 4;

/** A log for a process that lives for one call. */
export function openLog(options: LogOptions): Log {
  const enabled = (level: LogLevel): boolean => ORDER[level] >= ORDER[options.level];
  return {
    enabled,
    write(level, message, properties = {}) {
      if (!enabled(level)) return;
      try {
        const { category } = options;
        const line = formatLogLine({
          category,
          level,
          message,
          timestamp: options.now(),
          properties,
        });
        appendLine(options, line);
      } catch (error) {
        options.onError(error);
      }
    },
  };
}

/**
 * Writes one line, with its line break, by one append: the kernel keeps appends whole and apart, so
 * no lock is taken. Whoever finds the file too large puts it aside.
 *
 * @throws What Deno throws where the file cannot be written.
 */
export function appendLine(options: LogFileOptions, line: string): void {
  const bytes = new TextEncoder().encode(line);
  // A line goes to a file that was put aside in this moment, which is well, or to one that was
  // thrown away since, because the log turned over while this process was stopped: then once more.
  for (let attempt = 0; attempt < 8; attempt++) {
    using file = openToAppend(options, bytes.length);
    const written = file.writeSync(bytes);
    if (written < bytes.length) throw takeBack(file, written);
    if (file.statSync().nlink !== 0) return;
  }
}

/** The disk is full: a part of a line would spoil the next one too. Returns the error for that. */
function takeBack(file: Deno.FsFile, written: number): Error {
  const end = file.seekSync(0, Deno.SeekMode.Current);
  // Unless somebody has written behind it.
  if (file.statSync().size === end) file.truncateSync(end - written);
  return new Error("no space left for a whole line");
}

function openToAppend(options: LogFileOptions, length: number): Deno.FsFile {
  const file = openFile(options.file);
  try {
    const { size } = file.statSync();
    if (size === 0 || size + length <= options.maxBytes || !putAside(options, file)) return file;
  } catch (error) {
    file.close();
    throw error;
  }
  file.close();
  return openFile(options.file);
}

function openFile(path: string): Deno.FsFile {
  const open = (): Deno.FsFile => Deno.openSync(path, { append: true, create: true, mode: 0o640 });
  try {
    return open();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true, mode: 0o750 });
    return open();
  }
}

/**
 * Renames `<file>.3` to `<file>.4` and so on, last the file itself. Who holds the lock of the file
 * that is to be put aside does it alone, and only while it still has that name; the kernel drops
 * the lock of a process that is killed.
 *
 * @returns False when another process does it right now.
 */
function putAside({ file: path, keep = DEFAULT_KEEP }: LogFileOptions, file: Deno.FsFile): boolean {
  if (!file.tryLockSync(true)) return false;
  const named = statOrUndefined(path);
  if (named === undefined || named.ino !== file.statSync().ino) return true;
  const name = (number: number): string => number === 0 ? path : `${path}.${number}`;
  let free = 1;
  while (free < keep && statOrUndefined(name(free)) !== undefined) free++;
  for (; free >= 1; free--) {
    try {
      Deno.renameSync(name(free - 1), name(free));
    } catch (error) {
      // An administrator may clear up at the same time.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return true;
}

function statOrUndefined(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
