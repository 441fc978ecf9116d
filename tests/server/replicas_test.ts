/** Three servers behind a plain TCP balancer, killed one at a time under load. */

import { assert, assertEquals } from "@std/assert";
import { checkStore } from "../../mod/ipam/check/check.ts";
import { RELEASE } from "../executable.ts";
import { freePort } from "../etcd_fixture.ts";
import { applyNetwork, startIpam } from "../ipam_fixture.ts";
import { supervise, type Supervised, superviseDir } from "../supervised.ts";

/** Replicas as processes of the executable, and one address in front of them. */
async function startReplicas(endpoints: readonly string[], dir: string) {
  const ports = await Promise.all([1, 2, 3].map(() => freePort()));
  const start = (port: number, index: number): Promise<Supervised> =>
    supervise([
      RELEASE,
      "ctl",
      "serve",
      `--listen=127.0.0.1:${port}`,
      "--anonymous=admin",
      `--etcd-endpoints=${endpoints.join(",")}`,
      `--config=${dir}/config.yaml`,
    ], `${dir}/server${index}.log`);
  await Deno.writeTextFile(
    `${dir}/config.yaml`,
    "log: {file: /run/fabric-test-replicas.log}\nserver: {rate: {perSecond: 100000, burst: 100000}}\n",
  );
  const processes = await Promise.all(ports.map(start));
  const ready = async (port: number): Promise<void> => {
    const deadline = performance.now() + 30_000;
    while (performance.now() < deadline) {
      const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined);
      await answer?.body?.cancel();
      if (answer?.status === 200) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`server at ${port} is not ready`);
  };
  await Promise.all(ports.map(ready));
  return {
    ports,
    ready,
    /** Kills one as power loss does, and starts it again. */
    async bounce(index: number): Promise<void> {
      await processes[index]?.end();
      await new Promise((resolve) => setTimeout(resolve, 500));
      const port = ports[index] ?? 0;
      processes[index] = await start(port, index);
      await ready(port);
    },
    async end(): Promise<void> {
      await Promise.all(processes.map((one) => one.end()));
    },
  };
}

/** Hands each connection to the next server that accepts it. */
function balance(ports: readonly number[]) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connections = new Set<Deno.Conn>();
  let turn = 0;
  const pump = async (from: Deno.Conn, to: Deno.Conn): Promise<void> => {
    try {
      await from.readable.pipeTo(to.writable);
    } catch {
      // One side is gone: both are closed.
    }
    for (const conn of [from, to]) {
      connections.delete(conn);
      try {
        conn.close();
      } catch {
        // It is closed.
      }
    }
  };
  const accept = async (client: Deno.Conn): Promise<void> => {
    for (let tries = 0; tries < ports.length; tries++) {
      const port = ports[turn++ % ports.length] ?? 0;
      const server = await Deno.connect({ hostname: "127.0.0.1", port }).catch(() => undefined);
      if (server === undefined) continue;
      connections.add(client).add(server);
      pump(client, server);
      pump(server, client);
      return;
    }
    client.close();
  };
  (async () => {
    for await (const client of listener) accept(client);
  })().catch(() => {});
  const { port } = listener.addr as Deno.NetAddr;
  return {
    url: `http://127.0.0.1:${port}`,
    close(): void {
      listener.close();
      for (const conn of connections) {
        try {
          conn.close();
        } catch {
          // It is closed.
        }
      }
    },
  };
}

/** Says it again, with the same key, until somebody answers. */
async function insist(url: string, path: string, body: unknown): Promise<unknown> {
  const key = crypto.randomUUID();
  const deadline = performance.now() + 60_000;
  while (performance.now() < deadline) {
    try {
      const response = await fetch(url + path, {
        method: "POST",
        headers: { "content-type": "application/json", "idempotency-key": key },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(10_000),
      });
      const answer = await response.json();
      if (response.ok) return answer;
      const passing = response.status === 503 ||
        (response.status === 409 && /running|try-again|conflict$/.test(answer.type));
      if (!passing) throw new TypeError(`${response.status} ${JSON.stringify(answer)}`);
    } catch (error) {
      if (error instanceof TypeError && /^\d{3} /.test(error.message)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${path}: nobody answers`);
}

/** Follows a watch over every loss of its server, by the id of the last event. */
async function follow(
  url: string,
  { signal, seen, ids }: {
    readonly signal: AbortSignal;
    readonly seen: string[];
    readonly ids: string[];
  },
): Promise<void> {
  const list = await (await fetch(`${url}/api/v1/owners`)).json();
  let last: string = list.metadata.lastEventId;
  while (!signal.aborted) {
    try {
      const response = await fetch(`${url}/api/v1/watch?kinds=owners`, {
        signal,
        headers: { "last-event-id": last },
      });
      assertEquals(response.status, 200);
      let text = "";
      for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
        text += chunk;
        for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
          const event = text.slice(0, end);
          text = text.slice(end + 2);
          const id = /^id: (.*)$/m.exec(event)?.[1];
          const data = /^data: (.*)$/m.exec(event)?.[1];
          if (id !== undefined) last = id;
          if (id === undefined || data === undefined || data === "{}") continue;
          ids.push(id);
          seen.push(`${JSON.parse(data).type} ${JSON.parse(data).key}`);
        }
      }
    } catch {
      // The server has gone, or the test ends.
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

Deno.test("three servers are killed one at a time: no change, no address, no event is lost or twice", async () => {
  await using ipam = await startIpam();
  // Not in /dev/shm: the executable may not read below /dev.
  const dir = await Deno.makeTempDir({ prefix: "fabric-replicas-" });
  const folder = superviseDir(dir);
  await applyNetwork(ipam.context, "pods", { vlan: 1, subnets: [{ cidr: "10.1.0.0/22" }] });
  const replicas = await startReplicas(ipam.etcd.endpoints, dir);
  const balancer = balance(replicas.ports);
  const gone = new AbortController();
  try {
    const seen: string[] = [];
    const ids: string[] = [];
    const following = follow(balancer.url, { signal: gone.signal, seen, ids });
    const answers = new Map<string, readonly string[]>();
    let stop = false;
    let count = 0;
    const change = async (worker: number): Promise<void> => {
      for (let i = 0; !stop || i === 0; i++) {
        const name = `w${worker}-${i}`;
        const owner = {
          cluster: "local",
          group: "apps",
          kind: "StatefulSet",
          namespace: "load",
          name,
          slot: "0",
          ifname: "eth0",
        };
        const body = { network: "pods", owner };
        const answer = await insist(balancer.url, "/api/v1/operations/allocate", body);
        // deno-lint-ignore no-explicit-any -- the answer of the operation
        answers.set(name, (answer as any).addresses);
        count++;
        const list = await fetch(
          `${balancer.url}/api/v1/owners?network=pods&filter=spec.owner.name=${name}`,
        ).then((response) => response.json()).catch(() => undefined);
        // Whoever answers, answers with what was written.
        if (list !== undefined && Array.isArray(list.items)) {
          assertEquals([name, list.items.length], [name, 1]);
        }
      }
    };
    const working = Promise.all([0, 1, 2, 3].map(change));
    for (const index of [0, 1, 2]) await replicas.bounce(index);
    stop = true;
    await working;
    // Events come within a moment of the last change.
    const deadline = performance.now() + 20_000;
    while (seen.length < answers.size && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    gone.abort();
    await following;
    assert(count >= 12, `only ${count} changes`);
    const addresses = [...answers.values()].flat();
    assertEquals(new Set(addresses).size, addresses.length, "an address was given twice");
    assertEquals(new Set(ids).size, ids.length, "an event came twice");
    const added = seen.filter((one) => one.startsWith("added ")).map((one) => one.split("/")[5]);
    assertEquals(added.toSorted(), [...answers.keys()].toSorted(), "an event is missing");
    const { findings } = await checkStore({ ipam: ipam.context, reader: ipam.store }, {
      sources: ["networks", "addresses"],
      onProgress: () => {},
    });
    assertEquals(findings.map(({ detail }) => detail), []);
  } finally {
    gone.abort();
    balancer.close();
    await replicas.end();
    await folder.end();
    await Deno.remove("/run/fabric-test-replicas.log").catch(() => {});
  }
});
