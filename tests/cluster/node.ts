/**
 * A node of a cluster: a host of the lab with containerd 2.4, kubelet, fabric, and kube-proxy where
 * the cluster has Services.
 *
 * @module
 */

import { JOIN_SERVICES } from "../lab/cgroups.ts";
import { type EquippedHost, eventually, type Running, TOOLS } from "../lab/mod.ts";
import type { ControlPlane } from "./control_plane.ts";
import { corednsArchive, imageArchive, PAUSE_IMAGE } from "./images.ts";

const SOCKET = "/run/containerd/containerd.sock";

/** With more than one interface containerd takes as many conflists: eth0, eth1, … */
const containerdConfig = (interfaces: number): string =>
  `version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
[grpc]
  address = "${SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE_IMAGE}"
  restrict_oom_score_adj = true
  tolerate_missing_hugetlb_controller = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    max_conf_num = ${interfaces}
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
`;

const KUBELET = {
  apiVersion: "kubelet.config.k8s.io/v1beta1",
  kind: "KubeletConfiguration",
  failCgroupV1: false,
  failSwapOn: false,
  cgroupDriver: "cgroupfs",
  oomScoreAdj: 0,
  authentication: {
    anonymous: { enabled: false },
    webhook: { enabled: true },
    x509: { clientCAFile: "/etc/kubernetes/ca.crt" },
  },
  authorization: { mode: "Webhook" },
  clusterDomain: "cluster.local",
  clusterDNS: ["10.96.0.10"],
  resolvConf: "/etc/resolv.conf",
  containerRuntimeEndpoint: `unix://${SOCKET}`,
  imageGCHighThresholdPercent: 100,
  imageMinimumGCAge: "24h",
  evictionHard: {
    "memory.available": "1Mi",
    "nodefs.available": "0%",
    "nodefs.inodesFree": "0%",
    "imagefs.available": "0%",
  },
  nodeStatusUpdateFrequency: "3s",
  serializeImagePulls: false,
  // Static Pods, and quick ends: tests start and stop many.
  staticPodPath: "/etc/kubernetes/manifests",
  syncFrequency: "5s",
};

/** How kube-proxy translates. */
export type ProxyMode = "nftables" | "iptables";

/**
 * Pods are who comes by the device of the service path: their addresses are those of the VLAN, which
 * others have, too. How many connections conntrack holds is the machine's.
 */
function proxyConfiguration(mode: ProxyMode, name: string) {
  return {
    apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
    kind: "KubeProxyConfiguration",
    mode,
    clientConnection: { kubeconfig: "/etc/kubernetes/proxy.conf" },
    hostnameOverride: name,
    detectLocalMode: "InterfaceNamePrefix",
    detectLocal: { interfaceNamePrefix: "svc" },
    conntrack: { maxPerCore: 0, min: 0 },
  };
}

export interface NodeOptions {
  /** Default: the node has no kube-proxy. */
  readonly proxy?: ProxyMode | undefined;
  /** Conflists that a Pod's sandbox is attached by. Default 1. */
  readonly interfaces?: number | undefined;
}

/** What runs on a node beside Open vSwitch. */
export interface ClusterNode {
  readonly host: EquippedHost;
  /** Runs ctr in containerd's namespace of Kubernetes. */
  ctr(...args: readonly string[]): Promise<string>;
  /** The kubelet dies; what it started lives on. */
  stopKubelet(): Promise<void>;
  startKubelet(): void;
  /** Ends kube-proxy, and starts it in another mode; it takes the rules of the other mode away. */
  changeProxy(mode: ProxyMode): Promise<void>;
  /** containerd and kubelet end and start again, as in an update of the machine; containers live. */
  restartRuntime(): Promise<void>;
  /** What kubelet, containerd and kube-proxy have said, for when a test fails. */
  said(): string;
  /** After the host was switched on again: containerd, kubelet and kube-proxy. */
  boot(): Promise<void>;
}

/** Starts containerd and kubelet on a host that has fabric installed. */
export async function startNode(
  host: EquippedHost,
  plane: ControlPlane,
  { proxy, interfaces = 1 }: NodeOptions = {},
): Promise<ClusterNode> {
  const { name, management } = host.plan;
  const PATH = `${TOOLS}containerd2:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`;
  const env = { PATH, CONTAINERD_ADDRESS: SOCKET };
  const ctr: ClusterNode["ctr"] = (...args) =>
    host.execOk(["ctr", "--namespace=k8s.io", ...args], { env, timeoutMs: 60_000 });
  let containerd: Running | undefined;
  let kubelet: Running | undefined;
  let kubeProxy: Running | undefined;

  const startKubelet = (): void => {
    kubelet = host.start(
      `${JOIN_SERVICES}
exec ${TOOLS}kubernetes/kubelet --config=/etc/kubernetes/kubelet.json \
  --kubeconfig=/etc/kubernetes/kubelet.conf --hostname-override=${name} \
  --node-ip=${management.v4},${management.v6} --cert-dir=/var/lib/kubelet/pki --root-dir=/var/lib/kubelet --v=2`,
      { env },
    );
  };
  const startProxy = async (): Promise<void> => {
    await host.execOk("echo 1 >/proc/sys/net/ipv4/ip_forward");
    kubeProxy = host.start(
      `${JOIN_SERVICES}
exec ${TOOLS}kubernetes/kube-proxy --config=/etc/kubernetes/proxy.json --v=2`,
      { env },
    );
  };
  const writeProxy = (mode: ProxyMode): Promise<void> => {
    const configuration = JSON.stringify(proxyConfiguration(mode, name));
    return host.writeFile("/etc/kubernetes/proxy.json", configuration);
  };
  const startContainerd = async (): Promise<void> => {
    containerd = host.start(
      `${JOIN_SERVICES}
exec containerd --config /etc/containerd/cluster.toml`,
      { env },
    );
    await containerd.until(/containerd successfully booted/);
  };
  const boot = async (): Promise<void> => {
    // Kubelet's volumes must be seen by containers: /var is an overlay of the machine's.
    await host.execOk("mkdir -p /var/lib/kubelet /etc/kubernetes/manifests; ip link set lo up");
    await startContainerd();
    for (const archive of [imageArchive, ...proxy === undefined ? [] : [corednsArchive]]) {
      await ctr("images", "import", "--digests=false", await archive());
    }
    startKubelet();
    if (proxy !== undefined) await startProxy();
  };
  // containerd asks it for `lo` of every sandbox.
  await host.mount(`${TOOLS}cni/loopback`, "/opt/cni/bin/loopback");
  await host.writeFile("/etc/containerd/cluster.toml", containerdConfig(interfaces));
  await host.writeFile("/etc/kubernetes/ca.crt", plane.ca);
  await host.writeFile("/etc/kubernetes/kubelet.json", JSON.stringify(KUBELET));
  await host.writeFile("/etc/kubernetes/kubelet.conf", plane.kubeconfig(plane.nodeToken(name)), {
    mode: 0o600,
  });
  if (proxy !== undefined) {
    await writeProxy(proxy);
    await host.writeFile("/etc/kubernetes/proxy.conf", plane.kubeconfig(plane.proxyToken), {
      mode: 0o600,
    });
  }
  await boot();
  return {
    host,
    ctr,
    stopKubelet: async () => {
      await kubelet?.stop();
      kubelet = undefined;
    },
    startKubelet,
    changeProxy: async (mode) => {
      await kubeProxy?.stop();
      await writeProxy(mode);
      await startProxy();
    },
    restartRuntime: async () => {
      await kubelet?.stop();
      await containerd?.stop();
      await startContainerd();
      startKubelet();
    },
    said: () =>
      [containerd, kubelet, kubeProxy].map((it) => it?.output().slice(-4000) ?? "").join("\n"),
    boot,
  };
}

/** Waits until the node is Ready. */
export async function untilNodeReady(plane: ControlPlane, name: string): Promise<void> {
  const path = `-o=jsonpath={.status.conditions[?(@.type=="Ready")].status}`;
  await eventually(`node ${name} is Ready`, async () => {
    const status = await plane.kubectl(["get", "node", name, path]).catch(() => "");
    return status.trim() === "True";
  }, { timeoutMs: 120_000 });
}
