/**
 * Making the archive: each part within its time and size, its secrets removed.
 *
 * @module
 */

import { createTar } from "nanotar";
import { startTimer } from "../../mod/timer.ts";
import type { Part } from "./part.ts";

/** Of one file. */
const MAX_FILE_BYTES = 8 * 1024 * 1024;
const LIMIT_MS = 15_000;

export interface ArchiveOptions {
  /** Folder within the archive. */
  readonly folder: string;
  /** Bytes of all files before they are compressed. */
  readonly maxBytes: number;
  readonly redact: (text: string) => string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** First lines of README. */
  readonly head: readonly string[];
  readonly onPart?: (name: string) => void;
}

/** A file as it will stand there. */
export interface Entry {
  readonly name: string;
  readonly text: string;
  /** One line about it, for README. */
  readonly line: string;
}

export interface Collected {
  readonly entries: readonly Entry[];
  /** Parts that could not be had, or not whole. */
  readonly faults: number;
}

/** Collects the parts, one after the other: an archive must not be a load. */
export async function collect(
  parts: readonly Part[],
  { maxBytes, redact, onPart }: ArchiveOptions,
): Promise<Collected> {
  const entries: Entry[] = [];
  let left = maxBytes;
  let faults = 0;
  for (const part of parts) {
    onPart?.(part.name);
    const taken = await take(part, { redact, bytes: Math.min(left, MAX_FILE_BYTES) });
    if (taken.fault !== undefined) faults++;
    left -= taken.text.length;
    const how = taken.fault ?? (taken.text === "" ? "empty" : undefined);
    entries.push({ name: part.name, text: taken.text, line: lineOf(part, how) });
  }
  return { entries, faults };
}

function lineOf({ name, about }: Part, how: string | undefined): string {
  return `${name}: ${about}${how === undefined ? "" : `; ${how}`}`;
}

interface Taken {
  readonly text: string;
  readonly fault?: string;
}

async function take(
  part: Part,
  { redact, bytes }: { readonly redact: (text: string) => string; readonly bytes: number },
): Promise<Taken> {
  if (bytes <= 0) return { text: "", fault: "left out: the archive is full" };
  let text: string;
  try {
    text = redact(await inTime(part));
  } catch (error) {
    const why = redact(error instanceof Error ? error.message : String(error));
    return { text: "", fault: `cannot be had: ${why}` };
  }
  if (text.length <= bytes) return { text };
  const kept = part.keep === "last" ? text.slice(-bytes) : text.slice(0, bytes);
  const fault = `only the ${part.keep ?? "first"} ${bytes} of ${text.length} characters`;
  return { text: kept, fault };
}

async function inTime({ text, limitMs = LIMIT_MS }: Part): Promise<string> {
  const late = Promise.withResolvers<never>();
  const cancel = startTimer(
    limitMs,
    () => late.reject(new Error(`it took longer than ${limitMs / 1000} s`)),
  );
  try {
    return await Promise.race([text(), late.promise]);
  } finally {
    cancel();
  }
}

/** What tar writes at a time; an archive ends with zeros up to there. */
const RECORD = 10_240;
/** The end of an archive: two blocks of zeros, of which nanotar writes one. */
const BLOCK = 512;

/** The archive, compressed. */
export async function archiveOf(
  { entries }: Collected,
  { folder, now, head, redact }: ArchiveOptions,
): Promise<Uint8Array> {
  const readme = redact([...head, "", ...entries.map(({ line }) => line)].join("\n") + "\n");
  const files = [
    { name: "README.txt", text: readme },
    ...entries.filter(({ text }) => text !== ""),
  ];
  const tar = createTar(
    files.map(({ name, text }) => ({ name: `${folder}/${name}`, data: text })),
    { attrs: { mode: "600", uid: 0, gid: 0, user: "root", group: "root", mtime: now } },
  );
  const whole = new Uint8Array(Math.ceil((tar.length + BLOCK) / RECORD) * RECORD);
  whole.set(tar);
  const packed = new Blob([whole]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(packed).arrayBuffer());
}
