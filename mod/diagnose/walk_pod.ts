/**
 * The walk of a pod's interface: looks at each layer, with what it needs read when it is reached.
 *
 * @module
 */

import { asFabricError } from "../error.ts";
import { readIdentity } from "../host/identity.ts";
import { hostIfname } from "../host/ifname.ts";
import { observePod, type PodLook, type SeenPod } from "../host/observe_pod.ts";
import { inNetns, stderrOf } from "../host/run.ts";
import type { AttachmentRecord } from "../model/records.ts";
import { judgeAddresses, type RouteTaken } from "./layers/addresses.ts";
import { isPlainSwitch, judgeFlows } from "./layers/flows.ts";
import { judgeNamespace } from "./layers/namespace.ts";
import { judgePort, type PortFacts } from "./layers/port.ts";
import { judgeRecord } from "./layers/record.ts";
import { judgeGateway, judgeVlan } from "./layers/segment.ts";
import { judgeTarget } from "./layers/target.ts";
import { judgeVeth } from "./layers/veth.ts";
import { type Diagnosis, type Layer, type Look, type Looks, type Verdict, walk } from "./layer.ts";
import type { PodWalk, WantedTarget } from "./pod_walk.ts";
import { hasOwnRules, rulesCommand } from "./probe.ts";
import type { Scene } from "./scene.ts";
import { segmentFacts } from "./segment_read.ts";
import { type Found, recordFacts } from "./subject.ts";
import { targetFacts } from "./target_read.ts";
import { tracedPackets } from "./traced.ts";
import { uplinkVerdict } from "./bridge_read.ts";
import { type Way, waysToGateways, wayTo } from "./way.ts";
import { podText } from "./words.ts";

export interface WalkPodOptions {
  readonly target?: WantedTarget | undefined;
  readonly onLayer?: (layer: Layer) => void;
  /** Only what is on this node: nothing is sent. */
  readonly localOnly?: boolean;
  /** In place of the pod's own record: it only lends its interface to ask from. */
  readonly lent?: { readonly subject: string; readonly record: Look };
}

/** Walks the way of one interface of a pod of this node. */
export async function walkPod(
  scene: Scene,
  found: Found,
  options: WalkPodOptions = {},
): Promise<Diagnosis> {
  const { record } = found;
  const { target, onLayer, localOnly = false, lent } = options;
  const facts = await recordFacts(scene, found);
  const network = facts.store?.network;
  const way = target === undefined ? undefined : wayTo({ record, network }, target.address);
  const pod: PodWalk = {
    scene,
    found,
    record,
    facts,
    target,
    port: await hostIfname(record.containerId, record.ifname),
    bridge: scene.config.physicalNetworks[record.physicalNetwork]?.bridge,
    ways: way === undefined ? target === undefined ? waysToGateways(record) : [] : [way],
    lookAt: (other) => walkPod(scene, other, { localOnly: true }),
    sameSwitch: way?.onLink === true && isNeighbour(scene, record, target?.found?.record),
  };
  const looks = { ...looksOf(pod), ...(lent === undefined ? {} : { record: lent.record }) };
  const local = ["record", "namespace", "addresses", "veth", "port"] as const;
  const wanted: Looks = localOnly
    ? Object.fromEntries(local.map((layer) => [layer, looks[layer]]))
    : looks;
  const shown = target === undefined
    ? pod.ways.map((one) => one.target).join(" and ")
    : target.port === undefined
    ? target.address
    : `${target.address} port ${target.port}`;
  return await walk(wanted, {
    subject: lent?.subject ?? `${podText(record)}, interface ${record.ifname}`,
    target: shown === "" ? undefined : target === undefined ? `gateway ${shown}` : shown,
    ...(onLayer === undefined ? {} : { onLayer }),
  });
}

function isNeighbour(
  { config }: Scene,
  own: AttachmentRecord,
  other: AttachmentRecord | undefined,
): boolean {
  return other !== undefined && other.cluster === config.cluster && other.node === config.node &&
    other.physicalNetwork === own.physicalNetwork && other.vlan === own.vlan;
}

function looksOf(pod: PodWalk): Looks {
  const { scene, record, facts, ways, sameSwitch, target } = pod;
  const { netns, ifname } = record;
  const inside = memo(() => observePod(scene.run, { netns, ifname }));
  const seenPod = async (): Promise<SeenPod> => {
    const look = await inside();
    if (look.state !== "there") throw new Error(`there is no namespace at ${netns}`);
    return look.pod;
  };
  const flows = memo(() => tracedPackets(pod));
  const segment = memo(async () =>
    await segmentFacts(pod, { plainSwitch: isPlainSwitch(await flows()) })
  );
  const ownRules = memo(() => hasOwnRules(scene.run, netns));
  /** Whoever keeps silent may have answered: rules inside the pod may have dropped it. */
  const orOwnRules = async (verdict: Verdict | undefined): Promise<Verdict | undefined> =>
    verdict?.status === "broken" && await ownRules()
      ? {
        ...verdict,
        remedy: `first see the firewall rules inside the pod, which may drop it ` +
          `(${rulesCommand(netns)}); then ${verdict.remedy}`,
      }
      : verdict;
  const [way] = ways;
  const wire = !sameSwitch;
  return {
    record: () => judgeRecord(facts),
    namespace: async () => judgeNamespace(await namespaceFacts(pod, await inside())),
    addresses: async () => {
      if (target !== undefined && way === undefined) return noFamily(pod);
      const route = target === undefined || way === undefined
        ? undefined
        : await routeTaken(pod, way);
      return judgeAddresses({
        record,
        pod: await seenPod(),
        route,
        ownRules: await ownRules(),
      });
    },
    veth: async () => {
      const { links } = await seenPod();
      const link = links.find(({ name }) => name === ifname);
      if (link === undefined) throw new Error(`there is no ${ifname}`);
      const host = (await scene.host()).links.get(pod.port);
      return judgeVeth({ name: pod.port, host, pod: link });
    },
    port: async () => await portVerdict(pod),
    flows: async () => judgeFlows(await flows()),
    ...(wire
      ? {
        uplink: async () => await uplinkVerdict(scene, record),
        vlan: async () => await orOwnRules(judgeVlan(await segment())),
        gateway: async () =>
          way?.onLink === true && target !== undefined
            ? undefined
            : await orOwnRules(judgeGateway(await segment())),
      }
      : {}),
    ...(target === undefined || way === undefined ? {} : {
      target: async () => {
        // Where it is on the link it was asked for layer `vlan` already.
        const heard = wire && way.onLink
          ? (await segment()).others.find(({ address }) => address === way.target)?.heard
          : undefined;
        return await orOwnRules(judgeTarget(await targetFacts(pod, { target, way, heard })));
      },
    }),
  };
}

function noFamily({ target, record }: PodWalk): Verdict {
  const family = target?.address.includes(":") === true ? "IPv6" : "IPv4";
  return {
    status: "broken",
    says: `the pod has no ${family} address on ${record.ifname}, so it cannot reach ` +
      `${target?.address}`,
    remedy: `add an ${family} subnet to network ${record.network.name}, or use another address`,
  };
}

function memo<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => made ??= make();
}

async function namespaceFacts({ scene, record }: PodWalk, look: PodLook) {
  const { netns, ifname } = record;
  const { bootIdFile } = scene.config;
  const bootId = bootIdFile === undefined ? undefined : Deno.readTextFileSync(bootIdFile).trim();
  const identity = await readIdentity(scene.run, {
    machineId: record.machineId,
    ...(bootId === undefined ? {} : { bootId }),
  });
  return {
    netns,
    ifname,
    exists: look.state !== "gone",
    hasInterface: look.state === "there" && look.pod.links.some(({ name }) => name === ifname),
    otherBoot: identity.bootId !== record.bootId,
  };
}

async function routeTaken({ scene, record }: PodWalk, way: Way): Promise<RouteTaken> {
  const { source, target, hop } = way;
  const asked = { target, source, hop: hop ?? target };
  const run = inNetns(scene.run, record.netns);
  try {
    const { stdout } = await run(["ip", "route", "get", target, "from", source]);
    const device = /\bdev (\S+)/.exec(stdout)?.[1] ?? "";
    const via = /\bvia (?:inet6 )?(\S+)/.exec(stdout)?.[1] ?? target;
    return { ...asked, taken: { hop: via, device } };
  } catch (error) {
    if (stderrOf(error) === undefined) throw error;
    return { ...asked, taken: undefined };
  }
}

async function portVerdict(pod: PodWalk): Promise<Verdict> {
  const { scene, record, port: name, bridge } = pod;
  let facts: Omit<PortFacts, "vswitchdSilent" | "numbers" | "taken">;
  try {
    const { bridges, ports } = await scene.switch();
    facts = {
      name,
      vlan: record.vlan,
      physicalNetwork: record.physicalNetwork,
      bridge,
      hasBridge: bridges.some((one) => one.name === bridge),
      port: ports.find((one) => one.name === name),
    };
  } catch (error) {
    return {
      status: "broken",
      says: "ovsdb-server does not answer, so the switch cannot be looked at; pods that run may " +
        "still be connected",
      evidence: [{ source: "ovsdb-server", says: asFabricError(error).message }],
      proof: "ovs-vsctl show",
      remedy: "start ovsdb-server, or correct ovsdb.socket in /etc/fabric/config.yaml",
    };
  }
  let vswitchdSilent: string | undefined;
  const numbers = await scene.numbers().catch((error) => {
    vswitchdSilent = asFabricError(error).message;
    return undefined;
  });
  const { links, tapped } = await scene.host();
  const link = links.get(name);
  const taken = link !== undefined && (tapped.has(link.ifindex) || link.inKernelSwitch);
  return judgePort({ ...facts, vswitchdSilent, numbers: numbers?.get(name), taken });
}
