/**
 * The main job, told in plain text: three hosts, a physical switch and a physical server; pods
 * started by containerd become hosts of a VLAN.
 *
 * @module
 */

import {
  type Container,
  type EquippedHost,
  type Lab,
  type Server,
  startLab,
} from "../tests/lab/mod.ts";
import type { Place } from "../tests/lab/mod.ts";

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

const KEEP_SECONDS = 4 * 3600;

function say(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}

function title(text: string): void {
  say(`\n== ${text}`);
}

function indent(text: string): string {
  return text.trimEnd().split("\n").map((line) => `   ${line}`).join("\n");
}

/** Runs fabric-admin on a host, shown as an administrator would type it. */
async function admin(host: EquippedHost, args: readonly string[], input?: string): Promise<void> {
  say(` ${host.plan.name}# fabric-admin ${args.join(" ")}`);
  const result = await host.admin(args, input === undefined ? {} : { input });
  say(indent(result.stdout + result.stderr));
  if (result.code !== 0) throw new Error(`fabric-admin ended with status ${result.code}`);
}

interface Reach {
  readonly from: Place;
  readonly fromName: string;
  readonly to: string;
  readonly toName: string;
  /** Default true. */
  readonly expected?: boolean;
}

/** Pings, and fails where the answer is not the expected one. */
async function reach({ from, fromName, to, toName, expected = true }: Reach): Promise<void> {
  const { received } = await from.ping(to, { count: 2, waitMs: expected ? 2000 : 500 });
  const reached = received > 0;
  const word = reached ? "answers" : "does not answer";
  say(`   ${fromName} -> ${toName} (${to}): ${word}${expected ? "" : ", as it should be"}`);
  if (reached !== expected) throw new Error(`${fromName} -> ${toName}: expected the opposite`);
}

async function address(container: Container, family: 4 | 6): Promise<string> {
  const text = await container.execOk(["ip", "-j", `-${family}`, "address", "show", "eth0"]);
  const [link]: { addr_info: { local: string; scope: string }[] }[] = JSON.parse(text);
  const found = link?.addr_info.find((entry) => entry.scope === "global");
  if (found === undefined) throw new Error(`${container.id} has no IPv${family} address`);
  return found.local;
}

async function story(lab: Lab): Promise<void> {
  const [host1, host2, host3] = lab.hosts;
  if (host1 === undefined || host2 === undefined || host3 === undefined) {
    throw new Error("no hosts");
  }
  say("   host1, host2, host3   nodes, each with an Open vSwitch of its own and an uplink (trunk)");
  say("   switch                the physical switch");
  say("   server                a physical server on an access port of VLAN 100, 10.100.0.10");
  say("   router                with a leg in VLAN 100 and one in VLAN 200");
  const server: Server = await lab.addServer({
    name: "server",
    vlan: 100,
    addresses: ["10.100.0.10/24", "fd00:100::10/64"],
  });

  title("One file on every host: the CNI plugin, /opt/cni/bin/fabric");
  for (const host of lab.hosts) {
    const conflists = {
      "10-fabric.conflist": CONFLIST(host === host3 ? "guests" : "pods"),
    };
    await host.installFabric({ conflists });
  }
  say(indent(await host1.execOk(["/opt/cni/bin/fabric", "version"])));

  title("An administrator declares the networks; they are in etcd from now on");
  await admin(host1, ["apply", "-f", "-"], NETWORKS);
  await admin(host1, ["get", "networks"]);

  title("containerd starts pods (ctr run --cni); the plugin makes each a port of its VLAN");
  const runtimes = await Promise.all(lab.hosts.map((host) => host.containerd()));
  const names = ["web", "db", "guest"];
  const pods = await Promise.all(runtimes.map((runtime, i) => runtime.run(names[i] ?? "pod")));
  const [web, db, guest] = pods;
  if (web === undefined || db === undefined || guest === undefined) throw new Error("no pods");
  const second = await runtimes[0]?.run("cache");
  if (second === undefined) throw new Error("no pod");
  const [dbV4, dbV6, cacheV4, guestV4] = [
    await address(db, 4),
    await address(db, 6),
    await address(second, 4),
    await address(guest, 4),
  ];
  await admin(host1, ["get", "addresses"]);

  title("They are hosts of the layer 2: no NAT, no tunnel");
  const from = { from: web, fromName: "pod web on host1" };
  await reach({ ...from, to: cacheV4, toName: "pod cache on host1" });
  await reach({ ...from, to: dbV4, toName: "pod db on host2" });
  await reach({ ...from, to: dbV6, toName: "pod db on host2" });
  await reach({ ...from, to: server.address(4), toName: "the physical server" });
  await reach({
    from: server,
    fromName: "the physical server",
    to: dbV4,
    toName: "pod db on host2",
  });
  await reach({
    ...from,
    to: guestV4,
    toName: "pod guest in VLAN 200 on host3, by the router",
  });
  const seen = await server.execOk(["ip", "neighbour", "show", dbV4]);
  say(` server# ip neighbour show ${dbV4}        (the pod's own MAC: it is a neighbour)`);
  say(indent(seen));

  title("An address reserved for something outside is never handed out");
  await admin(host1, [
    "reserve",
    "10.100.0.10",
    "--network",
    "pods",
    "--reason",
    "physical-server",
  ]);

  title("The pod ends; its address rests, and what it was is on record");
  await db.remove();
  say(" host2# ctr task kill db");
  await admin(host1, ["history", dbV4]);
}

const CONFLIST = (network: string): Readonly<Record<string, unknown>> => ({
  cniVersion: "1.0.0",
  cniVersions: ["0.4.0", "1.0.0", "1.1.0"],
  name: "fabric",
  plugins: [{ type: "fabric", config: "/etc/fabric/config.yaml", network }],
});

async function main(): Promise<void> {
  const keep = Deno.args.includes("--keep");
  const unknown = Deno.args.filter((arg) => arg !== "--keep");
  if (unknown.length > 0) {
    say(`demo: unknown argument ${unknown[0]}; the only one is --keep`);
    Deno.exit(2);
  }
  const start = performance.now();
  title("A data centre on this machine");
  await using lab = await startLab({ hosts: 3 });
  await story(lab);
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  title(`Done in ${seconds} s`);
  if (!keep) {
    say("   The lab is gone again. To look around in one:   ./scripts/demo --keep");
    say("   A lab without the story:                        ./scripts/lab up");
    say("   All tests:                                      ./scripts/test");
    return;
  }
  say(`   The lab stays until you press Ctrl-C (at most ${KEEP_SECONDS / 3600} hours). In another`);
  say("   terminal, a shell on host1:");
  say(`      nsenter -t ${lab.host(0).pid()} -a`);
  say("   and there, for example:");
  say("      fabric-admin get addresses --network pods -o wide");
  say("      fabric-admin describe network pods");
  say("      ovs-vsctl show");
  const interrupted = Promise.withResolvers<void>();
  Deno.addSignalListener("SIGINT", () => interrupted.resolve());
  Deno.addSignalListener("SIGTERM", () => interrupted.resolve());
  const timer = setTimeout(() => interrupted.resolve(), KEEP_SECONDS * 1000);
  await interrupted.promise;
  clearTimeout(timer);
}

await main();
