import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { allocate } from "../../mod/ipam/allocate.ts";
import { release } from "../../mod/ipam/release.ts";
import { addRequest, applyNetwork } from "../ipam_fixture.ts";
import { type ServerFixture, startAll } from "./server_fixture.ts";

const PODS = {
  metadata: { name: "pods", labels: { tenant: "cards" } },
  spec: {
    physicalNetwork: "prod",
    vlan: 100,
    subnets: [{ cidr: "10.1.0.0/24", gateway: "10.1.0.1" }],
  },
};

async function etagOf({ ask }: ServerFixture, path: string): Promise<string> {
  return (await ask(path)).headers.get("etag") ?? "";
}

Deno.test("a network is created, read, patched, replaced and deleted under its ETag", async () => {
  await using all = await startAll();
  const { ask } = all;
  const made = await ask("/api/v1/networks", { method: "POST", body: PODS });
  assertEquals([made.status, made.headers.get("location")], [201, "/api/v1/networks/pods"]);
  assertMatch(made.headers.get("etag") ?? "", /^"[0-9A-Z]{26}-\d+"$/);
  const path = "/api/v1/networks/pods";
  const again = await ask("/api/v1/networks", { method: "POST", body: PODS });
  assertEquals([again.status, again.json.type.split("/").at(-1)], [409, "conflict"]);

  const blind = await ask(path, { method: "PATCH", body: { spec: { vlan: 101 } } });
  assertEquals(blind.status, 428);
  const etag = blind.headers.get("etag") ?? "";
  assertEquals(etag, await etagOf(all, path));
  const patch = (body: unknown, tag: string, query = "") =>
    ask(path + query, {
      method: "PATCH",
      headers: { "if-match": tag, "content-type": "application/merge-patch+json" },
      body,
    });
  const trial = await patch({ spec: { vlan: 101 } }, etag, "?dryRun=true");
  assertEquals([trial.status, trial.json.spec.vlan], [200, 101]);
  const wrong = await patch({ spec: { vlan: 5000, vlann: 1 } }, etag);
  assertEquals(wrong.status, 422);
  assertEquals(wrong.json.errors.map((e: { field: string }) => e.field), [
    "spec.vlan",
    "spec.vlann",
  ]);
  assertEquals(wrong.json.errors[1].remedy, "did you mean vlan");
  const changed = await patch({ spec: { vlan: 101 } }, etag);
  assertEquals([changed.status, changed.json.spec.vlan], [200, 101]);
  const stale = await patch({ spec: { vlan: 102 } }, etag);
  assertEquals([stale.status, stale.headers.get("etag")], [412, changed.headers.get("etag")]);

  const renamed = await ask(path, {
    method: "PUT",
    headers: { "if-match": "*" },
    body: { ...changed.json, metadata: { name: "other" } },
  });
  assertEquals([renamed.status, renamed.json.field], [422, "metadata.name"]);
  const gone = await ask(path, { method: "DELETE", headers: { "if-match": "*" } });
  assertEquals(gone.status, 200);
  assertEquals((await ask(path)).status, 404);
  const typo = await ask("/api/v1/network");
  assertStringIncludes(typo.json.remedy, "/api/v1/networks");
});

Deno.test("pages of a list fit together while addresses come and go, on any server", async () => {
  await using all = await startAll();
  const { ask, context } = all;
  await applyNetwork(context, "pods", { vlan: 1, subnets: [{ cidr: "10.1.0.0/24" }] });
  const names = Array.from({ length: 30 }, (_, i) => `c${i}`);
  await Promise.all(names.map((name) => allocate(context, addRequest(name))));
  for (const sort of ["", "&sort=-spec.address"]) {
    const before = (await ask(`/api/v1/addresses?network=pods${sort}`)).json.items;
    const seen: unknown[] = [];
    let next = "";
    do {
      const page = await ask(`/api/v1/addresses?network=pods&limit=7${sort}${next}`);
      assertEquals(page.status, 200);
      seen.push(...page.json.items);
      next = page.json.metadata.continue === undefined
        ? ""
        : `&continue=${page.json.metadata.continue}`;
      const victim = names.pop();
      if (victim !== undefined) {
        await release(context, addRequest(victim).attachment, { endedBy: "del" });
        await allocate(context, addRequest(`new-${victim}`));
      }
    } while (next !== "");
    assertEquals(seen, before);
  }
  const other = await ask("/api/v1/addresses?network=pods&limit=7");
  const mixed = await ask(
    `/api/v1/addresses?network=x&limit=7&continue=${other.json.metadata.continue}`,
  );
  assertEquals(mixed.status, 400);
});

Deno.test("usage, free ranges, the grid and search agree with what was allocated", async () => {
  await using all = await startAll();
  const { ask, context } = all;
  await applyNetwork(context, "pods", {
    vlan: 1,
    coolingSeconds: 600,
    subnets: [{ cidr: "10.1.0.0/24", gateway: "10.1.0.1", exclude: ["10.1.0.200-10.1.0.254"] }],
  });
  const pod = { namespace: "trade", name: "orders-7f9c" };
  await allocate(context, addRequest("c1", { pod }));
  await allocate(context, addRequest("c2"));
  await release(context, addRequest("c2").attachment, { endedBy: "del" });
  const used = await ask("/api/v1/addresses?filter=spec.holder.containerId=c1&fields=spec.address");
  const ip = used.json.items[0].spec.address;
  const kept = await ask("/api/v1/operations/reserve", {
    method: "POST",
    body: { network: "pods", range: "10.1.0.220-10.1.0.221", reason: "printer" },
  });
  assertEquals([kept.status, kept.json.changed.length], [200, 2]);
  const usage = (await ask("/api/v1/networks/pods/usage")).json.subnets[0];
  assertEquals([usage.capacity, usage.free, usage.used, usage.cooling], ["198", "196", 1, 1]);
  const free = (await ask("/api/v1/networks/pods/free")).json.items;
  const size = free.reduce((sum: number, r: { size: string }) => sum + Number(r.size), 0);
  assertEquals(size, 196);
  const grid = (await ask(`/api/v1/networks/pods/grid?at=${ip}`)).json;
  assertEquals(grid.states.length, 256);
  assertEquals(grid.counts, {
    special: 2,
    gateway: 1,
    free: 196,
    used: 1,
    cooling: 1,
    excluded: 53,
    reserved: 2,
  });
  for (const q of [ip, "orders", "trade/orders-7f9c", "n1"]) {
    const hits = (await ask(`/api/v1/search?q=${encodeURIComponent(q)}`)).json.items;
    assertEquals([q, hits.some((hit: { address?: string }) => hit.address === ip)], [q, true]);
  }
  const history = await ask(`/api/v1/history?address=${ip}&at=${new Date().toISOString()}`);
  assertEquals(history.json.items[0].spec.holder.pod.name, "orders-7f9c");
  const owners = await ask("/api/v1/usage?by=node");
  assertEquals(owners.json.items, [{ cluster: "local", node: "n1", addresses: 1 }]);
});

Deno.test("operations can be said twice, and tried without writing", async () => {
  await using all = await startAll();
  const { ask, context } = all;
  await applyNetwork(context, "pods", { vlan: 1, subnets: [{ cidr: "10.1.0.0/24" }] });
  const owner = {
    cluster: "local",
    group: "apps",
    kind: "StatefulSet",
    namespace: "trade",
    name: "orders",
    slot: "0",
    ifname: "eth0",
  };
  const say = (name: string, body: unknown, query = "") =>
    ask(`/api/v1/operations/${name}${query}`, { method: "POST", body });
  const trial = await say("allocate", { network: "pods", owner }, "?dryRun=true");
  assertEquals([trial.status, trial.json.outcome], [200, "created"]);
  assertEquals((await ask("/api/v1/owners")).json.items, []);
  const first = await say("allocate", { network: "pods", owner });
  assertEquals([first.status, first.json.addresses.length], [200, 1]);
  const second = await say("allocate", { network: "pods", owner });
  assertEquals([second.json.outcome, second.json.addresses], ["unchanged", first.json.addresses]);
  const from = first.json.addresses[0];
  const to = from === "10.1.0.77" ? "10.1.0.78" : "10.1.0.77";
  for (const outcome of ["changed", "unchanged"]) {
    const moved = await say("move", { network: "pods", owner, from, to });
    assertEquals([moved.status, moved.json.outcome, moved.json.addresses], [200, outcome, [to]]);
  }
  const path = "/api/v1/owners/pods/local/apps/StatefulSet/trade/orders/0/eth0";
  assertEquals((await ask(path)).json.spec.addresses, [{ address: to }]);
  for (const outcome of ["removed", "unchanged"]) {
    const freed = await say("unfix", { network: "pods", owner });
    assertEquals([freed.status, freed.json.outcome], [200, outcome]);
  }
  const misspelt = await say("reserve", { network: "pods", rang: "10.1.0.9", reason: "x" });
  assertEquals(misspelt.status, 422);
  assert(misspelt.json.errors.some((e: { remedy?: string }) => e.remedy === "did you mean range"));
});

Deno.test("an import is checked whole, tried, written once, and tells every faulty line", async () => {
  await using all = await startAll();
  const { ask, context } = all;
  await applyNetwork(context, "pods", { vlan: 1, subnets: [{ cidr: "10.1.0.0/24" }] });
  const send = (body: string, query = "", type = "text/csv") =>
    ask(`/api/v1/import${query}`, { method: "POST", headers: { "content-type": type }, body });
  const wrong = await send("network,address,reason\npods,10.2.0.1,x\npods,10.1.0.999,y\n");
  assertEquals([wrong.status, wrong.json.errors.length], [422, 2]);
  const table = "network,address,reason,workload\npods,10.1.0.30-10.1.0.39,printer,\n" +
    "pods,10.1.0.50,,statefulset/trade/orders\n";
  const trial = await send(table, "?dryRun=true");
  assertEquals([trial.status, trial.json.reserved, trial.json.fixed], [200, 10, 1], trial.text);
  assertEquals((await ask("/api/v1/reservations")).json.items, []);
  const done = await send(table);
  assertEquals([done.status, done.json.reserved], [200, 10]);
  const [run] = (await ask("/api/v1/reservations")).json.items;
  assertEquals([run.range, run.reason, run.size], ["10.1.0.30-10.1.0.39", "printer", "10"]);
  const again = await send(table);
  assertEquals([again.status, again.json.reserved, again.json.unchanged], [200, 0, 11]);
  const list = JSON.stringify([{
    network: "pods",
    address: "10.1.0.60",
    reason: "fax",
    rson: "x",
  }]);
  assertEquals((await send(list, "", "application/json")).json.errors[0].field, "[0].rson");
  const bomb = `a: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\nc: [*b,*b,*b,*b]\n`;
  assert((await send(bomb, "", "application/yaml")).status >= 400);
});
