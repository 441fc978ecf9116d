/**
 * Asking before something is done that others may suffer from. Nothing asks on a non-terminal.
 *
 * @module
 */

import { FabricError } from "../mod/error.ts";
import type { AdminContext } from "./context.ts";
import { EXIT } from "./exit.ts";
import type { Flag, FlagValues } from "./flags.ts";

/** `--yes`. */
export const YES_FLAG: Flag = { name: "yes", short: "y", text: "Do it without asking" };

/**
 * True where it may be done: `--yes`, or the person at the terminal typed the word.
 *
 * @throws {FabricError} a usage error where nobody is there to ask.
 */
export function mayGoOn(
  context: AdminContext,
  flags: FlagValues,
  { question, word = "yes" }: { readonly question: string; readonly word?: string },
): boolean {
  if (flags.isSet(YES_FLAG.name)) return true;
  const { ask } = context.io;
  if (ask === undefined) {
    throw new FabricError("forbidden", "Nothing was changed: nobody is here to confirm it", {
      field: "--yes",
      remedy: "add --yes to do it",
      details: { usage: true },
    });
  }
  if (ask(`${question} Type ${word}: `).trim() === word) return true;
  context.write("Nothing was changed.\n");
  context.end(EXIT.error);
  return false;
}
