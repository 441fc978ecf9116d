/**
 * Runs in a client's network namespace: asks agnhost's `netexec` at many places whom it sees. Each
 * line of standard input is a probe `<id> <kind> <host> <port>`, each line of the output its answer
 * `<id> <answer>`. It imports nothing of the project, so that it starts quickly.
 *
 * | kind | asks | answer |
 * |---|---|---|
 * | `tcp4` `tcp6` `udp4` `udp6` | which address the server sees | the address |
 * | `bulk4` `bulk6` | 60 kB there and back by TCP | `ok` |
 * | `frag4` `frag6` | 2,000 bytes there and back by UDP, in fragments | `ok` |
 * | `icmp4` `icmp6` | a UDP port that nobody listens on | `refused` |
 *
 * Nothing of it that arrives is `none`. A host that is no address is a name, which the cluster's DNS
 * is asked for.
 *
 * @module
 */

import { createSocket } from "node:dgram";

const DNS = { ipAddr: "10.96.0.10", port: 53 };
/** How long each may take. */
const PROBE_MS = Number(Deno.args[0]);
const AT_ONCE = 32;

type Family = "4" | "6";

/** Gives up what has not come within the time of a probe. */
function within<T>(work: Promise<T>, close: () => void): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    close();
    reject(new Error("timeout"));
  }, PROBE_MS);
  work.catch(() => {});
  return Promise.race([work, promise]).finally(() => clearTimeout(timer));
}

/** Closes, also what is closed already. */
function closeQuietly(resource: { close(): void }): void {
  try {
    resource.close();
  } catch {
    // The other end was first.
  }
}

async function get(hostname: string, port: number, path: string): Promise<string> {
  const signal = AbortSignal.timeout(PROBE_MS);
  const connection = await Deno.connect({ hostname, port, signal });
  const ask = async () => {
    const writer = connection.writable.getWriter();
    await writer.write(new TextEncoder().encode(`GET ${path} HTTP/1.0\r\n\r\n`));
    const text = await new Response(connection.readable).text();
    return text.slice(text.indexOf("\r\n\r\n") + 4);
  };
  try {
    return await within(ask(), () => closeQuietly(connection));
  } finally {
    closeQuietly(connection);
  }
}

/** Sends it every half a second until there is an answer. */
async function ask(family: Family, to: string, port: number, text: string): Promise<string> {
  const socket = createSocket(family === "4" ? "udp4" : "udp6");
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  socket.on("message", (message) => resolve(message.toString()));
  socket.on("error", reject);
  const send = () => socket.send(text, port, to, (error) => error && reject(error));
  send();
  const timer = setInterval(send, 500);
  try {
    return await within(promise, () => {});
  } finally {
    clearInterval(timer);
    socket.close();
  }
}

/** Only a connected socket is told of ICMP errors, which Deno has none of. */
async function isRefused(family: Family, to: string, port: number): Promise<boolean> {
  const address = family === "4" ? `UDP4:${to}:${port}` : `UDP6:[${to}]:${port}`;
  const child = new Deno.Command("socat", {
    args: ["STDIO", address],
    stdin: "piped",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  const send = () => writer.write(new TextEncoder().encode("x")).catch(() => {});
  send();
  const timer = setInterval(send, 500);
  try {
    const said = new Response(child.stderr).text();
    return (await within(said, () => kill(child))).includes("Connection refused");
  } finally {
    clearInterval(timer);
    await child.status;
  }
}

function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended in this moment.
  }
}

async function resolve(host: string, family: Family): Promise<string> {
  if (/^[0-9.]+$|:/.test(host)) return host;
  const [address] = await within(
    Deno.resolveDns(host, family === "4" ? "A" : "AAAA", { nameServer: DNS }),
    () => {},
  );
  if (address === undefined) throw new Error("no such name");
  return address;
}

async function probe(kind: string, family: Family, host: string, port: number): Promise<string> {
  const to = await resolve(host, family);
  const withoutPort = (peer: string) => peer.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
  switch (kind) {
    case "tcp":
      return withoutPort(await get(to, port, "/clientip"));
    case "udp":
      return withoutPort(await ask(family, to, port, "clientip"));
    case "bulk": {
      const message = "b".repeat(60_000);
      return await get(to, port, `/echo?msg=${message}`) === message ? "ok" : "none";
    }
    case "frag": {
      const message = "f".repeat(2000);
      return await ask(family, to, port, `echo ${message}`) === message ? "ok" : "none";
    }
    case "icmp":
      return await isRefused(family, to, port) ? "refused" : "none";
  }
  throw new Error(`there is no kind ${kind}`);
}

const lines = (await new Response(Deno.stdin.readable).text()).trim().split("\n").reverse();
const worker = async () => {
  for (;;) {
    const [id, kind = "", host = "", port] = lines.pop()?.split(" ") ?? [];
    if (id === undefined) return;
    const family = kind.endsWith("6") ? "6" : "4";
    const answer = await probe(kind.slice(0, -1), family, host, Number(port)).catch(() => "none");
    Deno.stdout.writeSync(new TextEncoder().encode(`${id} ${answer}\n`));
  }
};
await Promise.all(Array.from({ length: AT_ONCE }, worker));
