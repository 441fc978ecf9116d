/**
 * An ADD on a node with Kubernetes: what the Pod's annotations ask for, read while the devices are
 * made, and what people are told when it cannot be had.
 *
 * @module
 */

import { asFabricError, describeError, FabricError, isKind } from "../mod/error.ts";
import { MAX_RATE, MIN_RATE } from "../mod/host/bandwidth.ts";
import { httpHost } from "../mod/http.ts";
import { allocate } from "../mod/ipam/allocate.ts";
import type { AllocateRequest } from "../mod/ipam/allocation.ts";
import type { IpamContext } from "../mod/ipam/context.ts";
import { allocateForWorkload } from "../mod/ipam/workload.ts";
import type { WorkloadWish } from "../mod/ipam/workload_wish.ts";
import { type KubeClient, openKubeClient } from "../mod/kube/client.ts";
import { type KubeDoor, openKubeDoor } from "../mod/kube/door.ts";
import { type EventTarget, warnAbout } from "../mod/kube/event.ts";
import { isFenced } from "../mod/kube/fenced.ts";
import { type PodIntent, readPodIntent } from "../mod/kube/intent.ts";
import { type KubeTarget, readKubeconfig } from "../mod/kube/kubeconfig.ts";
import type { Knock } from "../mod/kube/knock.ts";
import { mostOf, numbersOf } from "../mod/kube/numbers.ts";
import type { Holder, Pod } from "../mod/model/identity.ts";
import type { Call } from "./call.ts";
import type { KubeLeg, ResolvedAdd } from "./kube_leg.ts";
import { asking } from "./neighbour.ts";
import type { AddRequest } from "./request.ts";

/** How long an ADD watches the end of the sandbox before it. */
const HOLDER_WAIT_MS = 5_000;
/** What is asked of a fenced node again only after so long. */
const FENCE_CACHE_MS = 1_000;

/**
 * Begins to read. Without the door, the first TLS connection of a process keeps a processor busy for
 * tens of milliseconds, so this goes before everything else.
 */
export function openKubeLeg(
  request: AddRequest,
  { call, kubeconfig, pod, knocked }: {
    readonly call: Call;
    readonly kubeconfig: string;
    readonly pod: Pod;
    /** At the node's door; undefined where there is none. */
    readonly knocked: Knock | undefined;
  },
): KubeLeg {
  const { node } = call.config;
  let client: KubeClient | undefined;
  const reading = call.steps.time("kubernetes", () =>
    asking("kubernetes", async () => {
      const target = await readKubeconfig(kubeconfig);
      client = openKubeClient(target, { door: doorFor(target, { call, knocked }) });
      const { ifname } = request.sandbox;
      const { namespace, name, uid } = pod;
      return await readPodIntent(client, { namespace, name, uid, ifname, node });
    }));
  reading.catch(() => {});
  return {
    async resolve(base) {
      const intent = await reading;
      if (client === undefined) throw new FabricError("internal", "no connection to Kubernetes");
      return resolved(request, { base, intent, call, client });
    },
    async tell(error) {
      if (!isForPeople(error)) return;
      const intent = await reading.catch(() => undefined);
      try {
        const isNews = await tellPeople({ client, intent, pod, error, call });
        // The runtime tries again every few seconds: once is enough for the audit.
        if (!isNews || error.details["reason"] !== "not-allowed") return;
        const { tellRefused } = await import("./audit.ts");
        const { containerId } = request.sandbox;
        await tellRefused(call, { pod, error, containerId });
      } catch (cause) {
        const why = asFabricError(cause).message;
        call.log.write("warning", "an Event could not be written", { error: why });
      }
    },
    [Symbol.dispose]: () => {
      client?.[Symbol.dispose]();
      knocked?.[Symbol.dispose]();
    },
  };
}

/** The node's door, for whom a token and not a connection says who we are. */
function doorFor(
  { target, token }: KubeTarget,
  { call, knocked }: { readonly call: Call; readonly knocked: Knock | undefined },
): KubeDoor | undefined {
  const isFit = target.tls !== undefined && target.tls.cert === undefined && token !== undefined;
  if (knocked === undefined || !isFit) return undefined;
  return openKubeDoor(knocked, {
    host: httpHost(target),
    warn: (why) => call.log.write("warning", "the door to Kubernetes is not used", { error: why }),
  });
}

function resolved(
  { wanted }: AddRequest,
  { base, intent, call, client }: {
    readonly base: AllocateRequest;
    readonly intent: PodIntent;
    readonly call: Call;
    readonly client: KubeClient;
  },
): ResolvedAdd {
  const { wish, isCurrent, ownership: { workload }, namespace, slot, tenant } = intent;
  const { cluster } = call.config;
  const byAnnotation = wanted.networks.length === 0 ? wish.networks : undefined;
  // A further interface has a network of its own, or that of its conflist.
  const networks = byAnnotation?.names ?? base.networks;
  const { metadata } = namespace;
  // What the runtime asks for goes before annotations.
  const limits = {
    ...(wish.ingressRate === undefined ? {} : { ingress: shapeable(wish.ingressRate) }),
    ...(wish.egressRate === undefined ? {} : { egress: shapeable(wish.egressRate) }),
    ...base.bandwidth,
  };
  const asked: AllocateRequest = {
    ...base,
    ...(Object.keys(limits).length === 0 ? {} : { bandwidth: limits }),
    networks,
    mustBeAllowed: byAnnotation !== undefined,
    user: { cluster, namespace: metadata.name, labels: metadata.labels, tenant },
    ...(base.mac !== undefined || wish.mac === undefined ? {} : { mac: wish.mac }),
    ...(tenant === undefined ? {} : { tenant }),
    reclaim: wish.reclaim,
    waitForHolderMs: HOLDER_WAIT_MS,
  };
  const list = base.addresses === undefined ? wish.ips?.list : undefined;
  const { group, kind, name } = workload;
  const owned: WorkloadWish | undefined = !wish.fixed ? undefined : {
    workload: { cluster, group, kind, namespace: metadata.name, name },
    slot: slot.kind === "any" ? slot : {
      kind: "own",
      slot: slot.slot,
      index: slot.kind === "ordinal" ? slot.index : slot.kind === "only" ? 0 : undefined,
    },
    list,
    isCurrent,
    onExhausted: wish.onExhausted,
    most: mostOf(workload),
    numbers: numbersOf(workload),
  };
  return {
    asked,
    allocate: (context) => {
      if (owned === undefined) return allocate(context, asked);
      const whyOver = overOf({ client, call, context });
      return allocateForWorkload(context, { ...asked, whyOver }, owned);
    },
  };
}

/** Annotations go from 1k to 1P bit/s, and the kernel's shaper not so far. */
function shapeable(rate: number): number {
  return Math.min(Math.max(rate, MIN_RATE), MAX_RATE);
}

/**
 * A holder on this node is looked at here: it is ended as by GC where its sandbox is gone. For one on
 * another node of the cluster Kubernetes is asked whether that is dead, once a second.
 */
function overOf(
  { client, call, context }: {
    readonly client: KubeClient;
    readonly call: Call;
    readonly context: IpamContext;
  },
): (holder: Holder) => Promise<string | undefined> {
  const { config, now } = call;
  const asked = new Map<string, number>();
  return async (holder) => {
    const { cluster, node } = holder;
    if (cluster !== config.cluster) return undefined;
    if (node === config.node) {
      const { collectOne } = await import("./other_verbs.ts");
      return await collectOne(call, context, holder) ? "its sandbox is gone" : undefined;
    }
    const last = asked.get(node);
    if (last !== undefined && now() - last < FENCE_CACHE_MS) return undefined;
    asked.set(node, now());
    const fenced = await asking("kubernetes", () => isFenced(client, node));
    return fenced ? "Kubernetes says that its node is out of service" : undefined;
  };
}

/** What somebody who writes manifests, or a network administrator, can do something about. */
function isForPeople(error: FabricError): boolean {
  const { reason, neighbour } = error.details;
  // What the API server itself refuses us is no fault of the Pod's.
  if (neighbour === "kubernetes" && error.kind !== "invalid") return false;
  return reason !== "pod" && reason !== "deleted" && Object.hasOwn(REASONS, error.kind);
}

const REASONS: Partial<Readonly<Record<FabricError["kind"], string>>> = {
  invalid: "FabricInvalidRequest",
  forbidden: "FabricNetworkForbidden",
  exhausted: "FabricNoFreeAddress",
  conflict: "FabricAddressConflict",
  "try-again": "FabricAddressNotYetFree",
  "not-found": "FabricNoSuchNetwork",
};

/** True where it was not said before. */
async function tellPeople(
  { client, intent, pod, error, call }: {
    readonly client: KubeClient | undefined;
    readonly intent: PodIntent | undefined;
    readonly pod: Pod;
    readonly error: FabricError;
    readonly call: Call;
  },
): Promise<boolean> {
  if (client === undefined) return false;
  const about: EventTarget = {
    apiVersion: "v1",
    kind: "Pod",
    namespace: pod.namespace,
    name: pod.name,
    uid: intent?.pod.metadata.uid ?? pod.uid ?? "",
  };
  const text = {
    reason: REASONS[error.kind] ?? "FabricAddFailed",
    message: describeError(error),
    node: call.config.node,
    now: call.now(),
  };
  const isNews = await warnAbout(client, about, text);
  const workload = intent?.ownership.workload;
  const isForWorkload = workload !== undefined && workload.kind !== "Pod" &&
    isKind(error, "exhausted", "try-again") && error.details["reason"] !== "holder";
  if (!isForWorkload) return isNews;
  const { apiVersion, kind, namespace, name, uid } = workload;
  await warnAbout(client, { apiVersion, kind, namespace, name, uid }, text);
  return isNews;
}
