/**
 * Ports for programs that cannot bind to port 0.
 *
 * @module
 */

const taken = new Set<number>();

/** A free port below the ephemeral range, so that no outgoing connection takes it meanwhile. */
export function freePort(): number {
  for (let attempt = 0; attempt < 1000; attempt++) {
    const port = 10_000 + Math.floor(Math.random() * 22_000);
    if (taken.has(port)) continue;
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      taken.add(port);
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
  throw new Error("no free port");
}
