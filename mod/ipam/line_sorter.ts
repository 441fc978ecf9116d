/**
 * Sorting more lines than memory holds: sorted runs in files, then one merge.
 *
 * @module
 */

import { BinaryHeap } from "../std/binary_heap.js";
import { TextLineStream } from "../std/text_line_stream.js";

export interface Line {
  /** Sorted by this as text, ascending. No tab, no line break. */
  readonly sortKey: string;
  /** Without a line break. */
  readonly text: string;
}

/** Lines of one run; at about 700 bytes each a run is 20 MB. */
const RUN_LINES = 30_000;

function compareLines(a: Line, b: Line): number {
  return a.sortKey < b.sortKey ? -1 : a.sortKey > b.sortKey ? 1 : 0;
}

/** Takes lines in any order and gives them back sorted. Its folder is deleted with it. */
export class LineSorter implements AsyncDisposable {
  readonly #dir: string;
  readonly #runLines: number;
  readonly #runs: string[] = [];
  #lines: Line[] = [];

  /** `dir` is made when it is needed; an old one of the same name is deleted first. */
  constructor(dir: string, options: { readonly runLines?: number } = {}) {
    this.#dir = dir;
    this.#runLines = options.runLines ?? RUN_LINES;
  }

  async add(line: Line): Promise<void> {
    this.#lines.push(line);
    if (this.#lines.length >= this.#runLines) await this.#writeRun();
  }

  async #writeRun(): Promise<void> {
    if (this.#runs.length === 0) {
      await removeDir(this.#dir);
      await Deno.mkdir(this.#dir, { mode: 0o700 });
    }
    const path = `${this.#dir}/${this.#runs.length}`;
    this.#runs.push(path);
    const lines = this.#lines.sort(compareLines);
    this.#lines = [];
    const encoder = new TextEncoder();
    using file = await Deno.open(path, { write: true, createNew: true, mode: 0o600 });
    const writer = file.writable.getWriter();
    for (let i = 0; i < lines.length; i += 500) {
      const text = lines.slice(i, i + 500).map((l) => `${l.sortKey}\t${l.text}\n`).join("");
      await writer.write(encoder.encode(text));
    }
    await writer.close();
  }

  /** All lines in order. Nothing may be added any more. */
  async *sorted(): AsyncGenerator<Line> {
    if (this.#runs.length === 0) {
      yield* this.#lines.sort(compareLines);
      return;
    }
    await this.#writeRun();
    const heap = new BinaryHeap<{ line: Line; rest: AsyncIterator<Line> }>((a, b) =>
      compareLines(a.line, b.line)
    );
    const open: AsyncIterator<Line>[] = [];
    try {
      for (const path of this.#runs) {
        const rest = readRun(path);
        open.push(rest);
        const first = await rest.next();
        if (first.done !== true) heap.push({ line: first.value, rest });
      }
      for (let top = heap.pop(); top !== undefined; top = heap.pop()) {
        yield top.line;
        const next = await top.rest.next();
        if (next.done !== true) heap.push({ line: next.value, rest: top.rest });
      }
    } finally {
      for (const rest of open) await rest.return?.();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await removeDir(this.#dir);
  }
}

async function* readRun(path: string): AsyncGenerator<Line> {
  const file = await Deno.open(path);
  const lines = file.readable.pipeThrough(new TextDecoderStream()).pipeThrough(
    new TextLineStream(),
  );
  for await (const line of lines) {
    const tab = line.indexOf("\t");
    yield { sortKey: line.slice(0, tab), text: line.slice(tab + 1) };
  }
}

async function removeDir(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
