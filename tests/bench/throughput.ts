/**
 * TCP throughput and the jitter of a 1-ms ping between two pods of one host, through our ports,
 * through hand-made ports of the same bridge, and over a bare veth pair. The three take turns.
 *
 * @module
 */

import {
  attachByHand,
  type EquippedHost,
  type Lab,
  measureThroughput,
  type Sandbox,
  startLab,
} from "../lab/mod.ts";
import { networkDocuments } from "./plugins.ts";
import { median, percentile } from "./table.ts";

export interface ThroughputRow {
  readonly path: string;
  /** Median over the rounds. */
  readonly gigabitPerSecond: number;
  /** Our ports / hand-made ports of the same round, median. */
  readonly ratioToHandMade: number;
  /** Round trip: half of the pings answer within. */
  readonly pingMedianMs: number;
  readonly pingP95Ms: number;
}

interface Pair {
  readonly name: string;
  readonly client: Sandbox;
  readonly server: Sandbox;
  readonly target: string;
}

async function ourPair(host: EquippedHost): Promise<Pair> {
  const attach = async (): Promise<{ sandbox: Sandbox; address: string }> => {
    const sandbox = await host.sandbox();
    const { code, stdout } = await host.fabric("ADD", { sandbox });
    if (code !== 0) throw new Error(stdout);
    const result: { ips: { address: string }[] } = JSON.parse(stdout);
    return { sandbox, address: result.ips[0]?.address.split("/")[0] ?? "" };
  };
  const [client, server] = [await attach(), await attach()];
  return {
    name: "our ports",
    client: client.sandbox,
    server: server.sandbox,
    target: server.address,
  };
}

async function handMadePair(lab: Lab): Promise<Pair> {
  const host = lab.host(0);
  const [client, server] = [await host.sandbox(), await host.sandbox()];
  await attachByHand(lab.plan, client, { vlan: 100, addresses: ["10.64.0.251/24"] });
  await attachByHand(lab.plan, server, { vlan: 100, addresses: ["10.64.0.252/24"] });
  return { name: "hand-made ports", client, server, target: "10.64.0.252" };
}

async function veth(lab: Lab): Promise<Pair> {
  const host = lab.host(0);
  const [client, server] = [await host.sandbox(), await host.sandbox()];
  await host.execOk(
    `ip -n ${client.name} link add eth0 type veth peer name eth0 netns ${server.name}
    ip -n ${client.name} address add 192.0.2.1/24 dev eth0
    ip -n ${server.name} address add 192.0.2.2/24 dev eth0
    ip -n ${client.name} link set eth0 up
    ip -n ${server.name} link set eth0 up`,
  );
  return { name: "bare veth pair", client, server, target: "192.0.2.2" };
}

/** Measures `rounds` of each path. */
export async function measurePaths(
  options: { readonly rounds: number; readonly seconds: number; readonly userspaceTso: boolean },
): Promise<readonly ThroughputRow[]> {
  await using lab = await startLab({ hosts: 1, userspaceTso: options.userspaceTso });
  const host = lab.host(0);
  await host.installFabric({ config: { defaultNetwork: "net0" } });
  const applied = await host.admin(["apply", "-f", "-"], { input: networkDocuments(1) });
  if (applied.code !== 0) throw new Error(applied.stderr);
  const pairs = [await ourPair(host), await handMadePair(lab), await veth(lab)];
  const rates = pairs.map((): number[] => []);
  const trips = pairs.map((): number[] => []);
  for (let round = 0; round < options.rounds; round++) {
    for (const [i, pair] of pairs.entries()) {
      const { client, server, target } = pair;
      const bits = await measureThroughput(client, server, { target, seconds: options.seconds });
      rates[i]?.push(bits);
      const { roundTripsMs } = await client.ping(target, { count: 500, interval: 0.001 });
      trips[i]?.push(...roundTripsMs);
    }
  }
  const byHand = rates[1] ?? [];
  return pairs.map(({ name }, i) => ({
    path: `${name}${options.userspaceTso ? ", TSO" : ", AF_PACKET"}`,
    gigabitPerSecond: median(rates[i] ?? []) / 1e9,
    ratioToHandMade: median((rates[i] ?? []).map((rate, round) => rate / (byHand[round] ?? NaN))),
    pingMedianMs: median(trips[i] ?? []),
    pingP95Ms: percentile(trips[i] ?? [], 95),
  }));
}

if (import.meta.main) {
  for (const userspaceTso of [false, true]) {
    // deno-lint-ignore no-console -- a benchmark prints its table
    console.table(await measurePaths({ rounds: 5, seconds: 2, userspaceTso }));
  }
}
