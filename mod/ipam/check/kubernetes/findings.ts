/**
 * What does not fit between the store and Kubernetes, judged from one look. Pure.
 *
 * @module
 */

import { parseInterfaceAddress } from "../../../ip/prefix.ts";
import { formatAddress, tryParseAddress } from "../../../ip/address.ts";
import { readWish } from "../../../kube/annotations.ts";
import { listSize } from "../../../kube/annotation_value.ts";
import { FIRST_INTERFACE } from "../../../kube/annotations.ts";
import { surgeOf } from "../../../kube/numbers.ts";
import type { KubePod } from "../../../kube/objects.ts";
import { FabricError } from "../../../error.ts";
import { formatOwner } from "../../../model/identity.ts";
import type { AttachmentRecord } from "../../../model/records.ts";
import type { Evidence, Finding } from "../finding.ts";
import { KUBERNETES_KINDS as KINDS } from "../kinds/kubernetes.ts";
import type { Look, Recorded } from "./look.ts";

/** All findings of the look. */
export function kubernetesFindings(look: Look): readonly Finding[] {
  const ours = look.pods.filter(isOurs);
  return [
    ...podFindings(look, ours),
    ...twiceFindings(ours),
    ...podGoneFindings(look),
    ...workloadFindings(look),
    ...namespaceFindings(look),
    ...surgeFindings(look),
  ];
}

/** Pods that have, or had, a sandbox with a network of its own. */
function isOurs({ spec, status }: KubePod): boolean {
  return spec.hostNetwork !== true && status.phase !== "Succeeded" && status.phase !== "Failed";
}

function nameOf({ metadata }: KubePod): string {
  return `${metadata.namespace}/${metadata.name}`;
}

function podIps({ status }: KubePod): readonly string[] {
  const texts = [status.podIP, ...status.podIPs.map(({ ip }) => ip)];
  const addresses = texts.flatMap((text) => {
    const address = text === undefined ? undefined : tryParseAddress(text);
    return address === undefined ? [] : [formatAddress(address)];
  });
  return [...new Set(addresses)];
}

function seenKey({ key, modRevision }: Recorded<unknown>, says: string): Evidence {
  return { what: "key", name: key, revision: modRevision, says };
}

function isOf(record: AttachmentRecord, { metadata }: KubePod): boolean {
  const { pod } = record;
  if (pod?.namespace !== metadata.namespace || pod?.name !== metadata.name) return false;
  // A static Pod is known to its runtime by its hash.
  return pod.uid === undefined || pod.uid === metadata.uid ||
    pod.uid === metadata.annotations["kubernetes.io/config.hash"];
}

function podFindings(look: Look, pods: readonly KubePod[]): readonly Finding[] {
  const byPod = Map.groupBy(
    look.attachments,
    ({ record: { pod } }) => pod === undefined ? "" : `${pod.namespace}/${pod.name}`,
  );
  return pods.flatMap((pod): readonly Finding[] => {
    const ips = podIps(pod);
    if (ips.length === 0) return [];
    const name = nameOf(pod);
    const object = `Pod ${name}`;
    const attachments = (byPod.get(name) ?? []).filter(({ record }) => isOf(record, pod));
    if (attachments.length === 0) {
      return [{
        kind: KINDS.podWithoutAttachment,
        object,
        detail: `it has ${ips.join(", ")} on node ${pod.spec.nodeName ?? "?"}, and no attachment`,
        evidence: [],
      }];
    }
    const findings: Finding[] = [];
    const own = new Set(
      attachments.flatMap(({ record }) =>
        record.addresses.map(({ address }) => formatAddress(parseInterfaceAddress(address).address))
      ),
    );
    const others = ips.filter((ip) => !own.has(ip));
    if (others.length > 0) {
      findings.push({
        kind: KINDS.otherAddress,
        object,
        detail: `Kubernetes has ${others.join(", ")}, we have ${[...own].join(", ")}`,
        evidence: attachments.map((one) => seenKey(one, "its attachment")),
      });
    }
    const { nodeName } = pod.spec;
    const elsewhere = attachments.filter(({ record }) =>
      nodeName !== undefined && record.node !== nodeName
    );
    if (elsewhere.length > 0) {
      const nodes = elsewhere.map(({ record }) => record.node).join(", ");
      findings.push({
        kind: KINDS.otherNode,
        object,
        detail: `it runs on ${nodeName}, its attachment is on ${nodes}`,
        evidence: elsewhere.map((one) => seenKey(one, `node ${one.record.node}`)),
      });
    }
    return findings;
  });
}

function twiceFindings(pods: readonly KubePod[]): readonly Finding[] {
  const byAddress = new Map<string, string[]>();
  for (const pod of pods) {
    for (const ip of podIps(pod)) byAddress.set(ip, [...byAddress.get(ip) ?? [], nameOf(pod)]);
  }
  return [...byAddress].flatMap(([ip, names]) =>
    names.length < 2 ? [] : [{
      kind: KINDS.twice,
      object: `address ${ip}`,
      detail: `Pods ${names.join(", ")} have it`,
      evidence: [],
    }]
  );
}

function podGoneFindings(look: Look): readonly Finding[] {
  const byName = new Map(look.pods.map((pod) => [nameOf(pod), pod]));
  return look.attachments.flatMap((one) => {
    const { pod, node, addresses } = one.record;
    if (pod === undefined) return [];
    const name = `${pod.namespace}/${pod.name}`;
    const found = byName.get(name);
    if (found !== undefined && isOf(one.record, found)) return [];
    const why = found === undefined ? "does not exist" : "is another one of that name";
    return [{
      kind: KINDS.podGone,
      object: `Pod ${name} on node ${node}`,
      detail: `it ${why}, and ${addresses.map(({ address }) => address).join(", ")} is held for it`,
      evidence: [seenKey(one, `of Pod ${name}`)],
    }];
  });
}

function workloadFindings({ owners, gone }: Look): readonly Finding[] {
  return owners.filter(({ key }) => gone.has(key)).map((one) => {
    const { owner, addresses, network, reclaim } = one.record;
    const kept = reclaim === "never" ? ", for ever" : "";
    return {
      kind: KINDS.workloadGone,
      object: formatOwner(owner),
      detail: `${addresses.map(({ address }) => address).join(", ")} of network ${network.name} ` +
        `is kept for it${kept}`,
      evidence: [seenKey(one, "no holder, and no such workload")],
    };
  });
}

function namespaceFindings({ namespaces, networks }: Look): readonly Finding[] {
  return namespaces.flatMap(({ metadata }) => {
    const object = `Namespace ${metadata.name}`;
    const wish = wishOf([{ object, annotations: metadata.annotations }]);
    const missing = wish?.networks?.names.filter((name) => !networks.has(name)) ?? [];
    if (missing.length === 0 || missing.length < (wish?.networks?.names.length ?? 0)) return [];
    return [{
      kind: KINDS.noSuchNetwork,
      object,
      detail: `it names ${missing.join(", ")}`,
      evidence: [],
    }];
  });
}

/** Undefined where an annotation is wrong: its Pods say so themselves. */
function wishOf(layers: Parameters<typeof readWish>[0]): ReturnType<typeof readWish> | undefined {
  try {
    return readWish(layers, FIRST_INTERFACE);
  } catch (error) {
    if (error instanceof FabricError) return undefined;
    throw error;
  }
}

function surgeFindings({ deployments, namespaces }: Look): readonly Finding[] {
  const byName = new Map(namespaces.map(({ metadata }) => [metadata.name, metadata.annotations]));
  return deployments.flatMap((deployment) => {
    const { name, namespace = "", annotations } = deployment.metadata;
    const object = `Deployment ${namespace}/${name}`;
    const template = deployment.spec.template?.metadata?.annotations ?? {};
    const wish = wishOf([
      { object, annotations: template },
      { object, annotations },
      { object: `Namespace ${namespace}`, annotations: byName.get(namespace) ?? {} },
    ]);
    const numbers = surgeOf({ kind: "Deployment", object: deployment });
    if (wish?.ips === undefined || wish.onExhausted === "borrow" || numbers === undefined) {
      return [];
    }
    const listed = listSize(wish.ips.list);
    const { replicas, surge } = numbers;
    if (listed >= replicas + surge) return [];
    return [{
      kind: KINDS.tooFew,
      object,
      detail: `it lists ${listed} addresses, and ${replicas} replicas with surge ${surge} need ` +
        `${replicas + surge}`,
      evidence: [],
    }];
  });
}
