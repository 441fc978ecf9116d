/**
 * Several objects in one call: checked whole, in the order of their dependencies, before the first
 * is written.
 *
 * @module
 */

import { asFabricError, type FabricError } from "../mod/error.ts";
import { WRITTEN_KINDS, type WrittenKind } from "../mod/model/kinds.ts";
import { EXIT, exitStatus } from "./exit.ts";
import type { AdminContext } from "./context.ts";
import type { Flag, FlagValues } from "./flags.ts";

/** `--dry-run`. kubectl's values mean the same here: everything is checked, nothing is written. */
export const DRY_RUN_FLAG: Flag = {
  name: "dry-run",
  value: "server",
  optional: true,
  choices: ["server", "client", "none"],
  text: "Check and tell, and write nothing",
};

/** True where nothing may be written. */
export function isDryRun(flags: FlagValues): boolean {
  return flags.isSet(DRY_RUN_FLAG.name) && flags.text(DRY_RUN_FLAG.name) !== "none";
}

/** Sorted so that what others refer to comes first. */
export function byDependency<T>(items: readonly T[], kindOf: (item: T) => WrittenKind): T[] {
  const rank = (item: T): number => WRITTEN_KINDS.indexOf(kindOf(item));
  return [...items].sort((a, b) => rank(a) - rank(b));
}

/**
 * True for faults of the object itself, which the others are checked beside; anything else
 * (etcd cannot be reached) ends the command.
 */
export function isFaultOfObject(error: FabricError): boolean {
  return ["invalid", "not-found", "conflict", "in-use"].includes(error.kind);
}

/** The error as one that belongs to an object; others are thrown on. */
export function faultOf(cause: unknown): FabricError {
  const error = asFabricError(cause);
  if (isFaultOfObject(error)) return error;
  throw cause;
}

/** Tells of the faults; true where there are any, and so nothing is written. */
export function tellFaults(context: AdminContext, faults: readonly FabricError[]): boolean {
  for (const fault of faults) context.fail(fault, exitStatus(fault) || EXIT.error);
  return faults.length > 0;
}
