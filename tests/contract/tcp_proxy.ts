/**
 * A TCP proxy that loses answers: the one fault that a real etcd cannot be made to show.
 *
 * @module
 */

export interface TcpProxy extends Disposable {
  readonly endpoint: string;
  /** From now on requests pass and answers do not. */
  dropAnswers(): void;
  /** From now on requests pass, and the connection ends in place of the next answer. */
  cutAtAnswer(): void;
  /** Ends all connections; new ones are accepted or refused. */
  disconnect(options: { readonly refuse: boolean }): void;
  /** From now on all passes again. */
  pass(): void;
}

/** A proxy in front of the endpoint. */
export function startProxy(endpoint: string): TcpProxy {
  const target = new URL(endpoint);
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connections = new Set<Deno.Conn>();
  let mode: "pass" | "drop" | "cut" = "pass";
  let refuse = false;

  const close = (conn: Deno.Conn) => {
    connections.delete(conn);
    try {
      conn.close();
    } catch {
      // Closed already.
    }
  };
  const pump = async (from: Deno.Conn, to: Deno.Conn, isAnswer: boolean) => {
    const buffer = new Uint8Array(65536);
    try {
      for (let n = await from.read(buffer); n !== null; n = await from.read(buffer)) {
        if (isAnswer && mode === "drop") continue;
        if (isAnswer && mode === "cut") break;
        for (let at = 0; at < n;) at += await to.write(buffer.subarray(at, n));
      }
    } catch {
      // The other side is gone.
    }
    close(from);
    close(to);
  };
  (async () => {
    for await (const client of listener) {
      if (refuse) {
        client.close();
        continue;
      }
      const server = await Deno.connect({ hostname: target.hostname, port: Number(target.port) });
      server.setNoDelay(true);
      client.setNoDelay(true);
      connections.add(client);
      connections.add(server);
      pump(client, server, false);
      pump(server, client, true);
    }
  })().catch(() => {});
  return {
    endpoint: `${target.protocol}//127.0.0.1:${listener.addr.port}`,
    dropAnswers: () => void (mode = "drop"),
    cutAtAnswer: () => void (mode = "cut"),
    disconnect(options) {
      refuse = options.refuse;
      for (const conn of [...connections]) close(conn);
    },
    pass() {
      mode = "pass";
      refuse = false;
    },
    [Symbol.dispose]() {
      listener.close();
      for (const conn of [...connections]) close(conn);
    },
  };
}
