import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { answerConsole } from "./answer.ts";
import type { Asset } from "./assets.ts";

async function pack(type: string, text: string): Promise<Asset> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
  const gzip = new Uint8Array(await new Response(stream).arrayBuffer()).toBase64();
  return { type, gzip };
}

const ASSETS = {
  "/": await pack("text/html; charset=utf-8", "<p>page</p>"),
  "/assets/app-1.js": await pack("text/javascript; charset=utf-8", "let a;"),
};

function ask(path: string, init: RequestInit = {}): Promise<Response> {
  return answerConsole(new Request(`http://127.0.0.1${path}`, init), ASSETS);
}

Deno.test("the page is answered for every path of the console, and is asked for again each time", async () => {
  for (const path of ["/", "/networks/prod/addresses?view=list", "/a%20b"]) {
    const response = await ask(path);
    assertEquals([response.status, await response.text()], [200, "<p>page</p>"]);
    assertEquals(response.headers.get("cache-control"), "no-cache");
  }
});

Deno.test("files are kept for good, and sent as they are packed where the browser takes that", async () => {
  const packed = await ask("/assets/app-1.js", { headers: { "accept-encoding": "br, gzip" } });
  assertEquals(packed.headers.get("content-encoding"), "gzip");
  assertStringIncludes(packed.headers.get("cache-control") ?? "", "immutable");
  await packed.body?.cancel();
  assertEquals(await (await ask("/assets/app-1.js")).text(), "let a;");
  const head = await ask("/assets/app-1.js", { method: "HEAD" });
  assertEquals([head.headers.get("content-length"), await head.text()], ["6", ""]);
});

Deno.test("an old file's name is 404, a change is 405, and nothing is told of what objects inherit", async () => {
  assertEquals((await ask("/assets/app-0.js")).status, 404);
  assertEquals((await ask("/", { method: "POST" })).status, 405);
  assertEquals(await (await ask("/constructor")).text(), "<p>page</p>");
});

Deno.test("every answer forbids inline script and style, other hosts and framing", async () => {
  for (const path of ["/", "/assets/app-1.js", "/assets/none.js"]) {
    const { headers, body } = await ask(path);
    const policy = headers.get("content-security-policy") ?? "";
    assert(!/unsafe|\*|https?:/.test(policy), policy);
    assertStringIncludes(policy, "default-src 'none'");
    assertStringIncludes(policy, "frame-ancestors 'none'");
    assertEquals(headers.get("x-content-type-options"), "nosniff");
    await body?.cancel();
  }
});
