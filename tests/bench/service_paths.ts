/**
 * TCP throughput and round trips in a real cluster: from a Pod to a Pod of the other node, directly and
 * by a ClusterIP, to the other node, to a server behind the router, and from node to node. The paths
 * take turns.
 *
 * @module
 */

import * as v from "valibot";
import { startCluster } from "../cluster/cluster.ts";
import { makeServiceWorld, type ServiceClient } from "../cluster/service_world.ts";
import { measureThroughput, type Place } from "../lab/mod.ts";
import { median, percentile } from "./table.ts";

export interface PathRow {
  readonly path: string;
  /** Median over the rounds. */
  readonly gigabitPerSecond: number;
  /** This path's / that of Pod to Pod, of the same round, median. */
  readonly throughputRatio: number;
  /** Of one byte there and back over an open connection, microseconds. */
  readonly roundTripMedian: number;
  readonly roundTripP99: number;
  /** Pod to Pod's / this path's, of the same round, median. */
  readonly roundTripRatio: number;
}

const THROUGHPUT_PORT = 5201;
const ECHO_PORT = 5202;
const TRIPS = 2000;
const DIRECT = "Pod - Pod";
const CHILD = new URL("./round_trips.ts", import.meta.url).pathname;

interface Path {
  readonly path: string;
  readonly client: Place;
  readonly server: ServiceClient;
  /** Default: the server's own. */
  readonly target?: string;
}

interface Figures {
  readonly bits: number;
  readonly trips: readonly number[];
}

/** A Service with the Pod of the other node behind it. */
function service(clusterIP: string) {
  const port = (port: number) => ({ name: `p${port}`, protocol: "TCP", port });
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "bench" },
    spec: {
      clusterIP,
      selector: { server: "far" },
      ports: [port(THROUGHPUT_PORT), port(ECHO_PORT)],
    },
  };
}

/** Measures `rounds` of each path, `seconds` of throughput each. */
export async function measureServicePaths(
  { rounds, seconds }: { readonly rounds: number; readonly seconds: number },
): Promise<readonly PathRow[]> {
  await using cluster = await startCluster({ nodes: 2, services: true });
  const { clients } = await makeServiceWorld(cluster);
  const clusterIP = "10.96.7.99";
  await cluster.apply(service(clusterIP));
  const { here, far, node1, node2, outside } = clients;
  const paths: readonly Path[] = [
    { path: DIRECT, client: here.place, server: far },
    { path: "Pod - ClusterIP - Pod", client: here.place, server: far, target: clusterIP },
    { path: "Pod - its node", client: here.place, server: node1 },
    { path: "Pod - other node", client: here.place, server: node2 },
    { path: "Pod - outside", client: here.place, server: outside },
    { path: "node - node", client: node1.place, server: node2 },
  ];
  const servers = new Set(paths.map(({ server }) => server));
  const run = [Deno.execPath(), "run", "--quiet", "--no-check", "--no-config", "-A", CHILD];
  for (const { place } of servers) {
    await place.start([...run, "serve", `${ECHO_PORT}`]).until(/listening/);
  }
  const figures = new Map<string, Figures[]>(paths.map(({ path }) => [path, []]));
  for (let round = 0; round < rounds; round++) {
    for (const { path, client, server, target = server.addresses[4] } of paths) {
      const text = await client.execOk([
        ...run,
        ...["measure", target, `${ECHO_PORT}`, `${TRIPS}`],
      ]);
      const trips = v.parse(v.array(v.number()), JSON.parse(text));
      const bits = await measureThroughput(client, server.place, {
        target,
        seconds,
        port: THROUGHPUT_PORT,
      });
      figures.get(path)?.push({ bits, trips });
    }
  }
  const direct = figures.get(DIRECT) ?? [];
  return paths.map(({ path }) => {
    const own = figures.get(path) ?? [];
    const trips = own.flatMap((one) => one.trips);
    const ratios = (of: (own: Figures, direct: Figures) => number): number =>
      median(own.flatMap((one, round) => direct[round] ? [of(one, direct[round])] : []));
    return {
      path,
      gigabitPerSecond: median(own.map(({ bits }) => bits)) / 1e9,
      throughputRatio: ratios((one, other) => one.bits / other.bits),
      roundTripMedian: median(trips),
      roundTripP99: percentile(trips, 99),
      roundTripRatio: ratios((one, other) => median(other.trips) / median(one.trips)),
    };
  });
}
