/**
 * A lab whose hosts are nodes of a real Kubernetes API: our executable on each, with the shipped
 * RBAC, and a kubelet's calls made by hand. No controllers run, so a test writes what they would.
 *
 * @module
 */

import * as v from "valibot";
import { parseAllDocuments, stringify } from "yaml";
import { groupPath } from "../../mod/kube/paths.ts";
import {
  conflist,
  type EquippedHost,
  type Lab,
  type PluginAnswer,
  requireOk,
  type Sandbox,
  startLab,
} from "../lab/mod.ts";
import { manifest, type ManifestObject } from "../lab/manifest.ts";
import { declare, networkObject } from "../e2e/bed.ts";
import { failureOf, resultOf } from "../e2e/by_hand.ts";
import { type KubeFixture, type KubeObject, startKube } from "../kube_fixture.ts";

const PLUGIN_USER = "system:serviceaccount:kube-system:fabric-plugin";
const CTL_USER = "system:serviceaccount:kube-system:fabric-ctl";
const GROUPS = ["system:serviceaccounts", "system:authenticated"];

/** The RBAC that is shipped, in documents. */
export function rbacObjects(): readonly KubeObject[] {
  const text = Deno.readTextFileSync(new URL("../../deploy/rbac.yaml", import.meta.url));
  const documents = parseAllDocuments(text);
  if (!Array.isArray(documents)) throw new Error("deploy/rbac.yaml is empty");
  return documents.flatMap((document): readonly KubeObject[] => {
    const object: unknown = document.toJS();
    return typeof object === "object" && object !== null ? [{ ...object }] : [];
  });
}

const PLURALS: Readonly<Record<string, string>> = {
  ServiceAccount: "serviceaccounts",
  ClusterRole: "clusterroles",
  ClusterRoleBinding: "clusterrolebindings",
};

/** Applies the shipped RBAC, or what a test made of it. */
export async function applyRbac(
  kube: KubeFixture,
  objects: readonly KubeObject[] = rbacObjects(),
): Promise<void> {
  for (const object of objects) {
    const { apiVersion, kind } = object;
    const plural = PLURALS[String(kind)];
    if (plural === undefined) throw new Error(`no plural of ${kind}`);
    const path = groupPath(String(apiVersion));
    const base = kind === "ServiceAccount" ? `${path}/namespaces/kube-system` : path;
    await kube.create(`${base}/${plural}`, object);
  }
}

/** An API server whose users are the service accounts of the shipped RBAC. */
export function startKubeApi(place?: Parameters<typeof startKube>[0]): Promise<KubeFixture> {
  return startKube({
    ...place,
    users: { [PLUGIN_USER]: GROUPS, [CTL_USER]: GROUPS, alice: ["system:authenticated"] },
  });
}

/** Names of the users in {@linkcode startKubeApi}. */
export const USERS = { plugin: PLUGIN_USER, ctl: CTL_USER, nobody: "alice" } as const;

export interface KubeBed extends AsyncDisposable {
  readonly lab: Lab;
  readonly kube: KubeFixture;
  readonly hosts: readonly EquippedHost[];
  host(index: number): EquippedHost;
}

export interface KubeBedOptions {
  readonly hosts?: number;
  /** Further Networks beside `listed`, or others in place of `vlan100` and `vlan200`. */
  readonly networks?: Readonly<Record<string, ManifestObject["spec"]>>;
  /** Of the node's configuration. Default `vlan100`. */
  readonly defaultNetwork?: string;
}

/** A Network that hands out .200 to .250 by itself: what a test lists below that is free. */
export const LISTED: ManifestObject["spec"] = {
  vlan: 400,
  subnets: [{
    cidr: "10.40.0.0/24",
    gateway: "10.40.0.1",
    ranges: ["10.40.0.200-10.40.0.250"],
  }],
};

/** Starts the lab and the API, and installs. */
export async function startKubeBed(options: KubeBedOptions = {}): Promise<KubeBed> {
  const { hosts = 2, defaultNetwork = "vlan100" } = options;
  const networks: NonNullable<KubeBedOptions["networks"]> = {
    listed: LISTED,
    ...options.networks,
  };
  const lab = await startLab({ hosts });
  let kube: KubeFixture | undefined;
  const close = async (): Promise<void> => {
    await kube?.[Symbol.asyncDispose]();
    await lab.close();
  };
  try {
    const etcd = lab.etcd.endpoints[0] ?? "";
    kube = await startKubeApi({
      place: {
        enter: ["nsenter", "-t", `${lab.pid}`, "-n"],
        address: new URL(etcd).hostname,
        etcd,
      },
    });
    await applyRbac(kube);
    for (const name of ["shop", "bank"]) await makeNamespace(kube, name);
    const kubeconfig = stringify(kube.kubeconfig(PLUGIN_USER), { lineWidth: 0 });
    for (const host of lab.hosts) {
      await host.writeFile("/etc/fabric/kubeconfig", kubeconfig, { mode: 0o600 });
      await host.installFabric({
        config: {
          cluster: kube.uid,
          defaultNetwork,
          kubernetes: { kubeconfig: "/etc/fabric/kubeconfig" },
        },
        conflists: { "10-fabric.conflist": conflist() },
      });
    }
    const objects = Object.entries(networks).map(([name, spec]) => networkObject(name, spec));
    const own = manifest(lab.plan).filter(({ metadata }) => networks[metadata.name] === undefined);
    await declare(lab.host(0), [...own, ...objects]);
    return {
      lab,
      kube,
      hosts: lab.hosts,
      host: (index) => lab.host(index),
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Makes a namespace. */
export async function makeNamespace(
  kube: KubeFixture,
  name: string,
  metadata: KubeObject = {},
): Promise<void> {
  await kube.create("/api/v1/namespaces", {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name, ...metadata },
  });
}

/** A Pod in the API, as it is known to the kubelet. */
export interface ApiPod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** Metadata of an object that the API answered. */
export function metadataOf(object: unknown): { readonly name: string; readonly uid: string } {
  if (typeof object === "object" && object !== null && "metadata" in object) {
    const { metadata } = object;
    if (
      typeof metadata === "object" && metadata !== null && "uid" in metadata &&
      "name" in metadata && typeof metadata.uid === "string" && typeof metadata.name === "string"
    ) return { name: metadata.name, uid: metadata.uid };
  }
  throw new Error(`no metadata: ${JSON.stringify(object)}`);
}

export interface PodOptions {
  readonly namespace?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly owner?: OwnerRef;
  readonly node?: string;
}

/** Who made an object. */
export interface OwnerRef {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
}

const CONTAINERS = [{ name: "c", image: "none" }];

/** Annotations of ours, without the prefix. */
export function ours(
  annotations: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(annotations).map(([name, value]) => [`beyondfabric.io/${name}`, value]),
  );
}

/** Creates a Pod as scheduler and controller would. */
export async function makePod(
  kube: KubeFixture,
  name: string,
  options: PodOptions = {},
): Promise<ApiPod> {
  const { namespace = "shop", annotations = {}, labels = {}, owner, node } = options;
  const made = await kube.create(`/api/v1/namespaces/${namespace}/pods`, {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      annotations,
      labels,
      ...(owner === undefined ? {} : { ownerReferences: [{ ...owner, controller: true }] }),
    },
    spec: { containers: CONTAINERS, ...(node === undefined ? {} : { nodeName: node }) },
  });
  return { namespace, name, uid: metadataOf(made).uid };
}

/** Kinds that {@linkcode makeWorkload} makes, with their API and plural. */
const WORKLOADS = {
  Deployment: ["apps/v1", "deployments"],
  ReplicaSet: ["apps/v1", "replicasets"],
  StatefulSet: ["apps/v1", "statefulsets"],
  DaemonSet: ["apps/v1", "daemonsets"],
  Job: ["batch/v1", "jobs"],
  CronJob: ["batch/v1", "cronjobs"],
  ReplicationController: ["v1", "replicationcontrollers"],
} as const;

/** What they need besides; as many replicas as a test may start Pods, where it says nothing else. */
const SPECS: Partial<Readonly<Record<string, (name: string) => KubeObject>>> = {
  StatefulSet: (serviceName) => ({ serviceName }),
  Deployment: () => ({ replicas: 8 }),
  ReplicaSet: () => ({ replicas: 8 }),
  ReplicationController: () => ({ replicas: 8 }),
};

export interface WorkloadOptions {
  readonly namespace?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly templateAnnotations?: Readonly<Record<string, string>>;
  readonly owner?: OwnerRef;
  readonly spec?: KubeObject;
}

/** Path of a workload. */
export function workloadPath(
  kind: keyof typeof WORKLOADS,
  name: string,
  namespace = "shop",
): string {
  const [apiVersion, plural] = WORKLOADS[kind];
  return `${groupPath(apiVersion)}/namespaces/${namespace}/${plural}/${name}`;
}

/** Creates a workload; nothing makes Pods of it. */
export async function makeWorkload(
  kube: KubeFixture,
  kind: keyof typeof WORKLOADS,
  name: string,
  options: WorkloadOptions = {},
): Promise<OwnerRef> {
  const { namespace = "shop", annotations = {}, templateAnnotations, owner, spec = {} } = options;
  const [apiVersion] = WORKLOADS[kind];
  const restart = kind === "Job" || kind === "CronJob" ? { restartPolicy: "Never" } : {};
  const template = {
    metadata: {
      labels: { app: name },
      ...(templateAnnotations === undefined ? {} : { annotations: templateAnnotations }),
    },
    spec: { containers: CONTAINERS, ...restart },
  };
  const selector = kind === "ReplicationController"
    ? { app: name }
    : { matchLabels: { app: name } };
  const whole = kind === "CronJob"
    ? { schedule: "0 0 1 1 *", jobTemplate: { spec: { template } }, ...spec }
    : kind === "Job"
    ? { template, ...spec }
    : { selector, template, ...SPECS[kind]?.(name), ...spec };
  const path = workloadPath(kind, name, namespace);
  const made = await kube.create(path.slice(0, path.lastIndexOf("/")), {
    apiVersion,
    kind,
    metadata: {
      name,
      annotations,
      ...(owner === undefined ? {} : { ownerReferences: [{ ...owner, controller: true }] }),
    },
    spec: whole,
  });
  return { apiVersion, kind, name, uid: metadataOf(made).uid };
}

/** A Pod whose sandbox runs on a host. */
export interface RunningPod {
  readonly pod: ApiPod;
  readonly host: EquippedHost;
  readonly sandbox: Sandbox;
  /** Without lengths. */
  readonly addresses: readonly string[];
  /** The kubelet ends the sandbox. */
  stop(): Promise<void>;
}

/** Calls ADD for the Pod as a kubelet's runtime does. */
export async function tryAdd(
  host: EquippedHost,
  pod: ApiPod,
  options: {
    readonly sandbox?: Sandbox;
    readonly ifname?: string;
    readonly conf?: KubeObject;
    readonly args?: Readonly<Record<string, string>>;
    readonly env?: Readonly<Record<string, string>>;
  } = {},
): Promise<{ readonly answer: PluginAnswer; readonly sandbox: Sandbox }> {
  const sandbox = options.sandbox ?? await host.sandbox();
  const answer = await host.fabric("ADD", {
    sandbox,
    args: argsOf(pod, options.args),
    ...(options.ifname === undefined ? {} : { ifname: options.ifname }),
    ...(options.conf === undefined ? {} : { conf: options.conf }),
    ...(options.env === undefined ? {} : { env: options.env }),
    timeoutMs: 60_000,
  });
  return { answer, sandbox };
}

function argsOf(pod: ApiPod, more: Readonly<Record<string, string>> = {}) {
  return {
    IgnoreUnknown: "1",
    K8S_POD_NAMESPACE: pod.namespace,
    K8S_POD_NAME: pod.name,
    K8S_POD_UID: pod.uid,
    ...more,
  };
}

/** ADD that must succeed. */
export async function runPod(
  host: EquippedHost,
  pod: ApiPod,
  options: Parameters<typeof tryAdd>[2] = {},
): Promise<RunningPod> {
  const { answer, sandbox } = await tryAdd(host, pod, options);
  const { ips } = resultOf(answer);
  return {
    pod,
    host,
    sandbox,
    addresses: ips.map(({ address }) => address.replace(/\/.*/, "")),
    stop: async () => {
      requireOk(await host.fabric("DEL", { sandbox, args: argsOf(pod) }));
      await sandbox.remove();
    },
  };
}

/** ADD that must be refused: code and text. */
export async function refusedAdd(
  host: EquippedHost,
  pod: ApiPod,
  options: Parameters<typeof tryAdd>[2] = {},
): Promise<{ readonly code: number; readonly msg: string; readonly details?: string | undefined }> {
  const { answer, sandbox } = await tryAdd(host, pod, options);
  if (options.sandbox === undefined) await sandbox.remove();
  return failureOf(answer);
}

/** Messages of the Events about an object. */
export async function eventsOf(
  kube: KubeFixture,
  about: { readonly namespace: string; readonly name: string; readonly kind?: string },
): Promise<readonly string[]> {
  const list = await kube.client.get(`/api/v1/namespaces/${about.namespace}/events`);
  const { items } = v.parse(EventList, list);
  return items.filter(({ involvedObject }) =>
    involvedObject.name === about.name && involvedObject.kind === (about.kind ?? "Pod")
  ).map(({ message }) => message);
}

const EventList = v.object({
  items: v.array(v.object({
    involvedObject: v.object({ kind: v.string(), name: v.string() }),
    message: v.string(),
  })),
});

/** The Pod is gone from the API at once, whatever its node does (`--grace-period=0 --force`). */
export async function forceDelete(kube: KubeFixture, pod: ApiPod): Promise<void> {
  await kube.delete(`/api/v1/namespaces/${pod.namespace}/pods/${pod.name}`);
}
