import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { FabricError } from "./error.ts";
import { connectHttp, type HttpConnection, parseHttpTarget } from "./http.ts";

/** A server that answers each request on a connection with the next of the given texts. */
function serve(
  answers: readonly (string | Uint8Array | "hang" | "close")[],
): { port: number; requests: string[]; connections: () => number; [Symbol.dispose](): void } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const requests: string[] = [];
  const open = new Set<Deno.Conn>();
  let connections = 0;
  const handle = async (conn: Deno.Conn) => {
    const buffer = new Uint8Array(65536);
    for (const answer of answers) {
      let text = "";
      while (!isWhole(text)) {
        const count = await conn.read(buffer);
        if (count === null) return;
        text += new TextDecoder().decode(buffer.subarray(0, count));
      }
      requests.push(text);
      if (answer === "hang") return;
      if (answer === "close") break;
      const bytes = typeof answer === "string" ? new TextEncoder().encode(answer) : answer;
      // In small pieces, so that every boundary falls somewhere.
      for (let at = 0; at < bytes.length;) {
        at += await conn.write(bytes.subarray(at, at + Math.max(7, bytes.length / 50)));
      }
    }
    open.delete(conn);
    conn.close();
  };
  (async () => {
    for await (const conn of listener) {
      connections++;
      open.add(conn);
      handle(conn).catch(() => {});
    }
  })().catch(() => {});
  return {
    port: listener.addr.port,
    requests,
    connections: () => connections,
    [Symbol.dispose]() {
      listener.close();
      for (const conn of open) {
        try {
          conn.close();
        } catch {
          // The client closed first.
        }
      }
    },
  };
}

function isWhole(text: string): boolean {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return false;
  const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? "0");
  return new TextEncoder().encode(text).length >= end + 4 + length;
}

const OK = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

function connect(server: { readonly port: number }): Promise<HttpConnection> {
  return connectHttp({ hostname: "127.0.0.1", port: server.port });
}

function textOf({ body }: { readonly body: Uint8Array }): string {
  return new TextDecoder().decode(body);
}

Deno.test("request() sends host, length and body, and reads the answer", async () => {
  using server = serve([OK]);
  using http = await connect(server);
  const answer = await http.request({
    method: "POST",
    path: "/a?b=c",
    headers: { "x-one": "1" },
    body: "\u00e9",
  });
  assertEquals(answer.status, 200);
  assertEquals(textOf(answer), "hello");
  assertEquals(
    server.requests[0],
    `POST /a?b=c HTTP/1.1\r\nhost: 127.0.0.1:${server.port}\r\nx-one: 1\r\ncontent-length: 2\r\n\r\n\u00e9`,
  );
});

Deno.test("request() uses one connection for many requests", async () => {
  using server = serve([OK, OK, OK]);
  using http = await connect(server);
  for (let i = 0; i < 3; i++) assertEquals(textOf(await http.request(get("/"))), "hello");
  assertEquals(server.connections(), 1);
});

Deno.test("request() reads chunks with extensions and a trailer, of any size", async () => {
  const big = "x".repeat(200_000);
  using server = serve([
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n` +
    `${big.length.toString(16)}\r\n${big}\r\n0\r\nx-trailer: 1\r\n\r\n`,
    OK,
  ]);
  using http = await connect(server);
  assertEquals(textOf(await http.request(get("/"))), `hello${big}`);
  assertEquals(textOf(await http.request(get("/"))), "hello");
});

Deno.test("request() reads to the end of the connection without a length", async () => {
  using server = serve(["HTTP/1.1 200 OK\r\n\r\nall of it"]);
  using http = await connect(server);
  assertEquals(textOf(await http.request(get("/"))), "all of it");
  assertEquals(http.isFree, false);
});

Deno.test("request() passes over 100 Continue and joins repeated headers", async () => {
  using server = serve([
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\nX-A: 1\r\nx-a: 2\r\n\r\n",
  ]);
  using http = await connect(server);
  const answer = await http.request(get("/"));
  assertEquals(answer.status, 204);
  assertEquals(answer.headers.get("x-a"), "1, 2");
  assertEquals(answer.body.length, 0);
});

Deno.test("request() honours Connection: close", async () => {
  using server = serve([OK.replace("\r\n", "\r\nConnection: close\r\n")]);
  using http = await connect(server);
  assertEquals(textOf(await http.request(get("/"))), "hello");
  assertEquals(http.isFree, false);
});

Deno.test("a connection that the server closed while idle is no longer free", async () => {
  using server = serve([OK]);
  using http = await connect(server);
  await http.request(get("/"));
  for (let i = 0; i < 100 && http.isFree; i++) await new Promise((r) => setTimeout(r, 5));
  assertEquals(http.isFree, false);
  const error = await assertRejects(() => http.request(get("/")), FabricError);
  assertEquals(error.kind, "unavailable");
});

Deno.test("request() has an unknown outcome when no answer comes in time", async () => {
  using server = serve(["hang"]);
  using http = await connect(server);
  const error = await assertRejects(
    () => http.request(get("/x?secret=1"), { timeoutMs: 50 }),
    FabricError,
    "within 50 ms",
  );
  assertEquals(error.kind, "unknown-outcome");
  assertEquals(error.details["reason"], "timeout");
  assert(!error.message.includes("secret"));
  assertEquals(http.isFree, false);
});

Deno.test("request() has an unknown outcome when the connection ends early", async () => {
  for (const answer of ["close", OK.slice(0, -1)]) {
    using server = serve([answer]);
    using http = await connect(server);
    const error = await assertRejects(() => http.request(get("/")), FabricError);
    assertEquals(error.kind, "unknown-outcome");
    assertEquals(error.details["reason"], "closed");
  }
});

Deno.test("request() can be given up by a signal, before and after it was sent", async () => {
  using server = serve(["hang"]);
  using http = await connect(server);
  const before = await assertRejects(
    () => http.request(get("/"), { signal: AbortSignal.abort() }),
    FabricError,
  );
  assertEquals(before.kind, "unavailable");
  assertEquals(http.isFree, true);
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 20);
  const after = await assertRejects(
    () => http.request(get("/"), { signal: controller.signal }),
    FabricError,
  );
  assertEquals([after.kind, after.details["reason"]], ["unknown-outcome", "aborted"]);
});

Deno.test("request() refuses what is not HTTP", async (t) => {
  const bad = {
    "no status line": "SSH-2.0-OpenSSH\r\n\r\n",
    "an endless head": `HTTP/1.1 200 OK\r\n${"x: y\r\n".repeat(20_000)}\r\n`,
    "an endless line": `HTTP/1.1 200 OK\r\nx: ${"y".repeat(100_000)}\r\n\r\n`,
    "a malformed length": "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
    "a malformed chunk": "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    "an unknown coding": "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
  };
  for (const [name, answer] of Object.entries(bad)) {
    await t.step(name, async () => {
      using server = serve([answer]);
      using http = await connect(server);
      const error = await assertRejects(() => http.request(get("/")), FabricError);
      assertEquals(error.details["reason"], "protocol");
    });
  }
});

Deno.test("request() refuses a header with a line break", async () => {
  using server = serve([OK]);
  using http = await connect(server);
  await assertRejects(
    () => http.request({ ...get("/"), headers: { authorization: "a\r\nx: y" } }),
    FabricError,
    "line break",
  );
  assertEquals(server.requests.length, 0);
});

Deno.test("stream() gives pieces as they come and ends with the answer", async () => {
  using server = serve([
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\na\n\r\n2\r\nb\n\r\n0\r\n\r\n",
    OK,
  ]);
  using http = await connect(server);
  const stream = await http.stream(get("/watch"));
  let text = "";
  for await (const piece of stream.body) text += new TextDecoder().decode(piece);
  assertEquals(text, "a\nb\n");
  assertEquals(textOf(await http.request(get("/"))), "hello");
});

Deno.test("stream() is ended by its signal, not by the timeout of its head", async () => {
  using server = serve([
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\na\n\r\n",
    "hang",
  ]);
  using http = await connect(server);
  const controller = new AbortController();
  const stream = await http.stream(get("/"), { timeoutMs: 100, signal: controller.signal });
  setTimeout(() => controller.abort(), 200);
  const began = performance.now();
  const error = await assertRejects(async () => {
    for await (const _ of stream.body);
  }, FabricError);
  assertEquals(error.details["reason"], "aborted");
  assert(performance.now() - began > 150);
});

Deno.test("leaving a stream early closes the connection", async () => {
  using server = serve([
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\na\n\r\n",
    "hang",
  ]);
  using http = await connect(server);
  for await (const _ of (await http.stream(get("/"))).body) break;
  assertEquals(http.isFree, false);
  await assertRejects(() => http.request(get("/")), FabricError);
});

Deno.test("connectHttp() says that nobody listens", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const error = await assertRejects(() => connect({ port }), FabricError, `127.0.0.1:${port}`);
  assertEquals([error.kind, error.details["reason"]], ["unavailable", "connect"]);
});

Deno.test("connectHttp() finds a TLS server that says nothing out in time", async () => {
  using server = serve(["hang"]);
  const error = await assertRejects(
    () => connectHttp({ hostname: "127.0.0.1", port: server.port, tls: {} }, { timeoutMs: 100 }),
    FabricError,
  );
  assertEquals([error.kind, error.details["reason"]], ["unavailable", "timeout"]);
});

Deno.test("connectHttp() tells a failed handshake from a failed connection", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  (async () => {
    for await (const conn of listener) {
      await conn.write(new TextEncoder().encode(OK));
      conn.close();
    }
  })().catch(() => {});
  const error = await assertRejects(
    () => connectHttp({ hostname: "127.0.0.1", port: listener.addr.port, tls: {} }),
    FabricError,
  );
  listener.close();
  assertEquals([error.kind, error.details["reason"]], ["unavailable", "tls"]);
});

Deno.test("parseHttpTarget() reads URLs and names what is wrong without secrets", () => {
  const field = "etcd.endpoints";
  assertEquals(parseHttpTarget("http://a:1", { field }), { hostname: "a", port: 1 });
  assertEquals(parseHttpTarget("https://[::1]", { field }), {
    hostname: "::1",
    port: 443,
    tls: {},
  });
  for (const url of ["a:1", "ftp://a:1", "http://a:1/v3", "http://u:pw@a:1", "", "http://a:1?x"]) {
    const error = assertThrows(() => parseHttpTarget(url, { field }), FabricError, field);
    assertEquals(error.kind, "invalid");
    assert(!JSON.stringify(error).includes("pw"));
  }
});

function get(path: string): { readonly method: string; readonly path: string } {
  return { method: "GET", path };
}
