/**
 * A way for the test, which is outside, to a server inside the lab.
 *
 * @module
 */

/** A port on 127.0.0.1 whose connections go on to a unix socket. */
export function startRelay(socket: string): { readonly port: number; close(): void } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.Conn>();
  const serve = async (client: Deno.Conn) => {
    open.add(client);
    try {
      const member = await Deno.connect({ transport: "unix", path: socket });
      open.add(member);
      await Promise.allSettled([
        client.readable.pipeTo(member.writable),
        member.readable.pipeTo(client.writable),
      ]);
      open.delete(member);
    } catch {
      // The member is down: the client sees its connection closed.
      client.close();
    } finally {
      open.delete(client);
    }
  };
  (async () => {
    for await (const client of listener) serve(client);
  })();
  return {
    port: listener.addr.transport === "tcp" ? listener.addr.port : 0,
    close: () => {
      closeQuietly(listener);
      for (const connection of open) closeQuietly(connection);
    },
  };
}

function closeQuietly(resource: { close(): void }): void {
  try {
    resource.close();
  } catch {
    // It is closed already, perhaps by its other side in this moment.
  }
}
