/**
 * The control plane of a cluster in a lab: etcd, kube-apiserver, controller manager and scheduler,
 * on the management network, where the nodes reach it at 172.31.0.1:6443.
 *
 * @module
 */

import { type Lab, requireOk, type Running, TOOLS } from "../lab/mod.ts";

/** Address of the API server. */
export const API_ADDRESS = "172.31.0.1";
const API_URL = `https://${API_ADDRESS}:6443`;
/** Where the cluster's files are, as the lab's own namespace sees them. */
export const CLUSTER_DIR = "/run/lab/kubernetes";
/** Of the administrator; kubectl and helm take it. */
export const ADMIN_KUBECONFIG = `${CLUSTER_DIR}/admin.conf`;

const BINARIES = `${TOOLS}kubernetes`;
/** Also for what runs as long as a test wants it to. */
export const KUBECTL = `${BINARIES}/kubectl`;
/** Debian's etcd; its members of the lab's own store listen elsewhere. */
const ETCD_PORT = 12379;
/** Addresses of Services, of both families. */
export const SERVICE_CIDRS = ["10.96.0.0/16", "fd00:96::/112"] as const;

export interface ControlPlane {
  /** Certificate authority of the API server, PEM. */
  readonly ca: string;
  /** UID of kube-system: fabric's name of the cluster. */
  readonly uid: string;
  /** Runs kubectl as administrator; its standard output. */
  kubectl(args: readonly string[], options?: KubectlOptions): Promise<string>;
  /** A kubeconfig for one of the users below, as YAML (JSON is YAML). */
  kubeconfig(token: string): string;
  /** The token of a node's kubelet. */
  nodeToken(name: string): string;
  /** The token of the nodes' kube-proxies. */
  readonly proxyToken: string;
  /** A token of a ServiceAccount, good for an hour. */
  serviceAccountToken(namespace: string, name: string): Promise<string>;
}

export interface ControlPlaneOptions {
  /** Nodes are lost, and their Pods replaced, after Kubernetes' own times. Default: within seconds. */
  readonly patient?: boolean | undefined;
}

export interface KubectlOptions {
  readonly input?: string;
  /** Default 60,000. */
  readonly timeoutMs?: number;
}

/** Keys and certificates; `$1` is the folder, `$2` the API server's address. */
const MAKE_KEYS = `cd "$1"
umask 077
cert() {
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
    -keyout "$1.key" -subj "$2" -out "$1.csr"
  printf '%s\\n' "$3" >"$1.ext"
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 \
    -out "$1.crt" -extfile "$1.ext"
}
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key \
  -out ca.crt -subj /CN=lab-ca -days 2
cert apiserver /CN=kube-apiserver \
  "subjectAltName=IP:$2,IP:127.0.0.1,IP:10.96.0.1,DNS:kubernetes.default.svc"
cert to-kubelet /O=system:masters/CN=apiserver-kubelet-client extendedKeyUsage=clientAuth
openssl genrsa -out sa.key 2048
openssl rsa -in sa.key -pubout -out sa.pub`;

/** Starts it; returns when the API is ready. */
export async function startControlPlane(
  lab: Lab,
  nodes: readonly string[],
  options: ControlPlaneOptions = {},
): Promise<ControlPlane> {
  const place = lab.management;
  const tokens = new Map(
    ["admin", "controller-manager", "scheduler", "proxy", ...nodes].map(
      (name) => [name, crypto.randomUUID()] as const,
    ),
  );
  const token = (name: string): string => tokens.get(name) ?? "";
  const write = (name: string, text: string): Promise<unknown> =>
    place.execOk(`umask 077; cat >${CLUSTER_DIR}/${name}`, { input: text });
  const users = [
    `${token("admin")},admin,u-admin,"system:masters"`,
    `${token("controller-manager")},system:kube-controller-manager,u-kcm`,
    `${token("scheduler")},system:kube-scheduler,u-scheduler`,
    `${token("proxy")},system:kube-proxy,u-proxy`,
    ...nodes.map((name) => `${token(name)},system:node:${name},u-${name},"system:nodes"`),
  ];
  await place.execOk(`mkdir -p ${CLUSTER_DIR}`);
  const keys = `${MAKE_KEYS} >log 2>&1 || { cat log >&2; exit 1; }`;
  requireOk(await place.exec(["sh", "-euc", `( ${keys} )`, "sh", CLUSTER_DIR, API_ADDRESS]));
  const ca = await place.execOk(["cat", `${CLUSTER_DIR}/ca.crt`]);
  const kubeconfig = (secret: string): string =>
    JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      clusters: [{
        name: "lab",
        cluster: { "server": API_URL, "certificate-authority-data": btoa(ca) },
      }],
      users: [{ name: "user", user: { token: secret } }],
      contexts: [{ name: "lab", context: { cluster: "lab", user: "user" } }],
      "current-context": "lab",
    });
  await Promise.all([
    write("tokens.csv", `${users.join("\n")}\n`),
    ...["admin", "controller-manager", "scheduler"].map((name) =>
      write(`${name}.conf`, kubeconfig(token(name)))
    ),
  ]);
  const started: Running[] = [place.start(etcdCommand()), place.start(apiServerCommand(options))];
  const kubectl: ControlPlane["kubectl"] = async (args, options = {}) => {
    const argv = [KUBECTL, `--kubeconfig=${ADMIN_KUBECONFIG}`, ...args];
    return requireOk(await place.exec(argv, { timeoutMs: 60_000, ...options }));
  };
  await untilReady(kubectl, started);
  started.push(place.start(controllerManagerCommand(options)), place.start(schedulerCommand()));
  const uid = await kubectl(["get", "namespace", "kube-system", "-o=jsonpath={.metadata.uid}"]);
  return {
    ca,
    uid,
    kubectl,
    kubeconfig,
    nodeToken: token,
    proxyToken: token("proxy"),
    serviceAccountToken: async (namespace, name) =>
      (await kubectl(["create", "token", name, `--namespace=${namespace}`])).trim(),
  };
}

function etcdCommand(): readonly string[] {
  return [
    "etcd",
    `--data-dir=${CLUSTER_DIR}/etcd`,
    `--listen-client-urls=http://127.0.0.1:${ETCD_PORT}`,
    `--advertise-client-urls=http://127.0.0.1:${ETCD_PORT}`,
    `--listen-peer-urls=http://127.0.0.1:${ETCD_PORT + 1}`,
    `--initial-advertise-peer-urls=http://127.0.0.1:${ETCD_PORT + 1}`,
    `--initial-cluster=default=http://127.0.0.1:${ETCD_PORT + 1}`,
    "--log-level=error",
  ];
}

function apiServerCommand({ patient }: ControlPlaneOptions): readonly string[] {
  const dir = CLUSTER_DIR;
  return [
    `${BINARIES}/kube-apiserver`,
    `--etcd-servers=http://127.0.0.1:${ETCD_PORT}`,
    "--bind-address=0.0.0.0",
    `--advertise-address=${API_ADDRESS}`,
    "--secure-port=6443",
    `--tls-cert-file=${dir}/apiserver.crt`,
    `--tls-private-key-file=${dir}/apiserver.key`,
    `--client-ca-file=${dir}/ca.crt`,
    "--service-account-issuer=https://kubernetes.default.svc",
    `--service-account-key-file=${dir}/sa.pub`,
    `--service-account-signing-key-file=${dir}/sa.key`,
    `--token-auth-file=${dir}/tokens.csv`,
    "--authorization-mode=Node,RBAC",
    "--enable-admission-plugins=NodeRestriction",
    `--kubelet-client-certificate=${dir}/to-kubelet.crt`,
    `--kubelet-client-key=${dir}/to-kubelet.key`,
    "--kubelet-preferred-address-types=InternalIP",
    `--service-cluster-ip-range=${SERVICE_CIDRS}`,
    "--allow-privileged=true",
    ...(patient ? [] : [
      // Five seconds instead of five minutes: tests wait for the Pods of a dead node to go.
      "--default-not-ready-toleration-seconds=5",
      "--default-unreachable-toleration-seconds=5",
    ]),
    "--v=0",
  ];
}

function controllerManagerCommand({ patient }: ControlPlaneOptions): readonly string[] {
  const dir = CLUSTER_DIR;
  return [
    `${BINARIES}/kube-controller-manager`,
    `--kubeconfig=${dir}/controller-manager.conf`,
    "--use-service-account-credentials",
    `--root-ca-file=${dir}/ca.crt`,
    `--service-account-private-key-file=${dir}/sa.key`,
    `--cluster-signing-cert-file=${dir}/ca.crt`,
    `--cluster-signing-key-file=${dir}/ca.key`,
    "--allocate-node-cidrs=false",
    "--leader-elect=false",
    `--cert-dir=${dir}/controller-manager`,
    ...(patient ? [] : ["--node-monitor-period=2s", "--node-monitor-grace-period=12s"]),
  ];
}

function schedulerCommand(): readonly string[] {
  return [
    `${BINARIES}/kube-scheduler`,
    `--kubeconfig=${CLUSTER_DIR}/scheduler.conf`,
    "--leader-elect=false",
    `--cert-dir=${CLUSTER_DIR}/scheduler`,
  ];
}

const READY_MS = 90_000;

async function untilReady(
  kubectl: ControlPlane["kubectl"],
  started: readonly Running[],
): Promise<void> {
  const deadline = performance.now() + READY_MS;
  for (;;) {
    try {
      await kubectl(["get", "--raw=/readyz"]);
      await kubectl(["get", "namespace", "kube-system"]);
      return;
    } catch (error) {
      if (performance.now() > deadline) {
        const said = started.map((program) => program.output().slice(-2000)).join("\n");
        throw new Error(`the API server does not become ready: ${error}\n${said}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
  }
}
