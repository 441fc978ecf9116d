/**
 * The process that we are: its own name, and its streams as a {@linkcode RoleIo}.
 *
 * @module
 */

import type { RoleIo } from "./role.ts";

/** A configuration on stdin is a few kB, a manifest at most a few MB. */
const MAX_STDIN_BYTES = 64 * 1024 * 1024;

/** Environment and streams of this process. Reading and writing are synchronous: no turn is lost. */
export function processIo(): RoleIo {
  let stdoutIsClosed = false;
  return {
    env: (name) => Deno.env.get(name),
    readStdin: () => Promise.resolve(readAll(Deno.stdin)),
    writeStdout: (text) => {
      if (!writeAll(Deno.stdout, text)) stdoutIsClosed = true;
    },
    writeStderr: (text) => void writeAll(Deno.stderr, text),
    stdoutIsClosed: () => stdoutIsClosed,
    get colour() {
      return {
        stdout: !Deno.noColor && Deno.stdout.isTerminal(),
        stderr: !Deno.noColor && Deno.stderr.isTerminal(),
      };
    },
    get ask() {
      if (!Deno.stdin.isTerminal() || !Deno.stderr.isTerminal()) return undefined;
      return (question: string) => {
        writeAll(Deno.stderr, question);
        return readLine(Deno.stdin);
      };
    },
    get edit() {
      return Deno.stdin.isTerminal() && Deno.stdout.isTerminal() ? openEditor : undefined;
    },
  };
}

/**
 * argv[0], as the caller wrote it. Deno's public API does not tell it: `Deno.execPath()` follows
 * symlinks, `/proc/self/cmdline` needs `--allow-all`, and `node:process` costs 30 ms at start. So
 * it is read from what Deno keeps for `node:process`, and from that module when a later version
 * keeps it elsewhere.
 */
export function argv0(): string {
  const kept = property(property(Deno, Reflect.get(Deno, "internal")), "__nodeBootstrapArgs");
  const name = property(kept, "argv0") ?? property(property(globalThis, "process"), "argv0");
  return typeof name === "string" ? name : Deno.execPath();
}

function property(value: unknown, key: unknown): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return typeof key === "string" || typeof key === "symbol" ? Reflect.get(value, key) : undefined;
}

function readAll(input: { readSync(buffer: Uint8Array): number | null }): string {
  const chunks: Uint8Array[] = [];
  const buffer = new Uint8Array(65536);
  const decoder = new TextDecoder();
  let length = 0;
  for (;;) {
    const count = input.readSync(buffer);
    if (count === null) break;
    length += count;
    if (length > MAX_STDIN_BYTES) throw new RangeError("standard input is longer than 64 MiB");
    chunks.push(buffer.slice(0, count));
  }
  return chunks.map((chunk) => decoder.decode(chunk, { stream: true })).join("") + decoder.decode();
}

/**
 * The shell reads the variables, which need not be ours to read, and splits a command with arguments
 * (`code --wait`) as other programs do. The editor is the person's own, with their environment.
 */
const EDITOR = 'eval "exec ${VISUAL:-${EDITOR:-vi}} \\"\\$1\\""';

async function openEditor(path: string): Promise<boolean> {
  const child = new Deno.Command("/bin/sh", {
    args: ["-c", EDITOR, "sh", path],
    stdin: "inherit",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn();
  return (await child.status).success;
}

/** One line without its break; "" at the end of the input. */
function readLine(input: { readSync(buffer: Uint8Array): number | null }): string {
  const bytes: number[] = [];
  const buffer = new Uint8Array(1);
  while (input.readSync(buffer) !== null && buffer[0] !== 10 && bytes.length < 4096) {
    bytes.push(buffer[0] ?? 0);
  }
  return new TextDecoder().decode(Uint8Array.from(bytes)).replace(/\r$/, "");
}

/** False where whoever read has gone (`| head`): there is nobody to tell. */
function writeAll(output: { writeSync(bytes: Uint8Array): number }, text: string): boolean {
  let rest = new TextEncoder().encode(text);
  try {
    while (rest.length > 0) rest = rest.subarray(output.writeSync(rest));
    return true;
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
    return false;
  }
}
