/**
 * What every transport of the store does with etcd's own users and roles.
 *
 * @module
 */
import { assert, assertEquals, assertFalse } from "@std/assert";
import { FabricError, isKind } from "../../mod/error.ts";
import type { StoreOptions } from "../../mod/etcd/open.ts";
import { applyRoles, ROLES } from "../../mod/etcd/roles.ts";
import { type EtcdFixture, startEtcd } from "../etcd_fixture.ts";
import { put, rejection, startContract, summary, version, write } from "./contract.ts";

const { test, cases } = startContract();

/** Cases for each transport. */
export const authContract = cases;

/** How often etcd was asked for a token. */
async function countAuthenticate(etcd: EtcdFixture): Promise<number> {
  const counter = /^grpc_server_started_total\{.*grpc_method="Authenticate".*\} (\d+)$/m;
  return Number(counter.exec(await etcd.metrics(0))?.[1] ?? "0");
}

/** Options of the user root, with a token file that does not exist yet. */
function asRoot(etcd: EtcdFixture): StoreOptions & { readonly tokenFile: string } {
  const { endpoints, root: auth, dir } = etcd;
  assert(auth !== undefined);
  return { endpoints, auth, tokenFile: `${dir}/run/fabric/etcd-token` };
}

/** A user with the role, and options for it. */
async function addUser(
  etcd: EtcdFixture,
  { user, role }: { readonly user: string; readonly role: string },
): Promise<StoreOptions> {
  const password = crypto.randomUUID();
  const passwordFile = `${etcd.dir}/${user}.password`;
  await Deno.writeTextFile(passwordFile, `${password}\n`, { mode: 0o600 });
  await etcd.etcdctl("user", "add", `${user}:${password}`);
  await etcd.etcdctl("user", "grant-role", user, role);
  return { ...asRoot(etcd), auth: { user, passwordFile } };
}

test("auth: one token is shared by many, in a file that only we can read", async (open) => {
  await using etcd = await startEtcd({ auth: true });
  const before = await countAuthenticate(etcd);
  const options = asRoot(etcd);
  const stores = await Promise.all(Array.from({ length: 16 }, () => open(options)));
  await Promise.all(stores.map((store, i) => write(store, `a/${i}`)));
  await using late = await open(options);
  for (let i = 0; i < 16; i++) assertEquals(await version(late, `a/${i}`), 1);
  assertEquals(await countAuthenticate(etcd) - before, 1);
  for (const store of stores) await store[Symbol.asyncDispose]();
  const mode = async (path: string) => ((await Deno.lstat(path)).mode ?? 0) & 0o7777;
  assertEquals(await mode(options.tokenFile), 0o600);
  assertEquals(await mode(`${etcd.dir}/run/fabric`), 0o700);
  const names = await Array.fromAsync(Deno.readDir(`${etcd.dir}/run/fabric`), (one) => one.name);
  assertEquals(names.sort(), ["etcd-token", "etcd-token.lock"]);
});

test("auth: a refused token is renewed once, for reads, writes and watches", async (open) => {
  await using etcd = await startEtcd({ auth: true });
  const options = asRoot(etcd);
  const spoil = () =>
    Deno.writeTextFile(options.tokenFile, JSON.stringify({ root: "unknown.1" }), { mode: 0o600 });
  {
    await using store = await open(options);
    await write(store, "a");
  }
  for (const verb of ["read", "write", "watch"]) {
    await spoil();
    const before = await countAuthenticate(etcd);
    await using store = await open(options);
    if (verb === "read") await version(store, "a");
    if (verb === "write") await write(store, "a");
    if (verb === "watch") {
      for await (const batch of store.watch({ key: "a", startRevision: 1 })) {
        assertEquals(batch.events.length, 1);
        break;
      }
    }
    await version(store, "a");
    assertEquals(await countAuthenticate(etcd) - before, 1);
  }
  await using store = await open(options);
  assertEquals(await version(store, "a"), 2);
});

test("auth: a token that ran out is renewed by stores that hold it", async (open) => {
  await using etcd = await startEtcd({ auth: true, args: ["--auth-token-ttl", "1"] });
  const options = asRoot(etcd);
  await using one = await open(options);
  await using two = await open(options);
  await write(one, "a");
  await version(two, "a");
  const before = await countAuthenticate(etcd);
  await new Promise((resolve) => setTimeout(resolve, 2500));
  await Promise.all([write(one, "a"), write(two, "a")]);
  assertEquals(await version(one, "a"), 3);
  assertEquals(await countAuthenticate(etcd) - before, 1);
});

test("auth: tokens of two users share a file", async (open) => {
  await using etcd = await startEtcd({ auth: true });
  const root = asRoot(etcd);
  const reader = await addUser(etcd, { user: "second", role: "root" });
  const before = await countAuthenticate(etcd);
  for (const options of [root, reader, root, reader]) {
    await using store = await open(options);
    await write(store, "a");
  }
  assertEquals(await countAuthenticate(etcd) - before, 2);
});

test("auth: a wrong password and no user at all are told apart, without secrets", async (open) => {
  await using etcd = await startEtcd({ auth: true });
  const passwordFile = `${etcd.dir}/wrong`;
  await Deno.writeTextFile(passwordFile, "not-the-password", { mode: 0o600 });
  await using wrong = await open({ ...asRoot(etcd), auth: { user: "root", passwordFile } });
  const before = await countAuthenticate(etcd);
  const error = await rejection(write(wrong, "a"));
  assertEquals(summary(error), ["unauthenticated", "password"]);
  assertEquals(await countAuthenticate(etcd) - before, 1);
  assert(error instanceof FabricError);
  assertFalse(Deno.inspect(error, { depth: 9 }).includes("not-the-password"));
  await using nobody = await open({ endpoints: etcd.endpoints });
  for (const call of [write, version]) {
    assertEquals(summary(await rejection(call(nobody, "a"))), ["unauthenticated", "token"]);
  }
});

test("auth: files that others can read or enter are refused", async (open) => {
  await using etcd = await startEtcd({ auth: true });
  const options = asRoot(etcd);
  const { passwordFile } = options.auth ?? { passwordFile: "" };
  await Deno.chmod(passwordFile, 0o640);
  const error = await rejection(open(options));
  assert(error instanceof FabricError);
  assertEquals([error.kind, error.field], ["invalid", "etcd.auth.passwordFile"]);
  await Deno.chmod(passwordFile, 0o600);
  await Deno.mkdir(`${etcd.dir}/run/fabric`, { recursive: true, mode: 0o755 });
  await using store = await open(options);
  const refused = await rejection(write(store, "a"));
  assert(isKind(refused, "host") && refused.field === "etcd.tokenFile", String(refused));
  // A token that others could read is not used, and replaced by one that they cannot.
  await Deno.chmod(`${etcd.dir}/run/fabric`, 0o700);
  await Deno.writeTextFile(options.tokenFile, JSON.stringify({ root: "planted.1" }));
  await Deno.chmod(options.tokenFile, 0o644);
  await write(store, "a");
  assertEquals(((await Deno.stat(options.tokenFile)).mode ?? 0) & 0o777, 0o600);
});

test("auth: a user may be configured before auth is turned on", async (open) => {
  await using etcd = await startEtcd();
  const passwordFile = `${etcd.dir}/password`;
  await Deno.writeTextFile(passwordFile, "secret-1", { mode: 0o600 });
  const auth = { user: "root", passwordFile };
  const { endpoints, dir } = etcd;
  await using store = await open({ endpoints, auth, tokenFile: `${dir}/run/etcd-token` });
  await write(store, "a");
  await etcd.etcdctl("user", "add", "root:secret-1");
  await etcd.etcdctl("auth", "enable");
  await write(store, "a");
  assertEquals(await version(store, "a"), 2);
});

test("auth: roles: the plugin cannot write what administrators decide", async (open, t) => {
  await using etcd = await startEtcd({ auth: true });
  const root = asRoot(etcd);
  const count = Object.values(ROLES).reduce((sum, role) => sum + 1 + role.permissions.length, 0);
  assertEquals((await applyRoles(root)).length, count);
  assertEquals(await applyRoles(root), []);
  await etcd.etcdctl("role", "grant-permission", "fabric-plugin", "write", "/other", "/othes");
  assertEquals(await applyRoles(root), ["fabric-plugin: revoke write on /other"]);

  const roles = ["plugin", "server", "admin"] as const;
  const decided = ["physicalnetworks/p", "zones/z", "networks/n", "clusters/c", "quotas/q"];
  const lived = [
    "nodes/c/n",
    "addresses/n/4/0a000001",
    "owners/n/c/-/-/-/-/0/eth0",
    "attachments/c/n/id/eth0",
    "tombstones/c/n/id/eth0",
    "macs/p/7/02",
    "cooling/n/4/0a000001",
    "free/n/4/00",
    "history/4/0a000001/id",
    "history-by-owner/c/id",
  ];
  const table = [
    ...decided.map((key) => [key, { plugin: false, server: true, admin: true }] as const),
    ...lived.map((key) => [key, { plugin: true, server: true, admin: true }] as const),
    ["meta/edit", { plugin: false, server: true, admin: true }],
    ["meta/era", { plugin: false, server: false, admin: true }],
    ["meta/schema", { plugin: false, server: false, admin: true }],
  ] as const;
  await using writer = await open(root);
  await put(writer, Object.fromEntries(table.map(([key]) => [key, ""])));
  for (const role of roles) {
    await t.step(role, async () => {
      const options = await addUser(etcd, { user: role, role: ROLES[role].name });
      await using store = await open(options);
      for (const [key, allowed] of table) {
        assertEquals(await version(store, key) > 0, true, `${role} reads ${key}`);
        const result = await write(store, key).then(() => "", (error) => error);
        if (allowed[role]) assertEquals(result, "", `${role} writes ${key}`);
        else assertEquals(summary(result), ["forbidden", "permission"], `${role} writes ${key}`);
      }
      // One key that is not allowed refuses the whole transaction.
      if (role === "plugin") {
        const before = await version(store, "free/n/4/00");
        const mixed = put(store, { "free/n/4/00": "x", "networks/n": "x" });
        assertEquals(summary(await rejection(mixed)), ["forbidden", "permission"]);
        assertEquals(await version(store, "free/n/4/00"), before);
      }
      await using outside = await open({ ...options, prefix: "/other/" });
      assertEquals(summary(await rejection(version(outside, "a"))), ["forbidden", "permission"]);
    });
  }
});

test("auth: processes share a token; TLS with client certificates as well", async (open) => {
  await using etcd = await startEtcd({ auth: true, tls: "mutual" });
  const { certificates } = etcd;
  assert(certificates !== undefined);
  const { caFile, certFile, keyFile } = certificates;
  const options = { ...asRoot(etcd), tls: { caFile, certFile, keyFile } };
  const before = await countAuthenticate(etcd);
  const program = `import { openStore } from "${import.meta.resolve("../../mod/etcd/open.ts")}";
    const options = JSON.parse(Deno.args[0]);
    await using store = await openStore(options, { transport: "gateway" });
    await store.txn({ success: [{ put: "a", value: "" }] });`;
  const script = `${etcd.dir}/program.ts`;
  await Deno.writeTextFile(script, program);
  const processes = Array.from({ length: 4 }, () =>
    new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", script, JSON.stringify(options)],
      stdout: "null",
    }).output());
  const outputs = await Promise.all(processes);
  for (const output of outputs) {
    assert(output.success, new TextDecoder().decode(output.stderr));
  }
  await using store = await open(options);
  assertEquals(await version(store, "a"), 4);
  assertEquals(await countAuthenticate(etcd) - before, 1);
});
