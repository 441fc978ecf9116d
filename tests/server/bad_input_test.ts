import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { startAll } from "./server_fixture.ts";

const utf8 = new TextEncoder();

/** Sends bytes, and reads what comes until the server ends the connection or `ms` have passed. */
async function raw(
  url: string,
  parts: readonly (string | Uint8Array | number)[],
  ms = 20_000,
): Promise<string> {
  const { hostname, port } = new URL(url);
  const conn = await Deno.connect({ hostname, port: Number(port) });
  const timer = setTimeout(() => {
    try {
      conn.close();
    } catch {
      // It is closed.
    }
  }, ms);
  let text = "";
  try {
    const sending = (async () => {
      for (const part of parts) {
        if (typeof part === "number") await new Promise((resolve) => setTimeout(resolve, part));
        else await conn.write(typeof part === "string" ? utf8.encode(part) : part);
      }
    })().catch(() => {});
    const buffer = new Uint8Array(65536);
    for (let n = await conn.read(buffer); n !== null; n = await conn.read(buffer)) {
      text += new TextDecoder().decode(buffer.subarray(0, n));
    }
    await sending;
  } catch {
    // Closed by the timer, or by the server in the middle.
  } finally {
    clearTimeout(timer);
    try {
      conn.close();
    } catch {
      // It is closed.
    }
  }
  return text;
}

const POST = "POST /api/v1/physicalnetworks HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
const JSON_TYPE = "Content-Type: application/json\r\n";

Deno.test("what is wrong with a request is told by status, type and remedy", async () => {
  await using all = await startAll();
  const { ask, server } = all;
  const post = (body: string, type = "application/json") =>
    ask("/api/v1/physicalnetworks", { method: "POST", headers: { "content-type": type }, body });
  const cases = [
    ["empty", await post(""), 400],
    ["no JSON", await post("{"), 400],
    ["wrong type", await post("{}", "text/xml"), 415],
    ["near type", await post("{}", "application/jsn"), 415],
    ["deep", await post("[".repeat(100_000)), 400],
    ["large", await post(`"${"x".repeat(300_000)}"`), 413],
    ["no object", await post("[]"), 422],
    ["unknown field", await post('{"metadata":{"name":"x"},"spec":{"mtuu":1}}'), 422],
    ["proto", await post('{"__proto__":{"a":1},"metadata":{"name":"x"},"spec":{}}'), 422],
    ["unknown parameter", await ask("/api/v1/networks?limt=1"), 400],
    ["twice", await ask("/api/v1/networks?limit=1&limit=2"), 400],
    ["limit", await ask("/api/v1/networks?limit=0"), 400],
    ["cursor", await ask("/api/v1/networks?continue=zzz"), 400],
    ["filter", await ask("/api/v1/networks?filter=spec.vlna=1"), 400],
    ["labels", await ask("/api/v1/networks?labelSelector=a%20b"), 400],
    ["event id", await ask("/api/v1/watch?lastEventId=now"), 400],
    ["address", await ask("/api/v1/addresses/x/10.0.0"), 400],
    ["time", await ask("/api/v1/history?address=10.0.0.1&at=yesterday"), 400],
    ["path", await ask("/api/v1/networks/%ff"), 400],
    ["nul", await ask("/api/v1/networks/a%00b"), 400],
    ["dots", await ask("/api/v1/networks/..%2f..%2fetc"), 404],
    ["no route", await ask("/api/v1/netwroks"), 404],
    ["method", await ask("/api/v1/networks", { method: "PATCH", body: {} }), 405],
    ["long path", await ask(`/api/v1/networks/${"x".repeat(9000)}`), 431],
  ] as const;
  for (const [name, answer, status] of cases) {
    assertEquals([name, answer.status], [name, status], answer.text);
    assertEquals(answer.headers.get("content-type"), "application/problem+json");
    assertEquals([name, answer.json.status], [name, status]);
    assert(answer.json.requestId === answer.headers.get("x-request-id"), name);
  }
  assertEquals(
    cases.find(([name]) => name === "unknown parameter")?.[1].json.remedy,
    "did you mean limit",
  );

  const invalid = await raw(server.url, [
    `${POST}${JSON_TYPE}Content-Length: 4\r\n\r\n`,
    new Uint8Array([0x22, 0xff, 0xfe, 0x22]),
  ]);
  assertStringIncludes(invalid, "The body is not UTF-8");
  const huge = await raw(server.url, [`${POST}${JSON_TYPE}Content-Length: 999999999\r\n\r\n`]);
  assertStringIncludes(huge, " 413 ");
  const endless = Array.from({ length: 40 }, () => `4000\r\n${"x".repeat(0x4000)}\r\n`);
  const chunked = await raw(server.url, [
    `${POST}${JSON_TYPE}Transfer-Encoding: chunked\r\n\r\n`,
    ...endless,
  ]);
  assertStringIncludes(chunked, " 413 ");
  const headers = await raw(server.url, [`${POST}X-Big: ${"x".repeat(20_000)}\r\n\r\n`]);
  assertStringIncludes(headers, " 431 ");
  const nonsense = await raw(server.url, ["\x16\x03\x01\x02\x00\x01\x00\r\n\r\n"]);
  assertStringIncludes(nonsense, " 400 ");
  // Two requests in one: the second must not be taken for another's.
  const smuggled = await raw(server.url, [
    `${POST}${JSON_TYPE}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  ]);
  assertStringIncludes(smuggled, " 400 ");
});

Deno.test("slow and idle connections end, and hurt nobody meanwhile", async () => {
  await using all = await startAll();
  const { ask, server } = all;
  const idle: Deno.Conn[] = [];
  const { hostname, port } = new URL(server.url);
  // As many as this process may open; ten thousand are opened where the limits allow it.
  for (let i = 0; i < 400; i++) idle.push(await Deno.connect({ hostname, port: Number(port) }));
  const slow = raw(server.url, ["GET /healthz HTTP/1.1\r\n", 1000, "Host: x\r\n"], 30_000);
  const body = raw(server.url, [`${POST}${JSON_TYPE}Content-Length: 100\r\n\r\n{`], 40_000);
  const started = performance.now();
  for (let i = 0; i < 20; i++) assertEquals((await ask("/api/v1/networks")).status, 200);
  assert(performance.now() - started < 10_000);
  assertStringIncludes(await slow, " 408 ");
  assertStringIncludes(await body, " 408 ");
  let ended = 0;
  for (const conn of idle) {
    const buffer = new Uint8Array(512);
    const n = await conn.read(buffer).catch(() => null);
    if (n === null || new TextDecoder().decode(buffer).includes(" 408 ")) ended++;
    conn.close();
  }
  assertEquals(ended, idle.length);
});

Deno.test("a caller who asks too fast waits, and others do not", async () => {
  await using all = await startAll({ anonymous: "viewer", rate: { perSecond: 1, burst: 5 } });
  const statuses: number[] = [];
  for (let i = 0; i < 8; i++) statuses.push((await all.ask("/api/v1/zones")).status);
  assertEquals(statuses.slice(0, 5), [200, 200, 200, 200, 200]);
  assert(statuses.includes(429), String(statuses));
  assertEquals((await all.ask("/healthz")).status, 200);
});
