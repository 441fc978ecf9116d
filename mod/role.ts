/**
 * A role of the executable: how it is chosen, and what its entry gets. Environment and streams
 * come in as values, so that a test needs no process.
 *
 * @module
 */

import type { Role, Variable } from "./permissions.ts";

/** The world of a role's `main`. */
export interface RoleIo {
  /** A variable of the environment; undefined when it is not set. */
  readonly env: (name: Variable) => string | undefined;
  /** All of standard input as text. */
  readonly readStdin: () => Promise<string>;
  /** Returns when all of it is written. */
  readonly writeStdout: (text: string) => void;
  readonly writeStderr: (text: string) => void;
  /** Whoever read standard output has gone (`| head`): nothing more need be written. */
  readonly stdoutIsClosed?: () => boolean;
  /** A person reads it, on a terminal, and does not decline colours (NO_COLOR). Default: not. */
  readonly colour?: { readonly stdout: boolean; readonly stderr: boolean };
  /**
   * Asks the person at the terminal, on standard error; the answer without its line break. Absent
   * where there is nobody to ask: standard input or standard error is no terminal.
   */
  readonly ask?: ((question: string) => string) | undefined;
  /**
   * Opens the person's editor with the file; false where the editor failed. Absent where nobody is at
   * a terminal.
   */
  readonly edit?: ((path: string) => Promise<boolean>) | undefined;
}

/** The entry of a role: `main` of `cni/main.ts` and its siblings. Returns the exit status. */
export type RoleMain = (args: readonly string[], io: RoleIo) => Promise<number>;

/** How the executable was called. */
export interface Call {
  /** argv[0] as the caller wrote it: a path, or a name found by PATH. */
  readonly argv0: string;
  /** The arguments behind it. */
  readonly args: readonly string[];
  /** CNI_COMMAND, when it is set. */
  readonly cniCommand: string | undefined;
}

/** The role, and the arguments that are left for it. */
export interface Chosen {
  readonly role: Role;
  readonly args: readonly string[];
}

/**
 * Chooses by the name that it was called by, then by the first argument, then by CNI_COMMAND (a
 * container runtime gives no arguments).
 */
export function chooseRole({ argv0, args, cniCommand }: Call): Chosen {
  const name = argv0.slice(argv0.lastIndexOf("/") + 1);
  if (name === "fabric-ctl") return { role: "server", args };
  if (name === "fabric-admin") return { role: "admin", args };
  if (args[0] === "ctl") return { role: "server", args: args.slice(1) };
  if (args[0] === "admin") return { role: "admin", args: args.slice(1) };
  if (args[0] === undefined && cniCommand !== undefined) return { role: "cni", args };
  return { role: "command", args };
}
