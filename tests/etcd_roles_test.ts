import { assert, assertEquals } from "@std/assert";
import { ulid } from "@std/ulid";
import { isKind } from "../mod/error.ts";
import { openStore } from "../mod/etcd/open.ts";
import { applyRoles, ROLES } from "../mod/etcd/roles.ts";
import { parseRange } from "../mod/ip/range.ts";
import { allocate } from "../mod/ipam/allocate.ts";
import { memoryLeaseCache } from "../mod/ipam/context.ts";
import { PREFIXES } from "../mod/ipam/keys.ts";
import { release } from "../mod/ipam/release.ts";
import { reserve, unreserve } from "../mod/ipam/reserve.ts";
import { startEtcd } from "./etcd_fixture.ts";
import { addRequest, applyKind, applyNetwork } from "./ipam_fixture.ts";

Deno.test("ROLES name every prefix of the layout, and none that it does not have", () => {
  const layout = new Set<string>([...Object.values(PREFIXES), "meta/", "quotas/"]);
  const prefixesOf = (role: typeof ROLES.plugin): readonly string[] =>
    role.permissions.flatMap((one) => "prefix" in one ? [one.prefix] : []);
  // The store is recovered by administrators alone.
  layout.delete("recover/");
  const server = prefixesOf(ROLES.server);
  assertEquals([new Set(server), server.length], [layout, layout.size]);
  // A node must not learn who may do what.
  for (const guarded of ["access/", "audit/", "idempotency/", "reclaimers/"]) {
    layout.delete(guarded);
  }
  // What it tells the audit goes in by a door of its own, through which nothing can be read.
  layout.add("audit/inbox/");
  const inbox = ROLES.plugin.permissions.find((one) =>
    "prefix" in one && one.prefix === "audit/inbox/"
  );
  assertEquals(inbox?.access, "write");
  const plugin = prefixesOf(ROLES.plugin);
  assertEquals([new Set(plugin), plugin.length], [layout, layout.size]);
  assert(ROLES.admin.permissions.some((one) => "prefix" in one && one.prefix === ""));
});

Deno.test("with auth on, each role can do its work, and the plugin no more than ADD and DEL", async () => {
  await using etcd = await startEtcd({ auth: true });
  const { endpoints, root, dir } = etcd;
  assert(root !== undefined);
  await applyRoles({ endpoints, auth: root });
  await using stack = new AsyncDisposableStack();
  const openAs = async (role: keyof typeof ROLES) => {
    const passwordFile = `${dir}/${role}.password`;
    const password = crypto.randomUUID();
    await Deno.writeTextFile(passwordFile, password, { mode: 0o600 });
    await etcd.etcdctl("user", "add", `${role}:${password}`);
    await etcd.etcdctl("user", "grant-role", role, ROLES[role].name);
    const options = {
      endpoints,
      auth: { user: role, passwordFile },
      tokenFile: `${dir}/run/token`,
    };
    const store = stack.use(await openStore(options, { transport: "gateway" }));
    const leases = memoryLeaseCache();
    return { store, now: Date.now, random: Math.random, newId: ulid, leases };
  };
  const [admin, server, plugin] = [
    await openAs("admin"),
    await openAs("server"),
    await openAs("plugin"),
  ];
  const spec = { vlan: 7, subnets: [{ cidr: "10.0.0.0/29", gateway: "10.0.0.1" }] };
  await applyKind(admin, "PhysicalNetwork", { name: "prod", spec: { mtu: 9000 } });
  await applyKind(admin, "Zone", { name: "z1", spec: { physicalNetworks: ["prod"] } });
  await applyNetwork(server, "pods", spec);

  const range = parseRange("10.0.0.6");
  await reserve(server, { network: "pods", range, reason: "printer" });
  await unreserve(server, { network: "pods", range });

  const owner = {
    cluster: "local",
    group: "apps",
    kind: "StatefulSet",
    namespace: "trade",
    name: "orders",
    slot: "0",
    ifname: "eth0",
  };
  for (const options of [{}, { owner }]) {
    const request = addRequest("c1", options);
    assertEquals((await allocate(plugin, request)).addresses.length, 1);
    assert((await release(plugin, request.attachment, { endedBy: "del" })).existed);
  }
  const more = { vlan: 8, subnets: [{ cidr: "10.0.1.0/29", gateway: "10.0.1.1" }] };
  const refused = await applyNetwork(plugin, "more", more).catch((error) => error);
  assert(isKind(refused, "forbidden"), String(refused));
});
