/**
 * The compiled executables, for tests that run them. `scripts/test` makes them first.
 *
 * @module
 */

const DIST = new URL("../dist/", import.meta.url).pathname;

/** The release: what users get. */
export const RELEASE: string = `${DIST}fabric`;

/** The same sources with fault points; see `mod/fault_on.ts`. */
export const WITH_FAULTS: string = `${DIST}fabric-faults`;

/** What a program that ended printed. */
export interface Ended {
  /** Exit status; 137 after SIGKILL. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CallOptions {
  readonly args?: readonly string[];
  /** The whole environment. Default: PATH only. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Standard input. Default: nothing. */
  readonly input?: string;
}

/** Runs a program with an environment of its own. It is killed after five minutes. */
export async function call(program: string, options: CallOptions = {}): Promise<Ended> {
  const child = new Deno.Command(program, {
    args: [...(options.args ?? [])],
    clearEnv: true,
    env: { ...(options.env ?? { PATH: "/usr/bin:/bin" }) },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(300_000),
  }).spawn();
  // A program that does not read its input may have ended by now.
  const written = new Blob([options.input ?? ""]).stream().pipeTo(child.stdin).catch(() => {});
  const [{ code, stdout, stderr }] = await Promise.all([child.output(), written]);
  const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}
