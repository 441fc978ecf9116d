/**
 * `fabric-ctl serve` of the executable as users get it.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { RELEASE } from "../executable.ts";
import { superviseDir } from "../supervised.ts";

export interface CompiledServer extends AsyncDisposable {
  readonly port: number;
  /** What it wrote to standard output and standard error. */
  readonly output: () => string;
  readonly signal: (name: Deno.Signal) => void;
}

/** Starts it; ends it by SIGTERM, after which it must end with 0. */
export async function serveCompiled(configFile: string): Promise<CompiledServer> {
  const child = new Deno.Command(RELEASE, {
    args: ["ctl", "serve", "--config", configFile],
    clearEnv: true,
    env: { PATH: "/usr/bin:/bin" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let text = "";
  const listening = Promise.withResolvers<number>();
  const follow = async (stream: ReadableStream<Uint8Array>): Promise<void> => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      text += decoder.decode(chunk, { stream: true });
      const port = /listens at \S+:(\d+)\/\n/.exec(text)?.[1];
      if (port !== undefined) listening.resolve(Number(port));
    }
  };
  const reading = Promise.all([follow(child.stdout), follow(child.stderr)]);
  reading.then(() => listening.reject(new Error(`fabric-ctl ended: ${text}`)));
  const port = await listening.promise;
  return {
    port,
    output: () => text,
    signal: (name) => child.kill(name),
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      const { code } = await child.status;
      await reading;
      assertEquals(code, 0, text);
    },
  };
}

/** A folder where the executable may read and write; it goes with the test. */
export async function makePlace(): Promise<{ readonly dir: string } & AsyncDisposable> {
  const dir = await Deno.makeTempDir({ dir: "/run", prefix: "fabric-ctl-" });
  const cleaner = superviseDir(dir);
  return { dir, [Symbol.asyncDispose]: () => cleaner.end() };
}
