/**
 * A real Kubernetes in a lab: the hosts are its nodes, their Pods are citizens of the lab's VLANs.
 *
 * ```ts
 * await using cluster = await startCluster({ nodes: 2 });
 * await cluster.apply(deployment("orders", { replicas: 5 }));
 * await cluster.kubectl("rollout", "status", "deployment/orders");
 * ```
 *
 * @module
 */

import {
  conflist,
  type Lab,
  manifest,
  type ManifestObject,
  requireOk,
  startLab,
  TOOLS,
} from "../lab/mod.ts";
import {
  type ControlPlane,
  type KubectlOptions,
  SERVICE_CIDRS,
  startControlPlane,
} from "./control_plane.ts";
import { startClusterDns } from "./cluster_dns.ts";
import { type ClusterNode, type ProxyMode, startNode, untilNodeReady } from "./node.ts";

export interface ClusterOptions {
  /** Default 2. */
  readonly nodes?: number;
  /**
   * Objects of fabric beside those of the lab, or in place of those of the same name. The lab's
   * network vlan100 is the nodes' default.
   */
  readonly objects?: readonly ManifestObject[];
  /**
   * `test`: the nodes get fabric before they start. `none`: they have none, and the test installs it
   * with the manifests. Default `test`.
   */
  readonly install?: "test" | "none";
  /**
   * Services of every kind: kube-proxy on every node, fabric's service path, hostPort, cluster DNS.
   * Then the router is strict, and the nodes' default gateway. Default false.
   */
  readonly services?: boolean;
  /** A second interface for every Pod, in vlan200: `eth1`. Default false. */
  readonly secondInterface?: boolean;
  /** With `services`: how kube-proxy translates. Default `nftables`. */
  readonly proxy?: ProxyMode;
  /** With `services`: ranges of further addresses that kube-proxy translates, e.g. external ones. */
  readonly externalCidrs?: readonly string[];
  /**
   * Nodes are lost, and their Pods replaced, after Kubernetes' own times, which a loaded machine does
   * not miss. Default: within seconds.
   */
  readonly patient?: boolean;
}

export interface Cluster extends AsyncDisposable {
  readonly lab: Lab;
  readonly plane: ControlPlane;
  readonly nodes: readonly ClusterNode[];
  /** Runs kubectl as administrator; its standard output. */
  kubectl(...args: readonly string[]): Promise<string>;
  /** Applies objects with kubectl. */
  apply(...objects: readonly Readonly<Record<string, unknown>>[]): Promise<void>;
  /** Runs fabric-admin on the first node; its standard output. */
  admin(...args: readonly string[]): Promise<string>;
}

/**
 * The reference plugin of hostPort. Its other backend masquerades whoever is in the Pod's subnet, which
 * here is the VLAN.
 */
export const PORTMAP = {
  type: "portmap",
  backend: "nftables",
  capabilities: { portMappings: true },
};

const RBAC = new URL("../../deploy/rbac.yaml", import.meta.url);

/** Starts it; returns when all nodes are Ready. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const services = options.services ?? false;
  const proxy = services ? options.proxy ?? "nftables" : undefined;
  const lab = await startLab({
    hosts: options.nodes ?? 2,
    router: services ? "strict" : "plain",
  });
  try {
    const plane = await startControlPlane(lab, lab.hosts.map(({ plan }) => plan.name), options);
    if (options.install !== "none") await installFabric(lab, plane, options);
    const nodes = await Promise.all(
      lab.hosts.map((host) =>
        startNode(host, plane, { proxy, interfaces: options.secondInterface ? 2 : 1 })
      ),
    );
    try {
      if (options.install !== "none") {
        await Promise.all(lab.hosts.map(({ plan }) => untilNodeReady(plane, plan.name)));
      }
      await plane.kubectl(["wait", "--for=create", "serviceaccount/default", "--timeout=60s"]);
      if (services && options.install !== "none") {
        await startClusterDns(plane);
      }
    } catch (error) {
      throw new Error(`${error}\n${nodes.map((node) => node.said()).join("\n")}`);
    }
    return assemble(lab, plane, nodes);
  } catch (error) {
    await lab.close();
    throw error;
  }
}

async function installFabric(
  lab: Lab,
  plane: ControlPlane,
  options: ClusterOptions,
): Promise<void> {
  const { objects = [], services = false, secondInterface = false, externalCidrs = [] } = options;
  await plane.kubectl(["apply", "--filename=-"], { input: await Deno.readTextFile(RBAC) });
  const token = await plane.serviceAccountToken("kube-system", "fabric-plugin");
  const servicePath = services ? { services: { cidrs: [...SERVICE_CIDRS, ...externalCidrs] } } : {};
  await Promise.all(lab.hosts.map(async (host) => {
    await host.installFabric({
      config: {
        cluster: plane.uid,
        defaultNetwork: "vlan100",
        kubernetes: { kubeconfig: "/etc/fabric/kubeconfig" },
        ...servicePath,
      },
      conflists: {
        "10-fabric.conflist": conflist({ chained: services ? [PORTMAP] : [] }),
        ...(secondInterface
          ? { "20-second.conflist": conflist({ name: "second", plugin: { network: "vlan200" } }) }
          : {}),
      },
    });
    if (services) await host.mount(`${TOOLS}cni/portmap`, "/opt/cni/bin/portmap");
    await host.writeFile("/etc/fabric/kubeconfig", plane.kubeconfig(token), { mode: 0o600 });
  }));
  const replaced = manifest(lab.plan).filter(({ kind, metadata }) =>
    !objects.some((it) => it.kind === kind && it.metadata.name === metadata.name)
  );
  const input = [...replaced, ...objects].map((it) => JSON.stringify(it)).join("\n---\n");
  requireOk(await lab.host(0).admin(["apply", "-f", "-"], { input, timeoutMs: 60_000 }));
}

function assemble(lab: Lab, plane: ControlPlane, nodes: readonly ClusterNode[]): Cluster {
  const kubectl = (args: readonly string[], options?: KubectlOptions) =>
    plane.kubectl(args, options);
  return {
    lab,
    plane,
    nodes,
    kubectl: (...args) => kubectl(args, { timeoutMs: 180_000 }),
    apply: async (...objects) => {
      const input = JSON.stringify({ apiVersion: "v1", kind: "List", items: objects });
      await kubectl(["apply", "--filename=-"], { input });
    },
    admin: async (...args) => requireOk(await lab.host(0).admin(args)),
    [Symbol.asyncDispose]: () => lab.close(),
  };
}
