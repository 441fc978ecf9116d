/** The CNI plugin. @module */
import { faultPoint } from "fabric/fault";
import type { RoleIo } from "../mod/role.ts";
import { runVersion } from "../mod/version.ts";

/** Placeholder until the plugin is here. */
export function main(args: readonly string[], io: RoleIo): Promise<number> {
  faultPoint("placeholder:start");
  return Promise.resolve(runVersion("fabric", { args, io }));
}
