/**
 * What the table of Services is walked in: servers and clients in a cluster and around it, and one way
 * to a server for each kind of Service. Every server is agnhost's `netexec`.
 *
 * @module
 */

import * as v from "valibot";
import { enterHost } from "../lab/host.ts";
import { makePlace } from "../lab/place.ts";
import { type Place, type Running, type Server, TOOLS } from "../lab/mod.ts";
import type { Cluster } from "./cluster.ts";
import { lastEvents } from "./rollouts.ts";
import {
  type Addresses,
  CLOSED,
  clusterIps,
  endpointSlice,
  type Family,
  NODE_PORT,
  podObject,
  PODS,
  PORT,
  serviceObject,
} from "./service_objects.ts";
import type { Client, Way } from "./service_table.ts";

/** Who asks. */
export interface ServiceClient {
  readonly place: Place;
  readonly addresses: Addresses;
}

/** What is asked. */
export interface Target {
  /** Addresses, or a name that the cluster's DNS knows. */
  readonly host: Addresses | string;
  /** TCP and UDP. */
  readonly port: number;
  /** Nothing listens on this UDP port. */
  readonly closed: number;
}

export interface ServiceWorld {
  readonly clients: Readonly<Record<Client, ServiceClient>>;
  readonly targets: Readonly<Record<Way, Target>>;
}

/** The path to the server behind the router is narrower than its ends believe. */
const NARROW_MTU = 1400;

async function addServers(cluster: Cluster) {
  const { lab } = cluster;
  await lab.addVlan({ vlan: 900, router: ["192.0.2.1/24", "fd00:2::1/64"] });
  const [legacy, outside] = await Promise.all([
    lab.addServer({
      name: "legacy",
      vlan: 100,
      addresses: ["10.100.0.10/24", "fd00:100::10/64"],
    }),
    lab.addServer({
      name: "outside",
      vlan: 900,
      addresses: ["192.0.2.10/24", "fd00:2::10/64"],
      gateways: ["192.0.2.1", "fd00:2::1"],
      mtu: NARROW_MTU,
    }),
  ]);
  await outside.execOk(`ip route change default via 192.0.2.1 advmss 1460
    ip -6 route change default via fd00:2::1 advmss 1440`);
  await lab.router.execOk(`ip link set prod.900 mtu ${NARROW_MTU}`);
  await Promise.all([legacy, outside].map(serve));
  return { legacy, outside };
}

async function serve(place: Place): Promise<Running> {
  const program = `${TOOLS}kubernetes/agnhost`;
  const running = place.start([
    program,
    "netexec",
    `--http-port=${PORT}`,
    `--udp-port=${PORT}`,
  ]);
  await running.until(/listening|Started/i);
  return running;
}

const PodSchema = v.object({
  status: v.object({ podIPs: v.array(v.object({ ip: v.string() })) }),
});

async function addressesOf(cluster: Cluster, pod: string): Promise<Addresses> {
  const text = await cluster.kubectl("get", "pod", pod, "--output=json");
  const { status } = v.parse(PodSchema, JSON.parse(text));
  const of = (family: Family) =>
    status.podIPs.map(({ ip }) => ip).find((ip) => ip.includes(":") === (family === 6)) ?? "none";
  return { 4: of(4), 6: of(6) };
}

/** The place of a Pod: the sandbox on its node that has its address. */
async function placeOf(cluster: Cluster, name: string, ip: string): Promise<Place> {
  const host = cluster.lab.host(PODS[name]?.node ?? "");
  const found = await host.execOk(`for netns in /run/netns/cni-*; do
    if nsenter --net="$netns" -- ip -4 address show | grep -q "inet ${ip}/"; then echo "$netns"; fi
  done`);
  const path = host.path(found.trim());
  return makePlace(name, () => enterHost(host.pid(), path));
}

async function podClient(cluster: Cluster, name: string): Promise<ServiceClient> {
  const addresses = await addressesOf(cluster, name);
  return { place: await placeOf(cluster, name, addresses[4]), addresses };
}

function serverClient(server: Server): ServiceClient {
  return { place: server, addresses: { 4: server.address(4), 6: server.address(6) } };
}

/** Errors are told at once, not one a second. */
const TELL_ALL = `echo 0 >/proc/sys/net/ipv4/icmp_ratelimit
echo 0 >/proc/sys/net/ipv6/icmp/ratelimit`;

/** Makes it in a cluster of two nodes with Services; returns when all Pods are ready. */
export async function makeServiceWorld(cluster: Cluster): Promise<ServiceWorld> {
  const { lab } = cluster;
  const [{ legacy, outside }] = await Promise.all([
    addServers(cluster),
    cluster.apply(
      ...Object.entries(PODS).map(([name, options]) => podObject(name, options)),
      serviceObject("headless", { server: "self" }),
      serviceObject("plain", { server: "self", id: 1 }),
      serviceObject("anywhere", { server: "self", id: 2, nodePort: 30080, policy: "Cluster" }),
      serviceObject("local", { server: "self", id: 3, nodePort: 30082, policy: "Local" }),
      serviceObject("node1", { server: "node1", id: 4, port: NODE_PORT }),
      serviceObject("node2", { server: "node2", id: 5, port: NODE_PORT }),
      serviceObject("vlan-far", { server: "vlan-far", id: 6 }),
      serviceObject("legacy", { id: 7 }),
      serviceObject("outside", { id: 8 }),
      serviceObject("empty", { id: 9, server: "nobody" }),
    ),
  ]);
  await cluster.apply(
    ...([4, 6] as const).flatMap((family) => [
      endpointSlice("legacy", family, legacy.address(family)),
      endpointSlice("outside", family, outside.address(family)),
    ]),
  );
  try {
    await cluster.kubectl("wait", "--for=condition=Ready", "pod", "--all", "--timeout=120s");
  } catch (error) {
    throw new Error(`${error}\n${await lastEvents(cluster)}`);
  }
  const nodes = lab.hosts.map((host): ServiceClient => ({
    place: host,
    addresses: { 4: host.plan.management.v4, 6: host.plan.management.v6 },
  }));
  const [node1, node2] = nodes;
  if (node1 === undefined || node2 === undefined) throw new Error("two nodes are needed");
  const pod = (name: string) => podClient(cluster, name);
  const [self, here, far, vlan, vlanFar] = await Promise.all(
    (["self", "here", "far", "vlan", "vlan-far"] as const).map(pod),
  );
  if (!self || !here || !far || !vlan || !vlanFar) throw new Error("a Pod is missing");
  const clients: ServiceWorld["clients"] = {
    self,
    here,
    far,
    vlan,
    "vlan-far": vlanFar,
    node1,
    node2,
    legacy: serverClient(legacy),
    outside: serverClient(outside),
    mgmt: { place: lab.management, addresses: { 4: "172.31.0.1", 6: "fd00:31::1" } },
  };
  await Promise.all(Object.values(clients).map(({ place }) => place.execOk(TELL_ALL)));
  // The members of the store have the others of its addresses.
  await lab.management.execOk(`for n in 2 3; do
    ip -6 address change fd00:31::$n/64 dev mgmt preferred_lft 0
  done`);
  return { clients, targets: targetsOf(self, node1, node2) };
}

function targetsOf(self: ServiceClient, node1: ServiceClient, node2: ServiceClient) {
  const service = (id: number): Target => ({ host: clusterIps(id), port: 80, closed: 81 });
  const at = (client: ServiceClient, port: number, closed = port + 1): Target => ({
    host: client.addresses,
    port,
    closed,
  });
  const name = "headless.default.svc.cluster.local";
  return {
    "pod": at(self, PORT, CLOSED),
    "headless": { host: name, port: PORT, closed: CLOSED },
    "cluster-ip": service(1),
    "node-port@node1": at(node1, 30080),
    "node-port@node2": at(node2, 30080),
    "local-port@node1": at(node1, 30082),
    "local-port@node2": at(node2, 30082),
    "host-port": at(node1, 18080),
    "host@node1": at(node1, NODE_PORT, CLOSED),
    "host@node2": at(node2, NODE_PORT, CLOSED),
    "cluster-ip>node1": service(4),
    "cluster-ip>node2": service(5),
    "cluster-ip>vlan-far": service(6),
    "cluster-ip>legacy": service(7),
    "cluster-ip>outside": service(8),
  };
}
