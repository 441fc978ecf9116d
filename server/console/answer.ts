/**
 * Sends the console: a page and a few files, the same for everybody. What they show comes by the
 * API, so nothing here needs to know who is asking.
 *
 * The page is answered for every path that is not a file's, because the console's addresses are
 * read by the console itself: each can be reloaded and shared.
 *
 * @module
 */

import { type Asset, ASSETS } from "fabric/console";

/** Nothing from outside, nothing inline, no framing: what is injected cannot run. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "manifest-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join("; ");

const HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy": POLICY,
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
};

const NOT_BUILT = "The console is built by scripts/compile and is in the executable only.\n";

/** Answers a request for a path that is not the API's. `assets` is told by tests only. */
export async function answerConsole(
  request: Request,
  assets: Readonly<Record<string, Asset>> = ASSETS,
): Promise<Response> {
  if (request.method !== "GET" && request.method !== "HEAD") {
    return plain(405, "Only GET is served here\n", { allow: "GET, HEAD" });
  }
  const { pathname } = new URL(request.url);
  const file = Object.hasOwn(assets, pathname) ? assets[pathname] : undefined;
  if (file !== undefined && pathname !== "/") return await send(request, { asset: file });
  if (pathname.startsWith("/assets/")) return plain(404, "There is no such file\n");
  const page = assets["/"];
  if (page === undefined) return plain(404, NOT_BUILT);
  return await send(request, { asset: page, changing: true });
}

async function send(
  request: Request,
  { asset, changing = false }: { readonly asset: Asset; readonly changing?: boolean },
): Promise<Response> {
  const packed = Uint8Array.fromBase64(asset.gzip);
  const zipped = /\bgzip\b/.test(request.headers.get("accept-encoding") ?? "");
  const content = zipped ? packed : await unzip(packed);
  return new Response(request.method === "HEAD" ? null : content, {
    headers: {
      ...HEADERS,
      "content-type": asset.type,
      "content-length": String(content.length),
      // The names of the other files change with their content.
      "cache-control": changing ? "no-cache" : "public, max-age=31536000, immutable",
      vary: "accept-encoding",
      ...(zipped ? { "content-encoding": "gzip" } : {}),
    },
  });
}

async function unzip(packed: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function plain(status: number, text: string, headers: Readonly<Record<string, string>> = {}) {
  return new Response(text, {
    status,
    headers: { ...HEADERS, "content-type": "text/plain; charset=utf-8", ...headers },
  });
}
