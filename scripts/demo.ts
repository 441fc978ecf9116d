/**
 * The main job, told in plain text: three hosts, a physical switch and a physical server; pods
 * started by containerd become hosts of a VLAN.
 *
 * @module
 */

import * as v from "valibot";
import { RELEASE } from "../tests/executable.ts";
import { freePort } from "../tests/free_port.ts";
import type { Container, EquippedHost, Lab, Place, Server } from "../tests/lab/mod.ts";
import { conflist, startLab } from "../tests/lab/mod.ts";
import { announceLab } from "../tests/lab/standing.ts";

const NETWORKS = `apiVersion: beyondfabric.io/v1alpha1
kind: PhysicalNetwork
metadata: {name: prod}
spec: {mtu: 1500}
---
apiVersion: beyondfabric.io/v1alpha1
kind: Zone
metadata: {name: zone1}
spec: {physicalNetworks: [prod]}
---
apiVersion: beyondfabric.io/v1alpha1
kind: Network
metadata: {name: pods}
spec:
  physicalNetwork: prod
  vlan: 100
  subnets:
  - {cidr: 10.100.0.0/24, gateway: 10.100.0.1, ranges: [10.100.0.20-10.100.0.250]}
  - {cidr: "fd00:100::/64", gateway: "fd00:100::1"}
---
apiVersion: beyondfabric.io/v1alpha1
kind: Network
metadata: {name: guests}
spec:
  physicalNetwork: prod
  vlan: 200
  subnets:
  - {cidr: 10.200.0.0/24, gateway: 10.200.0.1}
`;

const PLACES =
  `host1 host2 host3   nodes, each with its own Open vSwitch, etcd's address and an uplink
switch              the physical switch; the uplinks are trunks with VLAN 100 and 200
server              a physical server on an access port of VLAN 100: 10.100.0.10
router              10.100.0.1 in VLAN 100 and 10.200.0.1 in VLAN 200`;

const KEEP_HOURS = 4;

function say(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}

function title(text: string): void {
  say(`\n== ${text}`);
}

function sayIndented(text: string): void {
  for (const line of text.trimEnd().split("\n")) say(`   ${line}`);
}

/** A command as it would be typed there. */
function sayCommand(place: string, command: string): void {
  say(` ${place}# ${command}`);
}

async function admin(host: EquippedHost, command: string): Promise<void> {
  sayCommand(host.name, `fabric-admin ${command}`);
  const { code, stdout, stderr } = await host.admin(command.split(" "));
  sayIndented(stdout + stderr);
  if (code !== 0) throw new Error(`fabric-admin ended with status ${code}`);
}

async function show(place: Place, command: string): Promise<void> {
  sayCommand(place.name, command);
  sayIndented(await place.execOk(command));
}

/** A pod as the story knows it. */
interface Pod {
  readonly container: Container;
  /** For the reader. */
  readonly title: string;
  readonly v4: string;
  /** Undefined in a network of IPv4 alone. */
  readonly v6: string | undefined;
}

interface PodPlan {
  readonly host: EquippedHost;
  readonly name: string;
  readonly vlan: number;
}

async function startPods(plans: readonly PodPlan[]): Promise<readonly Pod[]> {
  const hosts = [...new Set(plans.map(({ host }) => host))];
  const runtimes = new Map(
    await Promise.all(hosts.map(async (host) => [host, await host.containerd()] as const)),
  );
  const pods: Pod[] = [];
  for (const { host, name, vlan } of plans) {
    sayCommand(host.name, `ctr run --cni --rootfs ROOTFS ${name} sleep 100000`);
    const container = await runtimes.get(host)?.run(name);
    if (container === undefined) throw new Error(`${host.name} has no containerd`);
    const addresses = await container.addresses("eth0");
    say(`   pod ${name}: VLAN ${vlan}, ${addresses.join(" and ")}`);
    const plain = addresses.map((address) => address.replace(/\/.*/, ""));
    pods.push({
      container,
      title: `pod ${name} on ${host.name}`,
      v4: plain.find((address) => !address.includes(":")) ?? "",
      v6: plain.find((address) => address.includes(":")),
    });
  }
  return pods;
}

/** Pings, tells the outcome, and fails where it is not the expected one. */
async function ping(
  from: { readonly place: Place; readonly title: string },
  to: { readonly address: string; readonly title: string },
  options: { readonly expected: boolean } = { expected: true },
): Promise<void> {
  const { received } = await from.place.ping(to.address, {
    count: 2,
    waitMs: options.expected ? 2000 : 500,
  });
  const reached = received > 0;
  if (reached !== options.expected) {
    throw new Error(`${from.title} -> ${to.title} (${to.address}): ${received} answers`);
  }
  const word = reached ? "answers" : "no answer, as it should be";
  say(`   ${from.title} -> ${to.title} (${to.address}): ${word}`);
}

async function story(lab: Lab, server: Server): Promise<void> {
  const [host1, host2, host3] = [lab.host(0), lab.host(1), lab.host(2)];

  title("One file on every host is the whole installation: the CNI plugin /opt/cni/bin/fabric");
  await Promise.all(lab.hosts.map((host) => {
    const network = host === host3 ? "guests" : "pods";
    return host.installFabric({
      conflists: { "10-fabric.conflist": conflist({ plugin: { network } }) },
    });
  }));
  sayIndented((await host1.execOk(["/opt/cni/bin/fabric", "version"])).split("\n")[0] ?? "");

  title("A network administrator declares VLANs and subnets; they are in etcd from now on");
  await host1.writeFile("/etc/fabric/networks.yaml", NETWORKS);
  await admin(host1, "apply -f /etc/fabric/networks.yaml");
  await admin(host1, "get networks");
  await admin(host1, "reserve 10.100.0.40-10.100.0.49 --network pods --reason firewalls");

  title("containerd starts pods; the plugin gives each an address, and a port in its VLAN");
  const [web, app, db, crm] = await startPods([
    { host: host1, name: "web", vlan: 100 },
    { host: host1, name: "app", vlan: 100 },
    { host: host2, name: "db", vlan: 100 },
    { host: host3, name: "crm", vlan: 200 },
  ]);
  if (!web || !app || !db || !crm) throw new Error("pods are missing");
  await show(host1, "ovs-vsctl --format=table --columns=name,tag find Port tag=100");
  await admin(host1, "get addresses --state used");

  title("They are hosts of the VLAN: no NAT, no tunnel");
  const fromWeb = { place: web.container, title: "pod web" };
  const physical = { address: server.address(4), title: "the physical server" };
  await ping(fromWeb, { address: app.v4, title: app.title });
  await ping(fromWeb, { address: db.v4, title: db.title });
  await ping(fromWeb, { address: db.v6 ?? "", title: db.title });
  await ping(fromWeb, physical);
  await ping({ place: server, title: physical.title }, { address: db.v4, title: db.title });
  say("   To the server the pod is a neighbour, with a MAC of its own:");
  await show(server, `ip neighbour show ${db.v4}`);

  title("VLAN 100 and VLAN 200 meet in the router only");
  await ping(fromWeb, { address: crm.v4, title: `${crm.title}, VLAN 200` });
  sayCommand("router", "ip link set prod.200 down");
  await lab.router.execOk("ip link set prod.200 down");
  await ping(fromWeb, { address: crm.v4, title: crm.title }, { expected: false });
  await lab.router.execOk("ip link set prod.200 up");

  title("A pod ends; its addresses rest a minute, and who had them stays on record");
  sayCommand("host2", "ctr task kill db");
  await db.container.remove();
  await admin(host1, `history ${db.v4}`);
}

/** `fabric-ctl serve`, for this machine's browsers; ends with the story. */
async function startConsole(lab: Lab): Promise<AsyncDisposable & { readonly url: string }> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/`;
  const process = new Deno.Command(RELEASE, {
    args: [
      "ctl",
      "serve",
      `--listen=127.0.0.1:${port}`,
      "--anonymous=admin",
      `--etcd-endpoints=${lab.etcd.testEndpoints.join(",")}`,
      "--log-file=/dev/stderr",
      "--log-level=error",
    ],
    clearEnv: true,
    env: { PATH: "/usr/bin:/bin" },
    stdin: "null",
    stdout: "null",
  }).spawn();
  const ended = process.status;
  const ready = async (): Promise<boolean> => {
    try {
      const answer = await fetch(`${url}readyz`);
      await answer.body?.cancel();
      return answer.ok;
    } catch {
      return false;
    }
  };
  const deadline = performance.now() + 30_000;
  while (!await ready()) {
    if (performance.now() > deadline) throw new Error("fabric-ctl serve is not ready");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    url,
    async [Symbol.asyncDispose]() {
      process.kill("SIGTERM");
      await ended;
    },
  };
}

const FoundSchema = v.object({
  items: v.array(v.object({ name: v.string(), state: v.optional(v.string()) })),
});

/** What the REST API finds, as a line for each. */
async function search(url: string, text: string): Promise<void> {
  sayCommand("here", `curl '${url}api/v1/search?q=${text}'`);
  const { items } = v.parse(
    FoundSchema,
    await (await fetch(`${url}api/v1/search?q=${encodeURIComponent(text)}`)).json(),
  );
  for (const { name, state } of items) sayIndented(`${name} ${state ?? ""}`);
}

async function keep(lab: Lab, server: Server): Promise<void> {
  const about =
    `The lab of scripts/demo: ${lab.hosts.length} hosts, a switch, a router, a server\n`;
  await using _standing = await announceLab(lab, { name: "demo", servers: [server], about });
  say(`   The lab stays until Ctrl-C (at most ${KEEP_HOURS} hours). Try in another terminal:`);
  say("      scripts/lab enter --name demo host1 fabric-admin get addresses -o wide");
  say("      scripts/lab enter --name demo host1 fabric-admin describe network pods");
  say("      scripts/lab enter --name demo host1 ovs-vsctl show");
  say("      scripts/lab enter --name demo server          a shell on the physical server");
  const interrupted = Promise.withResolvers<void>();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, interrupted.resolve);
  }
  const timer = setTimeout(interrupted.resolve, KEEP_HOURS * 3_600_000);
  await interrupted.promise;
  clearTimeout(timer);
}

async function main(args: readonly string[]): Promise<number> {
  const unknown = args.find((arg) => arg !== "--keep");
  if (unknown !== undefined) {
    say(`demo: unknown argument ${unknown}; the only one is --keep`);
    return 2;
  }
  const start = performance.now();
  title("A data centre on this machine, in namespaces");
  await using lab = await startLab({ hosts: 3 });
  const server = await lab.addServer({
    name: "server",
    vlan: 100,
    addresses: ["10.100.0.10/24", "fd00:100::10/64"],
  });
  sayIndented(PLACES);
  await story(lab, server);
  title("The same by REST, and in the browser: fabric-ctl serve");
  await using served = await startConsole(lab);
  await search(served.url, "host1");
  say(
    `   The console: ${served.url} while the lab stands; who is on this machine is an admin there`,
  );
  title(`Done in ${((performance.now() - start) / 1000).toFixed(0)} s`);
  if (args.includes("--keep")) {
    say(`   The console stays with the lab: ${served.url}`);
    await keep(lab, server);
  } else {
    say("   The lab is gone again. Next:");
    say("      ./scripts/demo --keep    the same; lab and console stay to look around in them");
    say("      ./scripts/lab up         a lab without the story");
    say("      ./scripts/test           all tests");
  }
  return 0;
}

Deno.exit(await main(Deno.args));
