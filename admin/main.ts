/** The command line for operators. @module */
import type { RoleIo } from "../mod/role.ts";
import { runVersion } from "../mod/version.ts";

/** Placeholder until the command line is here. */
export function main(args: readonly string[], io: RoleIo): Promise<number> {
  return Promise.resolve(runVersion("fabric-admin", { args: args.slice(1), io }));
}
