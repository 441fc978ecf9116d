/**
 * `etcd roles`: etcd's own auth, brought to what the parts of fabric need.
 *
 * @module
 */

import { applyRoles, ROLES } from "../mod/etcd/roles.ts";
import type { Command } from "./command.ts";

/** `etcd roles`. */
export const ETCD_ROLES: Command = {
  name: "etcd roles",
  summary: "Make etcd's roles for plugin, server and administrators",
  args: "",
  count: { min: 0, max: 0 },
  group: "store",
  flags: [],
  notes: [
    ...Object.values(ROLES).map(({ name, summary }) => `${name.padEnd(14)} ${summary}`),
    "Needs a user who may do that (root), or an etcd whose auth is still off.",
  ],
  examples: [
    ["etcd roles --etcd-user root --etcd-password-file /root/etcd.pw", "add what is missing"],
  ],
  run: async (context) => {
    const done = await applyRoles(await context.storeOptions());
    for (const line of done) context.write(`${line}\n`);
    if (done.length === 0) context.write("roles unchanged\n");
  },
};
