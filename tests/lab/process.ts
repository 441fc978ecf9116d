/**
 * Running programs for the lab: to their end, or beside the test.
 *
 * @module
 */

export interface ExecOptions {
  /** Text for standard input. Default: none (`/dev/null`). */
  readonly input?: string;
  /** Variables added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Start with nothing but `env` (and PATH), as a runtime calls a plugin. Default false. */
  readonly clearEnv?: boolean;
  /** The program is killed after this many milliseconds. Default 30,000. */
  readonly timeoutMs?: number;
}

/** A program that has ended. */
export interface ExecResult {
  readonly command: string;
  /** 137 when it was killed, also by the time limit. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** From start to end, in milliseconds. */
  readonly durationMs: number;
}

/** A program that runs beside the test. */
export interface Running extends AsyncDisposable {
  /** What it printed until now, both streams in the order of arrival. */
  output(): string;
  /** Waits until it has printed `pattern`; returns the match. */
  until(pattern: RegExp, timeoutMs?: number): Promise<RegExpMatchArray>;
  /** Writes to its standard input. */
  write(text: string): Promise<void>;
  /** Resolves with its exit code. */
  readonly status: Promise<number>;
  /** kill -9, and what it had printed. May be called twice. */
  stop(): Promise<string>;
}

/** How long something is waited for that is said to come: a machine with all tests on it is slow. */
const PATIENCE_MS = 30_000;

const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Runs a program to its end; a non-zero exit code is a result like any other. */
export async function execute(
  argv: readonly string[],
  options: ExecOptions = {},
): Promise<ExecResult> {
  const start = performance.now();
  const child = spawn(argv, options, options.input === undefined ? "null" : "piped");
  const timer = setTimeout(() => killQuietly(child), options.timeoutMs ?? 30_000);
  try {
    const written = options.input === undefined ? undefined : feed(child.stdin, options.input);
    const streams = [collect(child.stdout), collect(child.stderr)] as const;
    const { code } = await child.status;
    const [stdout, stderr] = await Promise.all(streams.map((stream) => stream.finish()));
    await written;
    return {
      command: argv.join(" "),
      code,
      stdout: stdout ?? "",
      stderr: stderr ?? "",
      durationMs: performance.now() - start,
    };
  } finally {
    clearTimeout(timer);
  }
}

/** Runs a program to its end and returns its standard output. Throws unless it exits with 0. */
export async function executeOk(
  argv: readonly string[],
  options: ExecOptions = {},
): Promise<string> {
  return requireOk(await execute(argv, options));
}

/** The standard output of a program that succeeded. Throws with all it said otherwise. */
export function requireOk(result: ExecResult): string {
  if (result.code === 0) return result.stdout;
  const said = [result.stderr.trim(), result.stdout.trim()].filter((s) => s !== "").join("\n");
  throw new Error(`exit code ${result.code} of: ${result.command}\n${said}`);
}

/** Starts a program that runs beside the test. */
export function start(argv: readonly string[], options: ExecOptions = {}): Running {
  const child = spawn(argv, options, "piped");
  const writer = child.stdin.getWriter();
  let text = "";
  let ended = false;
  const waiting = new Set<() => void>();
  const wake = () => {
    for (const call of waiting) call();
  };
  const take = (part: string) => {
    text += part;
    wake();
  };
  const streams = [collect(child.stdout, take), collect(child.stderr, take)];
  const status = child.status.then(async ({ code }) => {
    await Promise.all(streams.map((stream) => stream.finish()));
    await writer.close().catch(() => {});
    ended = true;
    wake();
    return code;
  });
  const until = (pattern: RegExp, timeoutMs = PATIENCE_MS) =>
    new Promise<RegExpMatchArray>((resolve, reject) => {
      const settle = (action: () => void) => {
        waiting.delete(look);
        clearTimeout(timer);
        action();
      };
      const fail = (why: string) => {
        const error = new Error(`${why} before ${pattern} was printed: ${argv.join(" ")}\n${text}`);
        settle(() => reject(error));
      };
      const look = () => {
        const match = text.match(pattern);
        if (match !== null) settle(() => resolve(match));
        else if (ended) fail("it ended");
      };
      const timer = setTimeout(() => fail(`${timeoutMs} ms passed`), timeoutMs);
      waiting.add(look);
      look();
    });
  const stop = async () => {
    if (!ended) killQuietly(child);
    await status;
    return text;
  };
  return {
    output: () => text,
    until,
    write: (input) => writer.write(new TextEncoder().encode(input)),
    status,
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop();
    },
  };
}

/** Calls `action` until it returns something other than undefined or false. */
export async function eventually<T>(
  what: string,
  action: () => Promise<T | undefined | false>,
  options: { readonly timeoutMs?: number; readonly everyMs?: number } = {},
): Promise<T> {
  const timeoutMs = options.timeoutMs ?? PATIENCE_MS;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await action();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, options.everyMs ?? 20));
  }
}

function spawn(
  argv: readonly string[],
  options: ExecOptions,
  stdin: "null" | "piped",
): Deno.ChildProcess {
  const [program, ...args] = argv;
  if (program === undefined) throw new Error("no program given");
  return new Deno.Command(program, {
    args,
    stdin,
    stdout: "piped",
    stderr: "piped",
    clearEnv: options.clearEnv ?? false,
    env: { ...(options.clearEnv === true ? { PATH } : {}), ...options.env },
  }).spawn();
}

interface Collected {
  /**
   * All text. To be called after the program's end; what is still open 200 ms later is held by a
   * process that it left behind, and is given up.
   */
  finish(): Promise<string>;
}

function collect(
  stream: ReadableStream<Uint8Array>,
  onText: (part: string) => void = () => {},
): Collected {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let text = "";
  const read = async () => {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const part = decoder.decode(value, { stream: true });
      text += part;
      onText(part);
    }
  };
  const drained = read();
  return {
    finish: async () => {
      const timer = setTimeout(() => reader.cancel(), 200);
      await drained;
      clearTimeout(timer);
      return text;
    },
  };
}

async function feed(stream: WritableStream<Uint8Array>, text: string): Promise<void> {
  const writer = stream.getWriter();
  try {
    await writer.write(new TextEncoder().encode(text));
    await writer.close();
  } catch {
    // The program ended without reading all of it; its exit code says why.
  }
}

function killQuietly(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended in this moment.
  }
}
