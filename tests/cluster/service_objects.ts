/**
 * The objects of Kubernetes that the table of Services is walked in.
 *
 * @module
 */

import { TOOLS_IMAGE } from "./images.ts";
import type { KubernetesObject } from "./workloads.ts";

export type Family = 4 | 6;
/** One address of each family. */
export type Addresses = Readonly<Record<Family, string>>;

/** Ports of `netexec`, for TCP and UDP: in Pods and servers, and where the network is the node's. */
export const PORT = 8080;
export const NODE_PORT = 8090;
/** Nobody listens there. */
export const CLOSED = 9999;

/** Where a Pod is. */
export interface PodOptions {
  readonly node: string;
  readonly vlan?: number;
  readonly hostNetwork?: boolean;
}

/** Pods by their clients' names; those of the nodes' own network have no client. */
export const PODS: Readonly<Record<string, PodOptions>> = {
  self: { node: "host1" },
  here: { node: "host1" },
  far: { node: "host2" },
  vlan: { node: "host1", vlan: 200 },
  "vlan-far": { node: "host2", vlan: 200 },
  node1: { node: "host1", hostNetwork: true },
  node2: { node: "host2", hostNetwork: true },
};

/** A Pod that answers as `netexec`, with probes of its kubelet. */
export function podObject(name: string, options: PodOptions): KubernetesObject {
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

/** What is behind a Service, and how it is reached. */
export interface ServiceOptions {
  /** Label of the Pod; none: its endpoints are given. */
  readonly server?: string;
  readonly port?: number;
  /** Last part of its ClusterIPs; none: it is headless. */
  readonly id?: number;
  readonly nodePort?: number;
  readonly policy?: "Cluster" | "Local";
}

/** A Service of both families, for TCP, UDP, and a port that nobody listens on. */
export function serviceObject(name: string, options: ServiceOptions): KubernetesObject {
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

/** Its ClusterIPs. */
export function clusterIps(id: number): Addresses {
  return { 4: `10.96.7.${id}`, 6: `fd00:96::7${String(id).padStart(2, "0")}` };
}

/** ClusterIPs of a Service that no Pod is behind. */
export const EMPTY_IPS = clusterIps(9);

/** Endpoints that are no Pods. */
export function endpointSlice(name: string, family: Family, address: string): KubernetesObject {
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
