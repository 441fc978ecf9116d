import { assert, assertEquals } from "@std/assert";
import { ROLES } from "../mod/etcd/roles.ts";
import { PREFIXES } from "../mod/ipam/keys.ts";

Deno.test("ROLES name every prefix of the layout, and none that it does not have", () => {
  const layout = new Set<string>([...Object.values(PREFIXES), "meta/", "quotas/"]);
  for (const role of [ROLES.plugin, ROLES.server]) {
    const named = role.permissions.flatMap((one) => "prefix" in one ? [one.prefix] : []);
    assertEquals(new Set(named), layout, role.name);
    assertEquals(named.length, layout.size, role.name);
  }
  assert(ROLES.admin.permissions.some((one) => "prefix" in one && one.prefix === ""));
});
