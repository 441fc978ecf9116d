import { assert, assertEquals, assertLess } from "@std/assert";
import { applyNetwork } from "../ipam_fixture.ts";
import { startAll, startServer } from "./server_fixture.ts";

/** Waits until it holds; a test of minutes has failed long before. */
async function until(holds: () => Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!await holds()) {
    if (performance.now() > deadline) throw new Error(`${what}: not within 30 s`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

Deno.test("without etcd every answer is 503 within 2 s, never an old one; it recovers by itself", async () => {
  await using all = await startAll();
  const { ask, context, ipam } = all;
  await applyNetwork(context, "pods", { vlan: 1, subnets: [{ cidr: "10.1.0.0/24" }] });
  assertEquals((await ask("/api/v1/networks")).json.items.length, 1);
  for (const fault of ["pause", "kill"] as const) {
    if (fault === "pause") await ipam.etcd.pause(0);
    else await ipam.etcd.kill(0);
    const paths = [
      "/api/v1/networks",
      "/api/v1/networks/pods",
      "/api/v1/addresses?network=pods&sort=spec.address",
      "/api/v1/search?q=pods",
      "/api/v1/usage",
      "/api/v1/watch",
      "/readyz",
    ];
    await Promise.all(paths.map(async (path) => {
      const started = performance.now();
      const { status, headers } = await ask(path);
      assertEquals([fault, path, status], [fault, path, 503]);
      assert(headers.has("retry-after"));
      // Two seconds, and what a busy machine adds.
      assertLess(performance.now() - started, 6000);
    }));
    assertEquals((await ask("/healthz")).status, 200);
    if (fault === "pause") ipam.etcd.resume(0);
    else await ipam.etcd.restart(0);
    await until(async () => (await ask("/readyz")).status === 200, "ready again");
    assertEquals((await ask("/api/v1/networks")).json.items.length, 1);
  }
});

Deno.test("a list shows what another server has just written, without exception", async () => {
  await using all = await startAll();
  await using other = await startServer(all.ipam.etcd);
  await until(async () => (await other.ask("/readyz")).status === 200, "ready");
  for (let i = 0; i < 30; i++) {
    const name = `net${i}`;
    const made = await all.ask("/api/v1/physicalnetworks", {
      method: "POST",
      body: { metadata: { name }, spec: {} },
    });
    assertEquals(made.status, 201);
    const seen = await other.ask("/api/v1/physicalnetworks?fields=metadata.name");
    assert(
      seen.json.items.some((one: { metadata: { name: string } }) => one.metadata.name === name),
    );
    // Others may write to this etcd, too: their revisions come by no watch of ours.
    await all.ipam.etcd.etcdctl("put", "/registry/other", String(i));
    assertEquals((await other.ask("/api/v1/zones")).status, 200);
  }
});

Deno.test("a restored etcd is noticed: watches are told to begin anew, lists are the restored ones", async () => {
  await using all = await startAll();
  const { ask, store } = all;
  const list = await ask("/api/v1/zones");
  const gone = new AbortController();
  const response = await fetch(new URL("/api/v1/watch", all.server.url), { signal: gone.signal });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  await store.txn({ success: [{ put: "meta/era", value: JSON.stringify({ era: "01RESTORED" }) }] });
  let text = "";
  while (!text.includes("event: reset")) {
    const { done, value } = await reader?.read() ?? { done: true, value: "" };
    if (done) break;
    text += value;
  }
  gone.abort();
  assert(text.includes("event: reset"), text);
  const late = await ask(`/api/v1/watch?lastEventId=${list.json.metadata.lastEventId}`);
  assertEquals(late.status, 410);
  const zones = await ask("/api/v1/zones");
  assertEquals(zones.json.metadata.lastEventId.split(".")[0], "01RESTORED");
});
