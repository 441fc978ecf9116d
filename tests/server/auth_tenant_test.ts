/** A tenant's view of what lives: watches, history, usage, search and the changes that are theirs. */

import { assert, assertEquals } from "@std/assert";
import { allocate } from "../../mod/ipam/allocate.ts";
import { applyResource } from "../../mod/ipam/apply.ts";
import { release } from "../../mod/ipam/release.ts";
import { API_VERSION } from "../../mod/model/resource.ts";
import { createToken } from "../../server/auth/tokens.ts";
import { ROUTES } from "../../server/routes/table.ts";
import { addRequest } from "../ipam_fixture.ts";
import { startAll } from "./server_fixture.ts";

const OWNER = {
  cluster: "local",
  group: "apps",
  kind: "StatefulSet",
  namespace: "trade",
  slot: "0",
  ifname: "eth0",
};

Deno.test("changes of what all share are no tenant's, whatever the role", () => {
  const lax = ROUTES.filter(({ method, access, tenant, tag }) =>
    method !== "GET" && tag !== "access" && tenant === "shared" && access !== "public"
  );
  assertEquals(lax.map(({ id }) => id), []);
  const own = ROUTES.filter(({ method, tenant }) => method !== "GET" && tenant === "own");
  // What a department may change: addresses of its networks.
  assertEquals(own.map(({ id }) => id).sort(), [
    "allocate",
    "createReservation",
    "deleteReservation",
    "fix",
    "move",
    "release",
    "reserve",
    "unfix",
    "unreserve",
  ]);
});

Deno.test("a tenant watches, searches and reads the past of its own networks, and changes no other's", async () => {
  await using all = await startAll({});
  const { context, server } = all;
  for (const [name, vlan] of [["cards", 1], ["loans", 2]] as const) {
    await applyResource(context, {
      apiVersion: API_VERSION,
      kind: "Network",
      metadata: { name, labels: { department: name } },
      spec: { physicalNetwork: "prod", vlan, subnets: [{ cidr: `10.${vlan}.0.0/24` }] },
    });
  }
  const tokenOf = async (name: string, department: string) =>
    (await createToken(context, {
      name,
      role: "operator",
      scope: { department },
      by: "test",
    })).text;
  const asking = (token: string) => (path: string, body?: unknown) =>
    server.ask(path, {
      headers: { authorization: `Bearer ${token}` },
      ...(body === undefined ? {} : { method: "POST", body }),
    });
  const token = await tokenOf("c", "cards");
  const cards = asking(token);
  const loans = asking(await tokenOf("l", "loans"));

  const watching = new AbortController();
  const response = await fetch(new URL("/api/v1/watch", server.url), {
    headers: { authorization: `Bearer ${token}` },
    signal: watching.signal,
  });
  let told = "";
  const reading = (async () => {
    const decoder = new TextDecoder();
    try {
      for await (const chunk of response.body ?? []) told += decoder.decode(chunk);
    } catch {
      // Ended below.
    }
  })();

  const pods = new Map<string, string>();
  for (const network of ["loans", "cards"]) {
    const pod = { namespace: "trade", name: `pod-of-${network}` };
    const request = addRequest(`c-${network}`, { networks: [network], pod });
    const { addresses: [one] } = await allocate(context, request);
    pods.set(network, String(one?.address));
    await release(context, request.attachment, { endedBy: "del" });
    await allocate(context, addRequest(`d-${network}`, { networks: [network], pod }));
    const fixed = await (network === "cards" ? cards : loans)("/api/v1/operations/allocate", {
      network,
      owner: { ...OWNER, name: `set-of-${network}` },
    });
    assertEquals(fixed.status, 200);
  }
  for (let i = 0; i < 200 && !told.includes("set-of-cards"); i++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert(told.includes("d-cards") && told.includes("set-of-cards"), told);
  watching.abort();
  await reading;
  assert(!/loans|10\.2\./.test(told), told);

  const own = { ...OWNER, name: "set-of-cards" };
  const theirs = { ...OWNER, name: "set-of-loans" };
  const leaks: string[] = [];
  for (
    const path of [
      "/api/v1/history",
      "/api/v1/history?network=loans",
      "/api/v1/attachments",
      "/api/v1/attachments?cluster=local&node=n1",
      "/api/v1/owners",
      "/api/v1/owners?filter=spec.owner.name~loans",
      "/api/v1/addresses?filter=spec.network=loans",
      "/api/v1/reservations",
      "/api/v1/usage?by=node",
      "/api/v1/usage?by=owner",
      "/api/v1/usage?by=zone",
      "/api/v1/search?q=pod-of",
      "/api/v1/search?q=set-of",
      "/api/v1/search?q=n1",
      "/api/v1/nodes",
      "/api/v1/findings",
      "/api/v1/audit",
    ]
  ) {
    const { text, status } = await cards(path);
    if (status === 403) continue;
    assertEquals([path, status], [path, 200]);
    const said = text.replaceAll(/"(?:q|continue)":"[^"]*"/g, "");
    if (/loans|10\.2\./.test(said)) leaks.push(`${path} ${said.slice(0, 300)}`);
  }
  assertEquals(leaks, []);
  assert((await cards("/api/v1/history")).text.includes("pod-of-cards"));

  const refusals = [
    ["fix", { network: "loans", owner: own, addresses: ["10.2.0.50"] }],
    ["unfix", { network: "loans", owner: theirs }],
    ["move", { network: "loans", owner: theirs, from: "10.2.0.1", to: "10.2.0.2" }],
    ["allocate", { network: "loans", owner: own }],
    ["reserve", { network: "loans", range: "10.2.0.60", reason: "x" }],
    ["release", { network: "loans", address: "10.2.0.1" }],
  ] as const;
  for (const [name, body] of refusals) {
    const { status, text } = await cards(`/api/v1/operations/${name}`, body);
    assertEquals([name, status], [name, 404], text);
  }
  const before = await loans("/api/v1/owners");
  assertEquals(before.json.items.length, 1);
});
