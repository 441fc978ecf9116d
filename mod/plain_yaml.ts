/**
 * The plain part of YAML, in which configuration files are written: block mappings and lists,
 * also of mappings, scalars of one line, flow collections of one line, comments. Loading a whole YAML parser costs
 * 12 ms, which is more than half of what a CNI call may take in all.
 *
 * It never guesses: for whatever is beyond the plain part (anchors, tags, block scalars, escapes,
 * several documents, …) and for whatever is not YAML it answers undefined, and the caller asks the
 * whole parser. A test holds that both read the same wherever this one answers.
 *
 * @module
 */

interface Line {
  readonly indent: number;
  readonly text: string;
}

/** Thrown, and caught in {@linkcode parsePlainYaml}, where the text is beyond the plain part. */
class NotPlain extends Error {}

/** The value of the document; undefined: ask the whole parser. */
export function parsePlainYaml(text: string): { readonly value: unknown } | undefined {
  try {
    const lines = splitLines(text);
    if (lines.length === 0) return { value: null };
    const reader = new Reader(lines);
    const value = reader.block(lines[0]?.indent ?? 0);
    return reader.atEnd ? { value } : undefined;
  } catch (error) {
    if (error instanceof NotPlain) return undefined;
    throw error;
  }
}

/** Lines that say something, without comments. */
function splitLines(text: string): readonly Line[] {
  // Only printable ASCII is plain: what else may stand in YAML is a long list.
  if (/[^\n\x20-\x7e]/.test(text)) throw new NotPlain();
  const lines: Line[] = [];
  for (const [number, raw] of text.split("\n").entries()) {
    if (number === 0 && raw === "---") continue;
    const line = withoutComment(raw).trimEnd();
    if (line === "") continue;
    if (/^(---|\.\.\.|%)/.test(line)) throw new NotPlain();
    const indent = line.length - line.trimStart().length;
    lines.push({ indent, text: line.slice(indent) });
  }
  return lines;
}

function withoutComment(line: string): string {
  if (!line.includes("#")) return line;
  let quote = "";
  for (let i = 0; i < line.length; i++) {
    const c = line[i];
    if (quote !== "") {
      if (c === quote) quote = "";
    } else if ((c === '"' || c === "'") && /(^|[\s:,[{-])$/.test(line.slice(0, i))) {
      quote = c;
    } else if (c === "#" && (i === 0 || line[i - 1] === " ")) {
      return line.slice(0, i);
    }
  }
  return line;
}

const KEY = "[A-Za-z_][A-Za-z0-9_./-]*";
const BLOCK_ENTRY = new RegExp(`^(${KEY}):(?: +(.*))?$`);

class Reader {
  #at = 0;
  readonly #lines: Line[];

  constructor(lines: readonly Line[]) {
    this.#lines = [...lines];
  }

  get atEnd(): boolean {
    return this.#at === this.#lines.length;
  }

  /** The collection whose lines stand at this indent. */
  block(indent: number): unknown {
    const first = this.#lines[this.#at];
    if (first === undefined || first.indent !== indent) throw new NotPlain();
    return isItem(first.text) ? this.#list(indent) : this.#mapping(indent);
  }

  #list(indent: number): readonly unknown[] {
    const list: unknown[] = [];
    for (let line = this.#lines[this.#at]; line?.indent === indent && isItem(line.text);) {
      const item = line.text.slice(1).trimStart();
      // An item that is a list itself, or nothing, is beyond the plain part.
      if (item === "" || isItem(item)) throw new NotPlain();
      if (BLOCK_ENTRY.test(item)) {
        // A mapping whose first entry stands behind the dash; the others stand below it.
        const inner = indent + line.text.length - item.length;
        this.#lines[this.#at] = { indent: inner, text: item };
        list.push(this.#mapping(inner));
        line = this.#lines[this.#at];
      } else {
        list.push(parseInline(item));
        line = this.#lines[++this.#at];
      }
      if (line !== undefined && line.indent > indent) throw new NotPlain();
    }
    return list;
  }

  #mapping(indent: number): Record<string, unknown> {
    const entries = new Map<string, unknown>();
    for (let line = this.#lines[this.#at]; line?.indent === indent;) {
      const [, key, rest] = BLOCK_ENTRY.exec(line.text) ?? [];
      if (key === undefined || entries.has(key) || isScalarWord(key)) throw new NotPlain();
      line = this.#lines[++this.#at];
      if (rest !== undefined && rest !== "") {
        entries.set(key, parseInline(rest));
        if (line !== undefined && line.indent > indent) throw new NotPlain();
        continue;
      }
      const nested = line !== undefined &&
        (line.indent > indent || (line.indent === indent && isItem(line.text)));
      entries.set(key, nested ? this.block(line?.indent ?? 0) : null);
      line = this.#lines[this.#at];
      if (line !== undefined && line.indent > indent) throw new NotPlain();
    }
    return Object.fromEntries(entries);
  }
}

function isItem(text: string): boolean {
  return text === "-" || text.startsWith("- ");
}

/** A value that stands behind `key: ` or `- `. */
function parseInline(text: string): unknown {
  const flow = new Flow(text);
  const value = /^[[{]/.test(text) ? flow.collection() : scalar(text, PLAIN_IN_BLOCK);
  if (/^[[{]/.test(text) && !flow.atEnd) throw new NotPlain();
  return value;
}

/** A collection on one line: `[a, b]`, `{bridge: br0, create: true}`. */
class Flow {
  #rest: string;

  constructor(text: string) {
    this.#rest = text;
  }

  get atEnd(): boolean {
    return this.#rest === "";
  }

  collection(): unknown {
    return this.#rest.startsWith("[") ? this.#list() : this.#mapping();
  }

  #list(): readonly unknown[] {
    const list: unknown[] = [];
    this.#take(/^\[ */);
    while (!this.#rest.startsWith("]")) {
      list.push(this.#value());
      if (this.#rest.startsWith("]")) break;
      this.#take(/^, */);
      if (this.#rest.startsWith("]")) throw new NotPlain();
    }
    this.#take(/^\] */);
    return list;
  }

  #mapping(): Record<string, unknown> {
    const entries = new Map<string, unknown>();
    this.#take(/^\{ */);
    while (!this.#rest.startsWith("}")) {
      const key = this.#take(new RegExp(`^${KEY}`));
      if (entries.has(key) || isScalarWord(key)) throw new NotPlain();
      this.#take(/^: +/);
      entries.set(key, this.#value());
      if (this.#rest.startsWith("}")) break;
      this.#take(/^, */);
      if (this.#rest.startsWith("}")) throw new NotPlain();
    }
    this.#take(/^\} */);
    return Object.fromEntries(entries);
  }

  #value(): unknown {
    if (/^[[{]/.test(this.#rest)) return this.collection();
    const text = this.#take(/^("[^"\\]*"|'[^']*'|[^\s"'[\]{},]+) */);
    return scalar(text.trimEnd(), PLAIN_IN_FLOW);
  }

  #take(pattern: RegExp): string {
    const found = pattern.exec(this.#rest)?.[0];
    if (found === undefined) throw new NotPlain();
    this.#rest = this.#rest.slice(found.length);
    return found;
  }
}

const PLAIN_IN_FLOW = /^[A-Za-z0-9_./~-]([A-Za-z0-9_./:@%+=~-]*[A-Za-z0-9_./@%+=~-])?$/;
const PLAIN_IN_BLOCK = /^[A-Za-z0-9_./~-]([A-Za-z0-9_./:@%+=~,;()'"-]| (?=[A-Za-z0-9_./@%+=~(]))*$/;

function scalar(text: string, plain: RegExp): unknown {
  const quoted = /^"([^"\\]*)"$/.exec(text)?.[1] ?? /^'([^']*)'$/.exec(text)?.[1];
  if (quoted !== undefined) return quoted;
  if (!plain.test(text) || text.endsWith(":") || text.includes(": ")) throw new NotPlain();
  if (text === "null" || text === "~") return null;
  if (text === "true") return true;
  if (text === "false") return false;
  if (/^-?(0|[1-9]\d{0,14})$/.test(text) && text !== "-0") return Number(text);
  if (isScalarWord(text) || /^-($|[^A-Za-z0-9])/.test(text)) throw new NotPlain();
  return text;
}

/** True where YAML might take the word for something else than text. */
function isScalarWord(text: string): boolean {
  return /^(null|true|false|~|[-+.]*(inf|nan))$/i.test(text) ||
    /^[-+]?(\.?\d[\d_]*(\.\d*)?(e[-+]?\d+)?|0[xo][\da-f]+)$/i.test(text);
}
