/**
 * Cluster DNS: CoreDNS behind the Service kube-dns, as kubeadm sets it up.
 *
 * @module
 */

import type { ControlPlane } from "./control_plane.ts";
import { COREDNS_IMAGE } from "./images.ts";

/** Its address, which the kubelets tell the Pods. */
export const DNS_ADDRESS = "10.96.0.10";

const LABELS = { "k8s-app": "kube-dns" };
const NAMESPACE = "kube-system";

const COREFILE = `.:53 {
  errors
  ready
  kubernetes cluster.local in-addr.arpa ip6.arpa {
    pods insecure
    ttl 5
  }
  cache 5
}
`;

const RULES = [
  {
    apiGroups: [""],
    resources: ["endpoints", "services", "pods", "namespaces"],
    verbs: ["list", "watch"],
  },
  { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["list", "watch"] },
];

const OBJECTS = [
  { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "coredns", namespace: NAMESPACE } },
  {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRole",
    metadata: { name: "system:coredns" },
    rules: RULES,
  },
  {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRoleBinding",
    metadata: { name: "system:coredns" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "system:coredns" },
    subjects: [{ kind: "ServiceAccount", name: "coredns", namespace: NAMESPACE }],
  },
  {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "coredns", namespace: NAMESPACE },
    data: { Corefile: COREFILE },
  },
  {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "coredns", namespace: NAMESPACE, labels: LABELS },
    spec: {
      replicas: 1,
      selector: { matchLabels: LABELS },
      template: {
        metadata: { labels: LABELS },
        spec: {
          serviceAccountName: "coredns",
          // The node's resolver, not itself.
          dnsPolicy: "Default",
          terminationGracePeriodSeconds: 1,
          tolerations: [{ operator: "Exists" }],
          containers: [{
            name: "coredns",
            image: COREDNS_IMAGE,
            imagePullPolicy: "Never",
            args: ["-conf", "/etc/coredns/Corefile"],
            readinessProbe: { httpGet: { path: "/ready", port: 8181 }, periodSeconds: 1 },
            volumeMounts: [{ name: "config", mountPath: "/etc/coredns" }],
          }],
          volumes: [{ name: "config", configMap: { name: "coredns" } }],
        },
      },
    },
  },
  {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      name: "kube-dns",
      namespace: NAMESPACE,
      labels: { ...LABELS, "kubernetes.io/name": "CoreDNS" },
    },
    spec: {
      clusterIP: DNS_ADDRESS,
      selector: LABELS,
      ports: [
        { name: "dns", port: 53, protocol: "UDP" },
        { name: "dns-tcp", port: 53, protocol: "TCP" },
      ],
    },
  },
];

/** Starts it; returns when it is ready: it has reached the API server by its Service. */
export async function startClusterDns(plane: ControlPlane): Promise<void> {
  const input = JSON.stringify({ apiVersion: "v1", kind: "List", items: OBJECTS });
  await plane.kubectl(["apply", "--filename=-"], { input });
  const inNamespace = `--namespace=${NAMESPACE}`;
  try {
    const rollout = ["rollout", "status", "deployment/coredns", inNamespace, "--timeout=90s"];
    await plane.kubectl(rollout, { timeoutMs: 100_000 });
  } catch (error) {
    const said = await Promise.all([
      plane.kubectl(["get", "events", inNamespace]),
      plane.kubectl(["logs", "deployment/coredns", inNamespace, "--tail=20"]).catch(String),
    ]);
    throw new Error([error, ...said].join("\n"));
  }
}
