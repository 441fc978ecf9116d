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
import { TOOLS_IMAGE } from "./images.ts";
import { lastEvents } from "./rollouts.ts";
import type { Client, Way } from "./service_table.ts";
import type { KubernetesObject } from "./workloads.ts";

export type Family = 4 | 6;
/** One address of each family. */
export type Addresses = Readonly<Record<Family, string>>;

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

/** Ports of `netexec`, for TCP and UDP: in Pods and servers, and where the network is the node's. */
const PORT = 8080;
const NODE_PORT = 8090;
/** Nobody listens there. */
const CLOSED = 9999;

interface PodOptions {
  readonly node: string;
  readonly vlan?: number;
  readonly hostNetwork?: boolean;
}

/** Pods by their clients' names; those of the nodes' own network have no client. */
const PODS: Readonly<Record<string, PodOptions>> = {
  self: { node: "host1" },
  here: { node: "host1" },
  far: { node: "host2" },
  vlan: { node: "host1", vlan: 200 },
  "vlan-far": { node: "host2", vlan: 200 },
  node1: { node: "host1", hostNetwork: true },
  node2: { node: "host2", hostNetwork: true },
};

function podObject(name: string, options: PodOptions): KubernetesObject {
  const { node, vlan, hostNetwork = false } = options;
  const port = hostNetwork ? NODE_PORT : PORT;
  const probe = (path: string) => ({
    httpGet: { path, port },
    periodSeconds: 1,
    timeoutSeconds: 5,
    failureThreshold: 20,
  });
  const hostPorts = [
    { containerPort: PORT, hostPort: 18080, protocol: "TCP" },
    { containerPort: PORT, hostPort: 18080, protocol: "UDP" },
    { containerPort: CLOSED, hostPort: 18081, protocol: "UDP" },
  ];
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      labels: { server: name },
      annotations: vlan === undefined ? {} : { "beyondfabric.io/network": `vlan${vlan}` },
    },
    spec: {
      nodeName: node,
      hostNetwork,
      terminationGracePeriodSeconds: 1,
      containers: [{
        name: "main",
        image: TOOLS_IMAGE,
        imagePullPolicy: "Never",
        args: ["netexec", `--http-port=${port}`, `--udp-port=${port}`],
        readinessProbe: probe("/readyz"),
        livenessProbe: probe("/healthz"),
        ports: name === "self" ? hostPorts : [],
      }],
    },
  };
}

interface ServiceOptions {
  /** Label of the Pod; none: its endpoints are given. */
  readonly server?: string;
  readonly port?: number;
  /** Last part of its ClusterIPs; none: it is headless. */
  readonly id?: number;
  readonly nodePort?: number;
  readonly policy?: "Cluster" | "Local";
}

function serviceObject(name: string, options: ServiceOptions): KubernetesObject {
  const { server, port = PORT, id, nodePort, policy } = options;
  const ports = [
    { name: "tcp", protocol: "TCP", port: 80, targetPort: port },
    { name: "udp", protocol: "UDP", port: 80, targetPort: port },
    { name: "closed", protocol: "UDP", port: 81, targetPort: CLOSED },
  ];
  const ips = id === undefined ? ["None"] : [clusterIps(id)[4], clusterIps(id)[6]];
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name },
    spec: {
      type: nodePort === undefined ? "ClusterIP" : "NodePort",
      ...(server === undefined ? {} : { selector: { server } }),
      ipFamilyPolicy: "RequireDualStack",
      ipFamilies: ["IPv4", "IPv6"],
      clusterIP: ips[0],
      clusterIPs: ips,
      ...(policy === undefined ? {} : { externalTrafficPolicy: policy }),
      ports: ports.map((it) =>
        nodePort === undefined ? it : { ...it, nodePort: nodePort + it.port - 80 }
      ),
    },
  };
}

function clusterIps(id: number): Addresses {
  return { 4: `10.96.7.${id}`, 6: `fd00:96::7${String(id).padStart(2, "0")}` };
}

/** ClusterIPs of a Service that no Pod is behind. */
export const EMPTY_IPS = clusterIps(9);

/** Endpoints that are no Pods. */
function endpointSlice(name: string, family: Family, address: string): KubernetesObject {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: `${name}-${family}`, labels: { "kubernetes.io/service-name": name } },
    addressType: `IPv${family}`,
    ports: [
      { name: "tcp", protocol: "TCP", port: PORT },
      { name: "udp", protocol: "UDP", port: PORT },
      { name: "closed", protocol: "UDP", port: CLOSED },
    ],
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
  };
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
