/**
 * A program of the project that is killed when it has come so far.
 *
 * @module
 */

const ROOT = new URL("../", import.meta.url).pathname;

export interface KillOptions {
  readonly args: readonly string[];
  /** After so many lines of its standard output. */
  readonly lines: number;
  /** And so many milliseconds. */
  readonly delay: number;
}

/** Starts the script and kills it; true where it had ended by itself. */
export async function killAfter(script: string, options: KillOptions): Promise<boolean> {
  const { args, lines, delay } = options;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--no-check", `--config=${ROOT}deno.json`, script, ...args],
    stdout: "piped",
    stderr: "null",
  }).spawn();
  let seen = 0;
  let ended = false;
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    seen += text.split("\n").length - 1;
    ended = text.includes("end\n");
    if (seen >= lines || ended) break;
  }
  await new Promise((resolve) => setTimeout(resolve, delay));
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended already.
  }
  await child.status;
  return ended;
}
