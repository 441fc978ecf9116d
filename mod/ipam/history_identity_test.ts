import { assertEquals, assertStrictEquals } from "@std/assert";
import { historyIdentity } from "./history_identity.ts";

const holder = { cluster: "local", node: "n1", containerId: "c0ffee", ifname: "eth0" };

Deno.test("historyIdentity() is the owner where the address has one", () => {
  const owner = {
    cluster: "a",
    group: "apps",
    kind: "StatefulSet",
    namespace: "db",
    name: "pg",
    slot: "3",
    ifname: "eth0",
  };
  assertStrictEquals(historyIdentity(holder, owner), owner);
});

Deno.test("historyIdentity() names an ephemeral pod with its cluster, never its UID", () => {
  const pod = { namespace: "web", name: "nginx", uid: "123" };
  assertEquals(historyIdentity({ ...holder, pod }), {
    cluster: "local",
    group: "",
    kind: "Pod",
    namespace: "web",
    name: "nginx",
    slot: "0",
    ifname: "eth0",
  });
});

Deno.test("historyIdentity() names a bare container by its id", () => {
  assertEquals(historyIdentity(holder), {
    cluster: "local",
    group: "",
    kind: "Container",
    namespace: "",
    name: "c0ffee",
    slot: "0",
    ifname: "eth0",
  });
});
