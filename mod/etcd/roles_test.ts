import { assert, assertEquals } from "@std/assert";
import { planRole, ROLES } from "./roles.ts";
import type { Codec } from "./wire.ts";

const plain: Codec<string> = { prefix: "/p/", encode: (text) => text, decode: String };

Deno.test("planRole() adds a role that is missing, with each of its permissions", () => {
  const requests = planRole(ROLES.plugin, { codec: plain, present: undefined });
  assertEquals(requests[0]?.summary, "fabric-plugin: add the role");
  assertEquals(requests.length, 1 + ROLES.plugin.permissions.length);
  assertEquals(requests.find((one) => one.summary.endsWith("/p/networks/"))?.payload, {
    name: "fabric-plugin",
    perm: { permType: 0, key: "/p/networks/", range_end: "/p/networks0" },
  });
});

Deno.test("planRole() changes, adds and revokes what differs, and nothing else", () => {
  const role = {
    name: "r",
    summary: "",
    permissions: [
      { prefix: "a/", access: "read" },
      { prefix: "b/", access: "readwrite" },
      { key: "c", access: "write" },
    ],
  } as const;
  const present = {
    perm: [
      { key: "/p/a/", range_end: "/p/a0" },
      { permType: "READ", key: "/p/b/", range_end: "/p/b0" },
      { permType: "WRITE", key: "/p/old", range_end: "" },
    ],
  };
  assertEquals(planRole(role, { codec: plain, present }).map((one) => one.summary), [
    "r: grant readwrite on /p/b/",
    "r: grant write on /p/c",
    "r: revoke write on /p/old",
  ]);
});

Deno.test("ROLES let the plugin read, but not write, what administrators decide", () => {
  const { permissions } = ROLES.plugin;
  for (const prefix of ["networks/", "zones/", "physicalnetworks/", "meta/", "quotas/"]) {
    const found = permissions.filter((one) => "prefix" in one && one.prefix === prefix);
    assertEquals(found.map((one) => one.access), ["read"]);
  }
  for (const role of Object.values(ROLES)) {
    assert(
      role.permissions.every((one) =>
        "key" in one || one.prefix.endsWith("/") || one.prefix === ""
      ),
    );
  }
});
