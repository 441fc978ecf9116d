/**
 * Every pair of a client and a backend, and whom the server sees. The router between the VLANs and the
 * nodes' network is strict: it forwards nothing whose beginning it has not seen.
 */

import { assert, assertEquals } from "@std/assert";
import type { EquippedHost, Place } from "../lab/mod.ts";
import { addressOf } from "../e2e/records.ts";
import {
  addServicePod,
  askSource,
  serveSource,
  startServiceBed,
  translate,
  type Translation,
} from "./bed.ts";

const FAMILIES = [4, 6] as const;
type Family = typeof FAMILIES[number];

/** A party: where it is, and its address. */
interface Party extends Place {
  readonly at: (family: Family) => Promise<string>;
}

/** What must never be on the node's uplink: Services, our MACs, the pods' next hop. */
const FORBIDDEN = /10\.96\.|fd00:96:|0e:fa:b0:|01:80:c2:|169\.254\.|fab:1/;

/** First port of NodePorts that masquerade (policy Cluster), and of those that do not (Local). */
const CLUSTER = 30_000;
const LOCAL = 31_000;

Deno.test("by Services every client reaches every backend, as itself where that is possible", async (t) => {
  await using lab = await startServiceBed({ router: "strict" });
  const [node, other] = [lab.host(0), lab.host(1)];
  const pod = async (host: EquippedHost, network: string): Promise<Party> => {
    const made = await addServicePod(host, network);
    return { ...made, at: (family) => addressOf(made, family) };
  };
  const server = async (vlan: 100 | 200): Promise<Party> => {
    const made = await lab.addServer({
      vlan,
      addresses: [`10.${vlan}.0.10/24`, `fd00:${vlan}::10/64`],
    });
    return { ...made, at: (family) => Promise.resolve(made.address(family)) };
  };
  const host = (it: EquippedHost): Party => ({
    ...it,
    at: (family) => Promise.resolve(it.plan.management[family === 4 ? "v4" : "v6"]),
  });
  const parties: Readonly<Record<string, Party>> = {
    client: await pod(node, "vlan100"),
    near: await pod(node, "vlan100"),
    "near, other VLAN": await pod(node, "vlan200"),
    far: await pod(other, "vlan100"),
    "far, other VLAN": await pod(other, "vlan200"),
    server: await server(100),
    "server, other VLAN": await server(200),
    node: host(node),
    "other node": host(other),
  };
  const party = (name: string): Party => {
    const found = parties[name];
    if (found === undefined) throw new Error(`there is no ${name}`);
    return found;
  };
  const names = Object.keys(parties);
  for (const name of names) await serveSource(party(name), 8080);
  const local = names.slice(0, 3);

  for (const family of FAMILIES) {
    const clusterIp = (i: number) => family === 4 ? `10.96.0.${10 + i}` : `fd00:96::${10 + i}`;
    const own = await party("node").at(family);
    const translations: Translation[] = [];
    const seenAs = new Map<string, string>();
    for (const [i, name] of names.entries()) {
      const backend = { backend: await party(name).at(family), backendPort: 8080 };
      seenAs.set(backend.backend, name);
      translations.push(
        { address: clusterIp(i), port: 80, ...backend },
        { address: own, port: CLUSTER + i, ...backend, masquerade: true },
        { address: own, port: LOCAL + i, ...backend },
      );
    }
    await translate(node, translations);
    await using capture = await node.capture("eth1");
    const ask = async (from: string, address: string, port: number) => {
      const seen = await askSource(party(from), address, port);
      return seenAs.get(seen) ?? seen;
    };
    /** Whom each of `servers` sees, when `from` asks for it by `where`. */
    const table = async (
      from: string,
      servers: readonly string[],
      where: (i: number) => readonly [string, number],
    ) => {
      const rows: [string, string][] = [];
      for (const name of servers) {
        rows.push([name, await ask(from, ...where(names.indexOf(name)))]);
      }
      return Object.fromEntries(rows);
    };
    const all = (seen: string, others: Readonly<Record<string, string>> = {}) =>
      Object.fromEntries(names.map((name) => [name, others[name] ?? seen]));
    const some = (servers: readonly string[], seen: string) =>
      Object.fromEntries(servers.map((name) => [name, seen]));

    await t.step(`IPv${family}: a pod by a ClusterIP`, async () => {
      // What only the node reaches, and the pod itself, see the node.
      assertEquals(
        await table("client", names, (i) => [clusterIp(i), 80]),
        all("client", { client: "node", "other node": "node" }),
      );
    });
    await t.step(`IPv${family}: a pod by its node's NodePort`, async () => {
      assertEquals(
        await table("client", names, (i) => [own, CLUSTER + i]),
        all("node", { node: "client" }),
      );
    });
    await t.step(`IPv${family}: others by a NodePort of policy Local`, async () => {
      for (const from of ["far", "server", "server, other VLAN", "other node"]) {
        assertEquals(await table(from, local, (i) => [own, LOCAL + i]), some(local, from));
      }
    });
    await t.step(`IPv${family}: others by a NodePort of policy Cluster`, async () => {
      for (const from of ["far", "other node"]) {
        assertEquals(
          await table(from, names, (i) => [own, CLUSTER + i]),
          all("node", { node: from }),
        );
      }
    });
    await t.step(`IPv${family}: the node, to pods and Services; a pod to nodes`, async () => {
      assertEquals(await table("node", names, (i) => [clusterIp(i), 80]), all("node"));
      for (const name of local) {
        assertEquals(await ask("node", await party(name).at(family), 8080), "node");
      }
      assertEquals(await ask("client", own, 8080), "client");
      assertEquals(await ask("client", await party("other node").at(family), 8080), "client");
    });
    await t.step(`IPv${family}: nothing of it is on the wire`, async () => {
      const lines = await capture.stop();
      const far = await party("far").at(family);
      assert(lines.some((line) => line.includes(far)), "what pods send themselves is seen");
      assertEquals(lines.filter((line) => FORBIDDEN.test(line)), []);
    });
  }
});
