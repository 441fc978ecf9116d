import { assert, assertEquals, assertMatch } from "@std/assert";
import { readAudit, verifyAudit } from "../../mod/audit/read.ts";
import { main } from "../../server/main.ts";
import type { RoleIo } from "../../mod/role.ts";
import { type Answer, type ServerFixture, startAll } from "./server_fixture.ts";

const PASSWORD = "correct horse battery";

/** `fabric-ctl` with its streams as values. */
async function ctl(all: ServerFixture, args: readonly string[], input = "") {
  let stdout = "";
  let stderr = "";
  const io: RoleIo = {
    env: (name) => name === "FABRIC_ETCD_ENDPOINTS" ? all.ipam.etcd.endpoints.join(",") : undefined,
    readStdin: () => Promise.resolve(input),
    writeStdout: (text) => void (stdout += text),
    writeStderr: (text) => void (stderr += text),
  };
  const code = await main(args, io);
  return { code, stdout, stderr };
}

function cookieOf(answer: Answer): string {
  return (answer.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
}

Deno.test("a token is shown once, works until it is revoked, and is stored as a hash", async () => {
  await using all = await startAll({});
  const made = await ctl(all, ["token", "create", "ansible", "--role", "operator", "--days", "1"]);
  assertEquals(made.code, 0);
  const token = made.stdout.trim();
  assertMatch(token, /^fabric_[a-z0-9]+_[A-Za-z0-9_-]{43}$/);
  const as = (text: string) =>
    all.ask("/api/v1/whoami", { headers: { authorization: `Bearer ${text}` } });
  const known = await as(token);
  assertEquals([known.status, known.json.name, known.json.role], [
    200,
    "token:ansible",
    "operator",
  ]);
  assertEquals((await as(`${token.slice(0, -1)}x`)).status, 401);
  assertEquals((await all.ask("/api/v1/networks")).status, 401);
  assert((await ctl(all, ["token", "list"])).stdout.includes("ansible"));
  assertEquals((await ctl(all, ["token", "revoke", "ansible"])).code, 0);
  assertEquals((await as(token)).status, 401);
  const stored = await all.ipam.etcd.etcdctl("get", "--prefix", "/");
  assert(!stored.includes(token.split("_")[2] ?? "?"), "the secret is in etcd");
  assertEquals((await ctl(all, ["token", "create", "x", "--role", "boss"])).code, 2);
});

Deno.test("a session begins by a password, changes only with its word, and ends everywhere", async () => {
  await using all = await startAll({});
  const { ask, server } = all;
  const made = await ctl(
    all,
    ["account", "create", "anna", "--role", "admin", "--password-stdin"],
    `${PASSWORD}\n`,
  );
  assertEquals([made.code, made.stderr], [0, ""]);
  const signIn = () =>
    ask("/auth/login", { method: "POST", body: { name: "anna", password: PASSWORD } });
  const first = await signIn();
  assertEquals(first.status, 200);
  assertMatch(first.headers.get("set-cookie") ?? "", /; HttpOnly; SameSite=Strict/);
  const cookie = cookieOf(first);
  assertEquals((await ask("/api/v1/whoami", { headers: { cookie } })).json.name, "anna");
  const body = { metadata: { name: "dmz" }, spec: {} };
  const change = (headers: Readonly<Record<string, string>>) =>
    ask("/api/v1/physicalnetworks", { method: "POST", headers: { cookie, ...headers }, body });
  assertEquals((await change({})).status, 403);
  const word = { "x-csrf-token": first.json.csrf };
  assertEquals((await change({ ...word, origin: "https://evil.example" })).status, 403);
  assertEquals((await change({ ...word, "sec-fetch-site": "cross-site" })).status, 403);
  assertEquals((await change({ ...word, origin: server.url.slice(0, -1) })).status, 201);

  const second = await signIn();
  const out = await ask("/auth/logout-everywhere", {
    method: "POST",
    headers: { cookie, ...word },
  });
  assertEquals(out.json.ended, 2);
  for (const one of [cookie, cookieOf(second)]) {
    assertEquals((await ask("/api/v1/whoami", { headers: { cookie: one } })).status, 401);
  }

  const third = await signIn();
  const headers = { cookie: cookieOf(third), "x-csrf-token": third.json.csrf };
  const next = "another long password";
  const weak = await ask("/auth/password", {
    method: "POST",
    headers,
    body: { current: PASSWORD, next: "short" },
  });
  assertEquals([weak.status, weak.json.field], [422, "password"]);
  const changed = await ask("/auth/password", {
    method: "POST",
    headers,
    body: { current: PASSWORD, next },
  });
  assertEquals(changed.status, 200);
  assertEquals((await signIn()).status, 401);

  const actions = (await Array.fromAsync(readAudit(all.store))).map((e) =>
    `${e.action} ${e.outcome}`
  );
  assertEquals(actions, [
    "createAccount done",
    "signIn done",
    "createPhysicalNetwork refused",
    "createPhysicalNetwork refused",
    "createPhysicalNetwork refused",
    "createPhysicalNetwork done",
    "signIn done",
    "signOutEverywhere done",
    "signIn done",
    "changePassword refused",
    "changePassword done",
    "signIn refused",
  ]);
  assertEquals((await verifyAudit(all.store)).faults, []);
  const everything = server.lines.join("\n") + await all.ipam.etcd.etcdctl("get", "--prefix", "/");
  for (const secret of [PASSWORD, next, cookie.split("=")[1] ?? "?"]) {
    assert(!everything.includes(secret), "a secret is in the log or in etcd");
  }
});

Deno.test("wrong passwords lock an account on every replica, for a time that grows", async () => {
  await using all = await startAll({});
  await ctl(all, ["account", "create", "anna", "--role", "viewer", "--password-stdin"], PASSWORD);
  const signIn = (password: string, name = "anna") =>
    all.ask("/auth/login", { method: "POST", body: { name, password } });
  // A loaded machine may take longer for a look at a password than the first lock lasts.
  const answers = async (name: string) => {
    const found = new Set<string>();
    for (let i = 0, status = 401; i < 12 && status === 401; i++) {
      const { json, status: got } = await signIn("wrong", name);
      status = got;
      const { type, title, detail } = json;
      found.add(JSON.stringify([status, type, title, detail]));
    }
    return [...found];
  };
  const ofNobody = await answers("nobody");
  assertEquals(await answers("anna"), ofNobody, "whether an account exists is not told");
  const locked = await signIn("wrong");
  assertEquals([ofNobody.length, locked.status], [2, 429]);
  assertEquals(locked.json.type.split("/").at(-1), "locked");
  assert(Number(locked.headers.get("retry-after")) >= 1);
  assertEquals((await signIn(PASSWORD)).status, 429, "not even the right one");
  assertEquals(
    (await ctl(all, ["account", "password", "anna", "--password-stdin"], `${PASSWORD}!`)).code,
    0,
  );
  assertEquals((await signIn(`${PASSWORD}!`)).status, 200);
});

Deno.test("a creation that is said again with its Idempotency-Key is done once", async () => {
  await using all = await startAll();
  const body = { metadata: { name: "dmz" }, spec: { mtu: 9000 } };
  const post = (key: string, given: unknown = body) =>
    all.ask("/api/v1/physicalnetworks", {
      method: "POST",
      headers: { "idempotency-key": key },
      body: given,
    });
  const first = await post("k1");
  const second = await post("k1");
  assertEquals([first.status, second.status], [201, 201]);
  assertEquals([second.json, second.headers.get("idempotent-replay")], [first.json, "true"]);
  assertEquals(second.headers.get("etag"), first.headers.get("etag"));
  assertEquals((await post("k1", { ...body, spec: {} })).status, 422);
  assertEquals((await post("k2")).status, 409);
  const wrong = { metadata: { name: "x y" }, spec: {} };
  assertEquals([(await post("k3", wrong)).status, (await post("k3")).status], [422, 409]);
});
