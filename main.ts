/**
 * The one executable: pick the role, give up what it does not need, import it, run it, exit.
 *
 * The four imports are literal and dynamic, so that a call loads the code of its own role only.
 * `scripts/compile` maps each name to a bundle.
 *
 * @module
 */

import { giveUpPermissions, type Role } from "./mod/permissions.ts";
import { argv0, processIo } from "./mod/process_io.ts";
import { chooseRole, type RoleMain } from "./mod/role.ts";

async function load(role: Role): Promise<RoleMain> {
  switch (role) {
    case "cni":
      return (await import("fabric/cni")).main;
    case "server":
      return (await import("fabric/server")).main;
    case "admin":
      return (await import("fabric/admin")).main;
    case "command":
      return (await import("fabric/command")).main;
  }
}

const { role, args } = chooseRole({
  argv0: argv0(),
  args: Deno.args,
  cniCommand: Deno.env.get("CNI_COMMAND"),
});
giveUpPermissions(role);
const main = await load(role);
Deno.exit(await main(args, processIo()));
