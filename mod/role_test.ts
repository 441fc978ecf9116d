import { assertEquals } from "@std/assert";
import { chooseRole } from "./role.ts";

const call = { argv0: "/opt/cni/bin/fabric", args: [], cniCommand: undefined };

Deno.test("chooseRole() goes by the name it was called by before anything else", () => {
  const argv0 = "/usr/local/bin/fabric-admin";
  assertEquals(chooseRole({ argv0, args: ["ctl", "get"], cniCommand: "ADD" }), {
    role: "admin",
    args: ["ctl", "get"],
  });
  assertEquals(chooseRole({ ...call, argv0: "fabric-ctl" }).role, "server");
});

Deno.test("chooseRole() goes by the first argument before CNI_COMMAND", () => {
  assertEquals(chooseRole({ ...call, args: ["admin", "get", "networks"], cniCommand: "ADD" }), {
    role: "admin",
    args: ["get", "networks"],
  });
  assertEquals(chooseRole({ ...call, args: ["ctl"] }), { role: "server", args: [] });
  assertEquals(chooseRole({ ...call, args: ["version", "-o", "json"], cniCommand: "ADD" }), {
    role: "command",
    args: ["version", "-o", "json"],
  });
});

Deno.test("chooseRole() takes a call without arguments for the plugin when CNI_COMMAND is set", () => {
  assertEquals(chooseRole({ ...call, cniCommand: "DEL" }).role, "cni");
  assertEquals(chooseRole({ ...call, cniCommand: "" }).role, "cni");
  assertEquals(chooseRole(call), { role: "command", args: [] });
});

Deno.test("chooseRole() takes any other name for fabric", () => {
  assertEquals(chooseRole({ ...call, argv0: "./fabric-0.1.0", cniCommand: "ADD" }).role, "cni");
});
