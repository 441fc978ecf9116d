/**
 * How a command of `fabric` runs: its command line, its help, its exit status.
 *
 * @module
 */

import { asFabricError, describeError } from "../mod/error.ts";
import type { RoleIo } from "../mod/role.ts";

/** One command, as it was typed. */
export interface TypedCommand<T> {
  readonly name: string;
  readonly help: string;
  /** Undefined when help is asked for. */
  readonly parse: (args: readonly string[]) => T | undefined;
  readonly args: readonly string[];
  readonly io: RoleIo;
}

/** Exit status 0, 1 when it failed, 2 for a wrong command line. */
export async function runCommand<T>(
  { name, help, parse, args, io }: TypedCommand<T>,
  { run }: { readonly run: (options: T) => Promise<void> },
): Promise<number> {
  const fail = (error: unknown, status: number): number => {
    io.writeStderr(`fabric ${name}: ${describeError(asFabricError(error))}\n`);
    return status;
  };
  let options: T | undefined;
  try {
    options = parse(args);
  } catch (error) {
    return fail(error, 2);
  }
  if (options === undefined) {
    io.writeStdout(help);
    return 0;
  }
  try {
    await run(options);
    return 0;
  } catch (error) {
    return fail(error, 1);
  }
}
