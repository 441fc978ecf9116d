/** Sessions end when they must: idle, old, revoked, or with the account; and streams with them. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { ulid } from "@std/ulid";
import { changeAccount, createAccount, deleteAccount } from "../../server/auth/accounts.ts";
import { Passwords } from "../../server/auth/password.ts";
import { beginSession, findSession, SessionKeeper } from "../../server/auth/sessions.ts";
import { createToken, revokeToken } from "../../server/auth/tokens.ts";
import { type Answer, startAll } from "./server_fixture.ts";

const PASSWORD = "correct horse battery";
const LIMITS = { idleSeconds: 2, absoluteSeconds: 3600 };

function cookieOf(answer: Answer): string {
  return (answer.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
}

async function until(what: () => Promise<boolean>, seconds = 20): Promise<number> {
  const started = performance.now();
  while (!await what()) {
    if (performance.now() - started > seconds * 1000) throw new Error("it does not come about");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return performance.now() - started;
}

Deno.test("a session ends when it is idle, when it is old, and with its account", async () => {
  await using all = await startAll({});
  let offset = 0;
  const context = { store: all.store, now: () => Date.now() + offset, passwords: new Passwords() };
  const person = { role: "viewer", by: "test", mustChange: false, password: PASSWORD } as const;
  await createAccount(context, { ...person, name: "anna" });
  const principal = { name: "anna", way: "account", role: "viewer" } as const;

  const idle = await beginSession(context, principal, LIMITS);
  const busy = await beginSession(context, principal, { ...LIMITS, idleSeconds: 60 });
  assert(await findSession(context, idle.cookie, LIMITS) !== undefined);
  // etcd does not end leases before a second or two are over.
  await until(async () => await findSession(context, idle.cookie, LIMITS) === undefined);
  const found = await findSession(context, busy.cookie, LIMITS);
  assert(found !== undefined);
  new SessionKeeper(context).touch(found);
  offset = 3_500_000;
  assert(await findSession(context, busy.cookie, LIMITS) !== undefined);
  offset = 3_601_000;
  assertEquals(await findSession(context, busy.cookie, LIMITS), undefined);
  offset = 0;

  // The role is the account's of now.
  await changeAccount(context, "anna", { role: "operator", scope: { department: "cards" } });
  const changed = await findSession(context, busy.cookie, LIMITS);
  assertEquals([changed?.principal.role, changed?.principal.scope], ["operator", {
    department: "cards",
  }]);
  await changeAccount(context, "anna", { disabled: true });
  assertEquals(await findSession(context, busy.cookie, LIMITS), undefined);
  await changeAccount(context, "anna", { disabled: false });
  assertEquals(await findSession(context, busy.cookie, LIMITS), undefined, "it has ended");
  const last = await beginSession(context, principal, { ...LIMITS, idleSeconds: 60 });
  await deleteAccount(context.store, "anna");
  await createAccount(context, { ...person, name: "anna" });
  assertEquals(await findSession(context, last.cookie, LIMITS), undefined, "another anna");
  const forged = last.cookie.replace(/^[^.]+/, btoa("admin").replaceAll("=", ""));
  assertEquals(await findSession(context, forged, LIMITS), undefined);
});

Deno.test("a first password must be changed before anything else, and changing it ends other sessions", async () => {
  await using all = await startAll({});
  const { ask } = all;
  const context = { store: all.store, now: Date.now, passwords: new Passwords() };
  const first = { name: "anna", password: PASSWORD, role: "admin", by: "test" } as const;
  await createAccount(context, { ...first, mustChange: true });
  const signIn = (password: string) =>
    ask("/auth/login", { method: "POST", body: { name: "anna", password } });
  const [one, two] = [await signIn(PASSWORD), await signIn(PASSWORD)];
  assertEquals([one.status, one.json.mustChange], [200, true]);
  const headers = { cookie: cookieOf(one), "x-csrf-token": one.json.csrf };
  const kept = await ask("/api/v1/networks", { headers });
  assertEquals([kept.status, kept.json.type.split("/").at(-1)], [403, "password-change-required"]);
  assertEquals((await ask("/api/v1/whoami", { headers })).json.mustChange, true);
  const next = "a new one, long enough";
  const body = { current: PASSWORD, next };
  const changed = await ask("/auth/password", { method: "POST", headers, body });
  assertEquals(changed.status, 200);
  for (const old of [one, two]) {
    const whoami = await ask("/api/v1/whoami", { headers: { cookie: cookieOf(old) } });
    assertEquals(whoami.status, 401);
  }
  const cookie = cookieOf(changed);
  assertEquals((await ask("/api/v1/networks", { headers: { cookie } })).status, 200);
});

Deno.test("a watch ends soon after its reader's token is revoked", async () => {
  await using all = await startAll({});
  const context = { store: all.store, now: Date.now, newId: ulid };
  const { text, record } = await createToken(context, { name: "w", role: "viewer", by: "test" });
  const response = await fetch(new URL("/api/v1/watch", all.server.url), {
    headers: { authorization: `Bearer ${text}` },
  });
  assertMatch(response.headers.get("content-type") ?? "", /event-stream/);
  const read = (async () => {
    for await (const _ of response.body ?? []) { /* until its end */ }
  })();
  await revokeToken(all.store, record.id);
  const over = Promise.withResolvers<string>();
  const timer = setTimeout(() => over.resolve("it goes on"), 25_000);
  assertEquals(await Promise.race([read.then(() => "ended"), over.promise]), "ended");
  clearTimeout(timer);
});

Deno.test("whoever asks too often waits, and others do not", async () => {
  await using all = await startAll({ rate: { perSecond: 1, burst: 5 } });
  const context = { store: all.store, now: Date.now };
  const tokenOf = async (name: string) =>
    (await createToken(context, { name, role: "viewer", by: "test" })).text;
  const [busy, calm] = [await tokenOf("busy"), await tokenOf("calm")];
  const ask = (token: string) =>
    all.ask("/api/v1/whoami", { headers: { authorization: `Bearer ${token}` } });
  const answers = await Promise.all(Array.from({ length: 12 }, () => ask(busy)));
  const refused = answers.filter(({ status }) => status === 429);
  assert(refused.length >= 4, `${refused.length}`);
  assertMatch(refused[0]?.headers.get("retry-after") ?? "", /^\d+$/);
  assertEquals((await ask(calm)).status, 200);
});

Deno.test("every answer carries the headers that keep browsers safe", async () => {
  await using all = await startAll({});
  for (const path of ["/api/v1/whoami", "/", "/healthz", "/nowhere", "/api/nowhere"]) {
    const { headers } = await all.ask(path);
    const policy = headers.get("content-security-policy") ?? "";
    assert(/default-src 'none'/.test(policy) && !/unsafe|\*/.test(policy), `${path}: ${policy}`);
    assertMatch(policy, /frame-ancestors 'none'/);
    assertEquals(headers.get("x-content-type-options"), "nosniff");
    assertEquals(headers.get("x-frame-options"), "DENY");
    assertEquals(headers.get("referrer-policy"), "no-referrer");
  }
});
