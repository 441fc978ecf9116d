/**
 * `fabric-ctl serve` over a large data centre: how soon it is ready, how fast pages and search come,
 * how soon a thousand watchers hear of a change, and how much memory it takes.
 *
 * @module
 */

import { ulid } from "@std/ulid";
import { openGatewayStore } from "../../mod/etcd/gateway.ts";
import type { Operation, Store } from "../../mod/etcd/store.ts";
import { type Address, formatAddress } from "../../mod/ip/address.ts";
import { macOfAddress } from "../../mod/ip/mac.ts";
import {
  addressKey,
  networkKey,
  nodeKey,
  physicalNetworkKey,
  zoneKey,
} from "../../mod/ipam/keys.ts";
import { encodeRecord } from "../../mod/ipam/stored.ts";
import { API_VERSION } from "../../mod/model/resource.ts";
import { startEtcd } from "../etcd_fixture.ts";
import { RELEASE } from "../executable.ts";
import { freePort } from "../free_port.ts";
import { supervise } from "../supervised.ts";

export interface ServerBenchOptions {
  readonly nodes: number;
  readonly networks: number;
  readonly addresses: number;
  readonly watchers: number;
  readonly requests: number;
}

/** What the issue of scale asks for. */
export const LARGE: ServerBenchOptions = {
  nodes: 5000,
  networks: 1000,
  addresses: 200_000,
  watchers: 1000,
  requests: 300,
};

export interface Figure {
  readonly figure: string;
  readonly value: number;
  readonly goal: string;
}

const SINCE = "2026-01-01T00:00:00.000Z";
const BATCH = 100;
const WRITERS = 16;

function* documents(options: ServerBenchOptions): Generator<Operation> {
  const put = (key: string, kind: string, name: string, spec: unknown): Operation => ({
    put: key,
    value: encodeRecord({
      apiVersion: API_VERSION,
      kind,
      metadata: { name, uid: crypto.randomUUID(), creationTimestamp: SINCE },
      spec,
    }),
  });
  yield put(physicalNetworkKey("prod"), "PhysicalNetwork", "prod", { mtu: 9000 });
  yield put(zoneKey("z1"), "Zone", "z1", { physicalNetworks: ["prod"] });
  for (let i = 0; i < options.nodes; i++) {
    const name = `node-${i}`;
    yield put(nodeKey("local", name), "Node", name, { cluster: "local", zone: "z1" });
  }
  const perNetwork = options.addresses / options.networks;
  for (let n = 0; n < options.networks; n++) {
    const name = `net-${n}`;
    const base = 0x0a000000n + BigInt(n) * 1024n;
    yield put(networkKey(name), "Network", name, {
      physicalNetwork: "prod",
      vlan: n + 1,
      mtu: 9000,
      subnets: [{ cidr: `${formatAddress({ family: 4, value: base })}/22` }],
    });
    for (let i = 0; i < perNetwork; i++) {
      yield address(name, { family: 4, value: base + 1n + BigInt(i) }, n * perNetwork + i, options);
    }
  }
}

function address(
  network: string,
  address: Address,
  serial: number,
  { nodes }: ServerBenchOptions,
): Operation {
  const holder = {
    cluster: "local",
    node: `node-${serial % nodes}`,
    containerId: serial.toString(16).padStart(8, "0").repeat(8),
    ifname: "eth0",
    pod: {
      namespace: `team-${serial % 97}`,
      name: `web-${serial}-x7k2p`,
      uid: crypto.randomUUID(),
    },
  };
  return {
    put: addressKey(network, address),
    value: encodeRecord({
      state: "used",
      id: ulid(),
      holder,
      mac: macOfAddress(address),
      since: SINCE,
    }),
  };
}

async function fill(store: Store, options: ServerBenchOptions): Promise<void> {
  const all = documents(options);
  const write = async (): Promise<void> => {
    while (true) {
      const success: Operation[] = [];
      for (let i = 0; i < BATCH; i++) {
        const { done, value } = all.next();
        if (done === true) break;
        success.push(value);
      }
      if (success.length === 0) return;
      await store.txn({ success }, { timeoutMs: 60_000 });
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, write));
}

function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? NaN;
}

/** 99th percentile of a request, in milliseconds, by four clients. */
async function p99(count: number, ask: (i: number) => Promise<void>): Promise<number> {
  const times: number[] = [];
  let next = 0;
  const client = async (): Promise<void> => {
    for (let i = next++; i < count; i = next++) {
      const started = performance.now();
      await ask(i);
      times.push(performance.now() - started);
    }
  };
  await Promise.all([client(), client(), client(), client()]);
  return quantile(times.toSorted((a, b) => a - b), 0.99);
}

function memoryMiB(pid: number, field: "VmRSS" | "VmHWM"): number {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(new RegExp(`${field}:\\s*(\\d+) kB`).exec(status)?.[1] ?? NaN) / 1024;
}

/** Processor time so far, in seconds (the kernel counts hundredths): what a busy machine cannot hide. */
function cpuSeconds(pid: number): number {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`).replace(/^.*\) /, "").split(" ");
  return (Number(stat[11]) + Number(stat[12])) / 100;
}

/** All figures. */
export async function measureServer(
  options: ServerBenchOptions = LARGE,
): Promise<readonly Figure[]> {
  await using etcd = await startEtcd();
  await using store = await openGatewayStore({ endpoints: etcd.endpoints });
  await fill(store, options);
  const raw = await p99(options.requests, async () => {
    await store.range({ key: networkKey("net-1") });
  });
  const dir = await Deno.makeTempDir({ prefix: "fabric-bench-server-" });
  await Deno.writeTextFile(
    `${dir}/config.yaml`,
    "log: {file: /dev/stderr, level: error}\n" +
      "server: {rate: {perSecond: 100000, burst: 100000}}\n",
  );
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const started = performance.now();
  const server = await supervise([
    RELEASE,
    "ctl",
    "serve",
    `--listen=127.0.0.1:${port}`,
    "--anonymous=admin",
    `--config=${dir}/config.yaml`,
    `--etcd-endpoints=${etcd.endpoints.join(",")}`,
  ], `${dir}/server.log`);
  try {
    const get = async (path: string): Promise<void> => {
      const response = await fetch(url + path);
      const text = await response.text();
      if (!response.ok) throw new Error(`${path}: ${response.status} ${text.slice(0, 300)}`);
    };
    while (
      !await fetch(`${url}/readyz`).then((r) => r.body?.cancel().then(() => r.ok), () => false)
    ) {
      if (performance.now() - started > 60_000) throw new Error("the server is not ready");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const ready = (performance.now() - started) / 1000;
    const readyCpu = cpuSeconds(server.pid);
    const { requests, networks, addresses } = options;
    const page = await p99(
      requests,
      (i) => get(`/api/v1/addresses?network=net-${i % networks}&limit=100`),
    );
    const all = await p99(requests, () => get("/api/v1/addresses?limit=500"));
    const sorted = await p99(
      requests,
      (i) => get(`/api/v1/networks?sort=-spec.vlan&limit=100&filter=metadata.name~${i % 10}`),
    );
    const words = (i: number): string =>
      [
        `10.0.${i % 250}.7`,
        `web-${(i * 7919) % addresses}-`,
        `node-${i}`,
        `team-${i % 97}`,
      ][i % 4] ?? "";
    const beforeSearch = cpuSeconds(server.pid);
    const found = await p99(requests, (i) => get(`/api/v1/search?q=${words(i)}`));
    const searchCpu = (cpuSeconds(server.pid) - beforeSearch) * 1000 / requests;
    const usage = await p99(20, () => get("/api/v1/usage?limit=100"));
    const heard = await watchersHear(url, store, options.watchers);
    return [
      { figure: "ready (s)", value: ready, goal: "<= 5" },
      { figure: "processor time until ready (s)", value: readyCpu, goal: "" },
      { figure: "page of a network's addresses, p99 (ms)", value: page, goal: "<= 100" },
      { figure: "page of all addresses, p99 (ms)", value: all, goal: "<= 100" },
      { figure: "networks sorted and filtered, p99 (ms)", value: sorted, goal: "<= 100" },
      { figure: "search, p99 (ms)", value: found, goal: "<= 100" },
      { figure: "processor time of a search, mean (ms)", value: searchCpu, goal: "" },
      { figure: "usage of all networks, p99 (ms)", value: usage, goal: "" },
      { figure: `${options.watchers} watchers hear of a change (s)`, value: heard, goal: "<= 1" },
      { figure: "memory (MiB)", value: memoryMiB(server.pid, "VmRSS"), goal: "<= 512" },
      { figure: "memory, most (MiB)", value: memoryMiB(server.pid, "VmHWM"), goal: "" },
      { figure: "etcd itself: one key, p99 (ms)", value: raw, goal: "" },
    ];
  } finally {
    await server.end();
    await Deno.remove(dir, { recursive: true });
  }
}

/** Seconds until the last watcher has the change. */
async function watchersHear(url: string, store: Store, count: number): Promise<number> {
  const gone = new AbortController();
  const wait = Promise.withResolvers<void>();
  let standing = 0;
  let heard = 0;
  const all = Promise.withResolvers<void>();
  const watch = async (): Promise<void> => {
    const response = await fetch(`${url}/api/v1/networks?watch=true`, { signal: gone.signal });
    let told = false;
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      if (!told && ++standing === count) wait.resolve();
      told = true;
      if (!chunk.includes("event: modified")) continue;
      if (++heard === count) all.resolve();
      return;
    }
  };
  const watching = Array.from({ length: count }, () => watch().catch(() => {}));
  await wait.promise;
  const key = networkKey("net-1");
  const { kvs: [kv] } = await store.range({ key });
  const started = performance.now();
  await store.txn({ success: [{ put: key, value: kv?.value ?? "" }] });
  await all.promise;
  const seconds = (performance.now() - started) / 1000;
  gone.abort();
  await Promise.all(watching);
  return seconds;
}
