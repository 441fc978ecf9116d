import { assert, assertEquals } from "@std/assert";
import { applyKind, applyNetwork } from "../ipam_fixture.ts";
import { startAll, startServer } from "./server_fixture.ts";

/** The events of a watch until `enough` of them have come. */
async function events(
  url: string,
  path: string,
  options: { readonly enough: number; readonly lastEventId?: string },
): Promise<readonly { readonly id: string; readonly event: string; readonly key: string }[]> {
  const gone = new AbortController();
  const timer = setTimeout(() => gone.abort(), 20_000);
  const found: { id: string; event: string; key: string }[] = [];
  try {
    const response = await fetch(new URL(path, url), {
      signal: gone.signal,
      headers: options.lastEventId === undefined ? {} : { "last-event-id": options.lastEventId },
    });
    assertEquals(response.status, 200);
    assertEquals(response.headers.get("content-type"), "text/event-stream; charset=utf-8");
    let text = "";
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk;
      for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
        const part = text.slice(0, end);
        text = text.slice(end + 2);
        const id = /^id: (.*)$/m.exec(part)?.[1];
        const event = /^event: (.*)$/m.exec(part)?.[1] ?? "";
        const data = /^data: (.*)$/m.exec(part)?.[1];
        if (id === undefined || event === "alive" || data === undefined) continue;
        found.push({ id, event, key: JSON.parse(data).key });
      }
      if (found.length >= options.enough) break;
    }
  } catch (error) {
    if (!gone.signal.aborted) throw error;
  } finally {
    clearTimeout(timer);
    gone.abort();
  }
  return found;
}

Deno.test("a watch goes on behind any event, at another server, as if it had never ended", async () => {
  await using all = await startAll();
  const { context, ask } = all;
  const list = await ask("/api/v1/physicalnetworks");
  for (let i = 0; i < 6; i++) {
    await applyKind(context, "PhysicalNetwork", { name: `n${i}`, spec: {} });
  }
  await applyKind(context, "PhysicalNetwork", { name: "n0", spec: { mtu: 9000 } });
  const start = list.json.metadata.lastEventId;
  const path = "/api/v1/physicalnetworks?watch=true";
  const whole = await events(all.server.url, path, { enough: 7, lastEventId: start });
  assertEquals(whole.map(({ event, key }) => `${event} ${key}`), [
    ...Array.from({ length: 6 }, (_, i) => `added n${i}`),
    "modified n0",
  ]);
  // This one has begun behind all of them: what its mirror does not remember, etcd does.
  await using late = await startServer(all.ipam.etcd);
  while ((await late.ask("/readyz")).status !== 200) await new Promise((r) => setTimeout(r, 20));
  for (const [index, { id }] of whole.slice(0, -1).entries()) {
    const rest = await events(late.url, path, { enough: 6 - index, lastEventId: id });
    assertEquals(rest, whole.slice(index + 1));
  }
  const now = (await ask("/api/v1/zones")).json.metadata.resourceVersion;
  await all.ipam.etcd.etcdctl("compact", now);
  const gone = await late.ask(`${path}&lastEventId=${whole[0]?.id}`);
  assertEquals(gone.status, 410, gone.text);
});

Deno.test("a watch with a filter tells of what enters it, changes in it and leaves it", async () => {
  await using all = await startAll();
  const { context, ask } = all;
  const start = (await ask("/api/v1/networks")).json.metadata.lastEventId;
  const subnets = [{ cidr: "10.1.0.0/24" }];
  await applyNetwork(context, "a", { vlan: 5, subnets });
  await applyNetwork(context, "a", { vlan: 7, subnets });
  await applyNetwork(context, "a", { vlan: 7, subnets, description: "x" });
  await applyNetwork(context, "a", { vlan: 8, subnets });
  await applyNetwork(context, "b", { vlan: 7, subnets: [{ cidr: "10.2.0.0/24" }] });
  const seen = await events(
    all.server.url,
    "/api/v1/networks?watch=true&filter=spec.vlan=7&fields=metadata.name",
    { enough: 4, lastEventId: start },
  );
  assertEquals(seen.map(({ event, key }) => `${event} ${key}`), [
    "added a",
    "modified a",
    "deleted a",
    "added b",
  ]);
});

Deno.test("whoever reads a watch too slowly is dropped, and nobody else notices", async () => {
  await using all = await startAll();
  const { context, server } = all;
  const { hostname, port } = new URL(server.url);
  const slow = await Deno.connect({ hostname, port: Number(port) });
  await slow.write(new TextEncoder().encode(
    `GET /api/v1/watch?kinds=physicalnetworks HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`,
  ));
  const annotations = { text: "x".repeat(100_000) };
  const document = (i: number) => ({
    apiVersion: "beyondfabric.io/v1alpha1",
    kind: "PhysicalNetwork",
    metadata: { name: "big", annotations: { ...annotations, i: String(i) } },
    spec: {},
  });
  const { applyResource } = await import("../../mod/ipam/apply.ts");
  const dropped = async (): Promise<number> => {
    const { text } = await server.ask("/metrics");
    return Number(/^fabric_watches_dropped_total (\d+)$/m.exec(text)?.[1] ?? NaN);
  };
  for (let i = 0; i < 200 && await dropped() === 0; i++) await applyResource(context, document(i));
  const count = await dropped();
  slow.close();
  assert(count === 1, `dropped ${count}`);
  assertEquals((await server.ask("/api/v1/physicalnetworks")).status, 200);
});
