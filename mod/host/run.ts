/**
 * Running the host's own programs (`ip`, `tc`, `nft`, `nsenter`, `sh`), as an administrator would
 * by hand. Every function that drives the host takes a {@linkcode Run}, so that a call can be
 * logged, bounded in time, or carried out in another network namespace.
 *
 * @module
 */

import { FabricError } from "../error.ts";
import { startTimer } from "../timer.ts";

/** Program and arguments. */
export type Argv = readonly [program: string, ...args: string[]];

export interface RunOptions {
  /**
   * Text for the program's standard input; default: none (`/dev/null`). Text that comes in pieces
   * lets a program wait for the next one, instead of starting a second program later.
   */
  readonly stdin?: string | AsyncIterable<string>;
  /** Variables added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** The program gets no variables but those of `env`. Default false. */
  readonly clearEnv?: boolean;
  /** The program is killed after this many milliseconds. Default 10,000. */
  readonly timeoutMs?: number;
  /** Told of each line of standard output as it comes. */
  readonly onLine?: (line: string) => void;
}

/** What a program that ended with exit code 0 printed. */
export interface Output {
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs one program to its end.
 *
 * @throws {FabricError} `host`, with `details.command` (as text for a shell), `details.exitCode`
 * (undefined when it never ran) and `details.stderr`. What the pieces of `stdin` throw, comes through.
 */
export type Run = (argv: Argv, options?: RunOptions) => Promise<Output>;

/** One command as it was run, for logs. */
export interface RunRecord {
  /** As text for a shell; input follows as a here-document. */
  readonly command: string;
  /** How long it took, in milliseconds. */
  readonly durationMs: number;
  /** Undefined when it could not be started. */
  readonly exitCode: number | undefined;
}

const DEFAULT_TIMEOUT_MS = 10_000;

/** Runs a program of the host; see {@linkcode Run}. */
export async function run(argv: Argv, options: RunOptions = {}): Promise<Output> {
  const [program, ...args] = argv;
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(program, {
      args,
      stdin: options.stdin === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
      clearEnv: options.clearEnv ?? false,
      ...(options.env === undefined ? {} : { env: { ...options.env } }),
    }).spawn();
  } catch (cause) {
    const missing = cause instanceof Deno.errors.NotFound;
    throw new FabricError(
      "host",
      missing ? `program ${program} is not installed` : `program ${program} cannot be run`,
      { details: { command: formatCommand(argv) }, cause },
    );
  }
  let timedOut = false;
  const kill = (): void => {
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended in this moment.
    }
  };
  const cancel = startTimer(timeoutMs, () => {
    timedOut = true;
    kill();
  });
  const writer = options.stdin === undefined ? undefined : child.stdin.getWriter();
  try {
    let inputFailed: { readonly cause: unknown } | undefined;
    if (writer !== undefined && options.stdin !== undefined) {
      // Not awaited: a program that fails early must not wait for input that comes late.
      writeAll(writer, options.stdin).catch((cause) => {
        inputFailed = { cause };
        kill();
      });
    }
    const output = options.onLine === undefined
      ? await child.output()
      : await outputInLines(child, options.onLine);
    if (inputFailed !== undefined) throw inputFailed.cause;
    const result = { stdout: decode(output.stdout), stderr: decode(output.stderr) };
    if (output.success && !timedOut) return result;
    throw failure(argv, {
      exitCode: output.code,
      stderr: timedOut ? `killed after ${timeoutMs} ms` : result.stderr,
    });
  } finally {
    cancel();
    await writer?.close().catch(() => {});
  }
}

/** What `child.output()` gives, and the lines of standard output as they come. */
async function outputInLines(
  child: Deno.ChildProcess,
  onLine: (line: string) => void,
): Promise<Deno.CommandOutput> {
  const stderr = collect(child.stderr, () => {});
  let rest = "";
  const stdout = collect(child.stdout, (bytes) => {
    const lines = (rest + decode(bytes)).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  });
  const [status, out, err] = await Promise.all([child.status, stdout, stderr]);
  return { ...status, stdout: out, stderr: err };
}

async function collect(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  onBytes: (bytes: Uint8Array<ArrayBuffer>) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  const reader = stream.getReader();
  let all = new Uint8Array(0);
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return all;
    onBytes(value);
    const both = new Uint8Array(all.length + value.length);
    both.set(all);
    both.set(value, all.length);
    all = both;
  }
}

/** The same runner, telling `log` of every command when it has ended. */
export function withLog(inner: Run, log: (record: RunRecord) => void): Run {
  return async (argv, options) => {
    const start = performance.now();
    const input = options?.stdin === undefined ? undefined : recordInput(options.stdin);
    const tell = (exitCode: number | undefined): void => {
      const command = formatCommand(argv, input?.text());
      log({ command, durationMs: performance.now() - start, exitCode });
    };
    try {
      const recorded = input === undefined ? {} : { stdin: input.stdin };
      const output = await inner(argv, { ...options, ...recorded });
      tell(0);
      return output;
    } catch (error) {
      const code = error instanceof FabricError ? error.details["exitCode"] : undefined;
      tell(typeof code === "number" ? code : undefined);
      throw error;
    }
  };
}

/** The same runner, inside the network namespace at `path`. */
export function inNetns(inner: Run, path: string): Run {
  return (argv, options) => inner(["nsenter", `--net=${path}`, "--", ...argv], options);
}

/** The command as text that a shell takes, with its input as a here-document. */
export function formatCommand(argv: Argv, stdin?: string): string {
  const command = argv.map(quote).join(" ");
  if (stdin === undefined) return command;
  return `${command} <<'EOF'\n${stdin.endsWith("\n") ? stdin : stdin + "\n"}EOF`;
}

/**
 * What the program wrote to stderr, when `error` is a failed command of the host; else undefined.
 * For the few callers to which "it is not there" is good news.
 */
export function stderrOf(error: unknown): string | undefined {
  if (!(error instanceof FabricError) || error.kind !== "host") return undefined;
  const stderr = error.details["stderr"];
  return typeof stderr === "string" ? stderr : undefined;
}

function failure(
  argv: Argv,
  result: { readonly exitCode: number; readonly stderr: string },
): FabricError {
  const stderr = oneLine(result.stderr);
  const said = stderr === "" ? `exit code ${result.exitCode}` : stderr;
  return new FabricError("host", `${programOf(argv)} failed: ${said}`, {
    details: { command: formatCommand(argv), exitCode: result.exitCode, stderr },
  });
}

/** The program that did the work: `ip` in `nsenter --net=… -- ip …`. */
function programOf(argv: Argv): string {
  const at = argv[0] === "nsenter" ? argv.indexOf("--") : -1;
  return argv[at + 1] ?? argv[0];
}

function oneLine(text: string): string {
  const line = text.trim().replace(/\s*\n\s*/g, "; ");
  return line.length > 500 ? `${line.slice(0, 497)}...` : line;
}

function quote(word: string): string {
  return /^[A-Za-z0-9_@%+=:,.\/-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

async function writeAll(
  writer: WritableStreamDefaultWriter<Uint8Array>,
  input: string | AsyncIterable<string>,
): Promise<void> {
  const encoder = new TextEncoder();
  // A program that ended without reading says why by its exit code and stderr, not here.
  const write = (text: string): Promise<void> => writer.write(encoder.encode(text)).catch(() => {});
  if (typeof input === "string") await write(input);
  else for await (const text of input) await write(text);
  await writer.close().catch(() => {});
}

/** The same input, and the text of it that has been read. */
function recordInput(
  input: string | AsyncIterable<string>,
): { readonly stdin: string | AsyncIterable<string>; readonly text: () => string } {
  if (typeof input === "string") return { stdin: input, text: () => input };
  let text = "";
  const record = async function* (): AsyncIterable<string> {
    for await (const piece of input) {
      text += piece;
      yield piece;
    }
  };
  return { stdin: record(), text: () => text };
}
