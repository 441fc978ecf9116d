/**
 * A command of `fabric-admin`: one file each, one row in `commands.ts`.
 *
 * @module
 */

import type { AdminContext } from "./context.ts";
import type { Flag, FlagValues } from "./flags.ts";

/** What the user gave. */
export interface Call {
  /** Arguments behind the command's name. */
  readonly args: readonly string[];
  readonly flags: FlagValues;
}

/** Where a command stands in the help. */
export const GROUPS = {
  look: "Look",
  change: "Change",
  addresses: "Addresses",
  nodes: "Nodes",
  health: "Health",
  store: "The store",
  other: "Other",
} as const;
export type Group = keyof typeof GROUPS;

/** What an argument of a command is, so that a shell can complete it. */
export type ArgumentKind = "object" | "kind" | "field" | "command" | "file";

export interface Command {
  /** One word, or two: `history export`. */
  readonly name: string;
  /** One line, for the list of commands. */
  readonly summary: string;
  /** Arguments as the help shows them, behind the name: `KIND [NAME...]`. */
  readonly args: string;
  /** How many arguments it takes. */
  readonly count: { readonly min: number; readonly max: number };
  /** Default: `other`. */
  readonly group?: Group;
  /** Default: the words of `args`, where it is a choice, and objects where it begins with KIND. */
  readonly completes?: ArgumentKind;
  /** Of scripts that the program writes itself, and of no interest to people. */
  readonly hidden?: boolean;
  /** Its own flags; those of every command come on top. */
  readonly flags: readonly Flag[];
  /** What the summary does not say; at most a few lines. */
  readonly notes?: readonly string[];
  /** A command as typed, without the program's name, and what it does. */
  readonly examples: readonly (readonly [command: string, what: string])[];
  /** Errors are thrown, or told with `context.fail`, whose status counts then. */
  readonly run: (context: AdminContext, call: Call) => Promise<void> | void;
}
