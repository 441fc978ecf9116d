/** Every route, for everybody who may ask: default deny. */

import { assert, assertEquals } from "@std/assert";
import { createToken } from "../../server/auth/tokens.ts";
import type { Role } from "../../server/auth/principal.ts";
import type { Access, Route } from "../../server/http/route.ts";
import { ROUTES } from "../../server/routes/table.ts";
import { applyKind } from "../ipam_fixture.ts";
import { startAll } from "./server_fixture.ts";

/** Who asks. */
interface Asker {
  readonly name: string;
  readonly role: Role | undefined;
  readonly tenant: boolean;
}

const ASKERS: readonly Asker[] = [
  { name: "nobody", role: undefined, tenant: false },
  { name: "viewer", role: "viewer", tenant: false },
  { name: "operator", role: "operator", tenant: false },
  { name: "admin", role: "admin", tenant: false },
  { name: "tenant viewer", role: "viewer", tenant: true },
  { name: "tenant operator", role: "operator", tenant: true },
  { name: "tenant admin", role: "admin", tenant: true },
];

const RANK: Readonly<Record<Access, number>> = {
  public: 0,
  "signed-in": 1,
  viewer: 2,
  operator: 3,
  admin: 4,
};

/** What the table of routes promises, said once more and otherwise. */
function mayPass({ access, tenant }: Route, asker: Asker): boolean {
  if (access === "public") return true;
  if (asker.role === undefined) return false;
  if (access === "signed-in") return true;
  return RANK[asker.role] >= RANK[access] && !(asker.tenant && tenant === "none");
}

Deno.test("every route lets in whom its row says, and nobody else", async () => {
  await using all = await startAll({ rate: { perSecond: 100_000, burst: 100_000 } });
  await applyKind(all.context, "Network", {
    name: "theirs",
    spec: { physicalNetwork: "prod", vlan: 7, subnets: [{ cidr: "10.9.0.0/24" }] },
  });
  const tokens = new Map<string, string>();
  for (const { name, role, tenant } of ASKERS) {
    if (role === undefined) continue;
    const { text } = await createToken(all.context, {
      name: name.replace(" ", "-"),
      role,
      scope: tenant ? { tenant: "cards" } : undefined,
      by: "test",
    });
    tokens.set(name, text);
  }
  const wrong: string[] = [];
  for (const route of ROUTES) {
    const path = route.path.replace(
      /\{(\w+)\}/g,
      (_, name) => name === "address" ? "10.9.0.5" : "x",
    );
    for (const asker of ASKERS) {
      const token = tokens.get(asker.name);
      const gone = new AbortController();
      const response = await fetch(new URL(path, all.server.url), {
        method: route.method,
        redirect: "manual",
        signal: gone.signal,
        headers: {
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          // A body that no route can use: nothing is done by this test.
          ...(route.body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(route.body === undefined ? {} : { body: "[]" }),
      });
      gone.abort();
      const { status } = response;
      // Strangers are slowed down, which is no way in either.
      if (status === 429 && asker.role === undefined) continue;
      const kept = [401, 403].includes(status);
      const own = route.id === "signIn" || route.id === "changePassword";
      if (kept === mayPass(route, asker) && !own) {
        wrong.push(`${route.method} ${route.path} answers ${asker.name} with ${status}`);
      }
      assert(status < 500 || status === 503, `${route.id} ${status}`);
    }
  }
  assertEquals(wrong, []);
});

Deno.test("every change needs at least an operator, and every route says who may", () => {
  const lax = ROUTES.filter(({ method, access, tag }) =>
    method !== "GET" && tag !== "access" && !["operator", "admin"].includes(access)
  );
  assertEquals(lax.map(({ id }) => id), []);
  const open = ROUTES.filter(({ access }) => access === "public").map(({ id }) => id);
  assertEquals(open.sort(), [
    "finishOidc",
    "getMethods",
    "getOpenapi",
    "health",
    "ready",
    "signIn",
    "startOidc",
  ]);
  assertEquals(new Set(ROUTES.map(({ id }) => id)).size, ROUTES.length);
});

Deno.test("a tenant sees and fixes its own networks, and of others not even that they exist", async () => {
  await using all = await startAll({});
  const { context, server } = all;
  const network = (name: string, vlan: number, tenant: string) => ({
    apiVersion: "beyondfabric.io/v1alpha1",
    kind: "Network",
    metadata: { name, labels: { tenant } },
    spec: { physicalNetwork: "prod", vlan, subnets: [{ cidr: `10.${vlan}.0.0/24` }] },
  });
  const token = async (name: string, scope?: Readonly<Record<string, string>>) =>
    (await createToken(context, { name, role: "operator", scope, by: "test" })).text;
  const asking = (text: string) => (path: string, body?: unknown) =>
    server.ask(path, {
      headers: { authorization: `Bearer ${text}` },
      ...(body === undefined ? {} : { method: "POST", body }),
    });
  const whole = asking(await token("whole"));
  for (const [name, vlan, tenant] of [["cards", 1, "cards"], ["loans", 2, "loans"]] as const) {
    assertEquals((await whole("/api/v1/networks", network(name, vlan, tenant))).status, 201);
    const kept = { network: name, range: `10.${vlan}.0.9`, reason: "printer" };
    assertEquals((await whole("/api/v1/operations/reserve", kept)).status, 200);
  }
  const cards = asking(await token("cards", { tenant: "cards" }));
  const seen: string[] = [];
  for (
    const path of [
      "/api/v1/networks",
      "/api/v1/addresses",
      "/api/v1/owners",
      "/api/v1/attachments",
      "/api/v1/history",
      "/api/v1/usage",
      "/api/v1/usage?by=subnet",
      "/api/v1/search?q=10.2.0.9",
      "/api/v1/search?q=printer",
      "/api/v1/search?q=loans",
      "/api/v1/addresses?network=loans",
    ]
  ) {
    const { status, text } = await cards(path);
    assertEquals([path, status], [path, 200]);
    if (/loans|10\.2\.0/.test(text.replace(/"q":"[^"]*"/, ""))) seen.push(path);
  }
  assertEquals(seen, []);
  for (
    const path of [
      "/api/v1/networks/loans",
      "/api/v1/networks/loans/grid",
      "/api/v1/networks/loans/usage",
      "/api/v1/addresses/loans/10.2.0.9",
    ]
  ) assertEquals([path, (await cards(path)).status], [path, 404]);
  const theirs = { network: "loans", range: "10.2.0.9" };
  assertEquals((await cards("/api/v1/operations/unreserve", theirs)).status, 404);
  const own = { network: "cards", range: "10.1.0.9" };
  assertEquals((await cards("/api/v1/operations/unreserve", own)).json.changed, ["10.1.0.9"]);
  assertEquals((await cards("/api/v1/networks", network("x", 3, "cards"))).status, 403);
});
