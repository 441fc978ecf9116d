/** People sign in by a real provider of OpenID Connect. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { readAudit } from "../../mod/audit/read.ts";
import { freePort } from "../free_port.ts";
import { Browser, signInAtProvider, startProvider } from "./oidc_fixture.ts";
import { startIpam } from "../ipam_fixture.ts";
import { startServer } from "./server_fixture.ts";

const SECRET = "a-secret-of-the-client-at-the-provider";

async function startBoth() {
  await using stack = new AsyncDisposableStack();
  const ipam = stack.use(await startIpam());
  const port = await freePort();
  const redirectUri = `http://127.0.0.1:${port}/auth/oidc/callback`;
  const provider = stack.use(await startProvider({ id: "fabric", secret: SECRET, redirectUri }));
  const clientSecretFile = `${ipam.etcd.dir}/oidc-secret`;
  await Deno.writeTextFile(clientSecretFile, `${SECRET}\n`, { mode: 0o600 });
  const section = {
    listen: `127.0.0.1:${port}`,
    oidc: {
      name: "Bank login",
      issuer: provider.issuer,
      clientId: "fabric",
      clientSecretFile,
      redirectUri,
      scopes: "openid email groups",
    },
    access: [{ way: "oidc", group: "cards", role: "operator", tenant: { department: "cards" } }],
  };
  const server = stack.use(await startServer(ipam.etcd, section));
  const owned = stack.move();
  return {
    ipam,
    provider,
    server,
    redirectUri,
    section,
    [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
  };
}

Deno.test("a person signs in at a provider, and has the role and the tenant of the group", async () => {
  await using all = await startBoth();
  const { server, ipam } = all;
  assertEquals((await server.ask("/auth/methods")).json.oidc, { name: "Bank login" });
  const browser = new Browser();
  const back = await signInAtProvider(browser, {
    start: `${server.url}auth/oidc/start?target=${encodeURIComponent("/networks/pods?tab=1")}`,
    login: "anna",
    stopAt: `${server.url}networks/`,
  });
  assertEquals(back.url.href, `${server.url}networks/pods?tab=1`);
  const cookie = browser.cookiesFor(back.url);
  assertMatch(cookie, /^fabric=[^;]+$/);
  const who = await server.ask("/api/v1/whoami", { headers: { cookie } });
  const { name, way, role, scope } = who.json;
  assertEquals([name, way, role, scope], ["anna@bank.example", "oidc", "operator", {
    department: "cards",
  }]);
  // The same session at another server.
  await using other = await startServer(ipam.etcd, { ...all.section, listen: "127.0.0.1:0" });
  assertEquals((await other.ask("/api/v1/whoami", { headers: { cookie } })).status, 200);
  const out = await other.ask("/auth/logout", {
    method: "POST",
    headers: { cookie, "x-csrf-token": who.json.csrf },
  });
  assertEquals(out.status, 204);
  assertEquals((await server.ask("/api/v1/whoami", { headers: { cookie } })).status, 401);

  const entries = await Array.fromAsync(readAudit(ipam.store));
  assertEquals(entries.map(({ who, way, action, outcome }) => [who, action, outcome, way]), [
    ["anna@bank.example", "finishOidc", "done", "unknown"],
    ["anna@bank.example", "signOut", "done", "oidc"],
  ]);
  const everything = server.lines.join("\n") + await ipam.etcd.etcdctl("get", "--prefix", "/");
  for (const secret of [SECRET, cookie.split("=")[1] ?? "?"]) assert(!everything.includes(secret));
});

Deno.test("a sign-in that is tricked, replayed, of nobody's group or not verified lets nobody in", async () => {
  await using all = await startBoth();
  const { server, redirectUri } = all;
  const start = `${server.url}auth/oidc/start?target=${encodeURIComponent("//evil.example/")}`;
  for (const [login, why] of [["bert", /may not come in/], ["mallory", /not verified/]] as const) {
    const page = await signInAtProvider(new Browser(), { start, login, stopAt: redirectUri });
    const browser = new Browser();
    const fresh = await browser.open(page.url.href);
    assertEquals(fresh.status, 400, "a browser that did not begin it");
    const again = new Browser();
    const callback = await signInAtProvider(again, { start, login, stopAt: redirectUri });
    const refused = await again.open(callback.url.href);
    assertEquals(refused.status, 403);
    assertMatch(JSON.parse(refused.text).detail, why);
    assertEquals((await again.open(callback.url.href)).status, 400, "a code is used once");
  }
  const anna = new Browser();
  const callback = await signInAtProvider(anna, { start, login: "anna", stopAt: redirectUri });
  const forged = new URL(callback.url);
  forged.searchParams.set("code", "x".repeat(43));
  assertEquals((await anna.open(forged.href)).status, 403);
  const second = await signInAtProvider(anna, { start, login: "anna", stopAt: redirectUri });
  const home = await anna.open(second.url.href, { stopAt: server.url });
  assertEquals(home.url.href, server.url, "nobody is sent elsewhere");
});
