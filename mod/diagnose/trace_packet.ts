/**
 * One packet between two ends, as the switch of this node would treat it: from a pod that is here, or
 * from the wire to one that is.
 *
 * @module
 */

import { FabricError } from "../error.ts";
import { hostIfname } from "../host/ifname.ts";
import { observePod } from "../host/observe_pod.ts";
import { inNetns, stderrOf } from "../host/run.ts";
import { parseTrace, type Trace } from "../ovsdb/trace_parse.ts";
import { type Content, flowText } from "./packet.ts";
import type { WantedTarget } from "./pod_walk.ts";
import { type Scene, wirePorts } from "./scene.ts";
import { type Found, recordFacts } from "./subject.ts";
import type { PortNames } from "./trace_words.ts";
import { namesOf, SOME_MAC, traceText } from "./traced.ts";
import { type Way, wayTo } from "./way.ts";
import { podText } from "./words.ts";

export interface TraceRequest {
  /** Who sends: an attachment, here or elsewhere. */
  readonly from: Found;
  readonly to: WantedTarget;
  /** With a port. */
  readonly protocol: "tcp" | "udp";
}

/** What the switch would do with it. */
export interface PacketTrace {
  /** `a ping of pod web/a (10.0.0.5) to pod web/b on node n1 (10.0.0.6)`. */
  readonly packet: string;
  readonly bridge: string;
  /** Port that it comes in by, and its tag there. */
  readonly enters: { readonly port: string; readonly vlan: number | undefined };
  /** VLAN of the network. */
  readonly vlan: number;
  readonly trace: Trace;
  readonly names: PortNames;
  /** What vswitchd printed. */
  readonly text: string;
  readonly proof: string;
  /** What is assumed, since nobody here knows it. */
  readonly assumed: readonly string[];
  /** Ports that it should come out of; it may be flooded to others. */
  readonly wanted: readonly string[];
  /** Where its way goes on, or comes from. */
  readonly more: string | undefined;
}

/**
 * Traces it.
 *
 * @throws {FabricError} `invalid`: neither end is on this node, or they have no family in common.
 */
export async function tracePacket(scene: Scene, request: TraceRequest): Promise<PacketTrace> {
  const { from, to, protocol } = request;
  const { record } = from;
  const network = (await recordFacts(scene, from)).store?.network;
  const way = wayTo({ record, network }, to.address);
  if (way === undefined || way.hop === undefined) {
    throw new FabricError("invalid", `${podText(record)} has no way to ${to.address}`, {
      field: "TARGET",
      value: to.address,
      remedy: way === undefined
        ? "name an address of a family that it has"
        : "its network has no gateway: name an address of its subnets",
    });
  }
  const fromHere = isHere(scene, from);
  const target = to.found !== undefined && isHere(scene, to.found) ? to.found : undefined;
  if (!fromHere && target === undefined) {
    throw new FabricError("invalid", "Neither end is on this node", {
      field: "SOURCE",
      value: podText(record),
      remedy: `run it on node ${record.node}`,
    });
  }
  const numbers = await scene.numbers();
  const side = fromHere ? record : target?.record ?? record;
  const { bridge = "" } = scene.config.physicalNetworks[side.physicalNetwork] ?? {};
  const wire = wirePorts(await scene.switch(), bridge)
    .flatMap(({ interfaces }) => interfaces.map(({ name }) => name));
  const own = await hostIfname(side.containerId, side.ifname);
  const sameSegment = target?.record.vlan === record.vlan &&
    target.record.physicalNetwork === record.physicalNetwork;
  const direct = fromHere && target !== undefined && way.onLink && sameSegment;
  const vlan = fromHere || side.vlan === 0 ? undefined : side.vlan;
  const port = fromHere ? own : wire[0] ?? "";
  const inPort = numbers.get(port)?.openflow;
  if (inPort === undefined) {
    throw new FabricError("not-found", `Port ${port} is not in the datapath of ${bridge}`, {
      value: port,
      remedy: `diagnose it first: fabric-admin diagnose pod ${nameOf(side)}`,
    });
  }
  const macs = await macsOf(scene, { from, to, way, fromHere });
  const content: Content = to.port === undefined ? "ping" : { protocol, from: 40000, to: to.port };
  const flow = flowText({
    content,
    family: way.family,
    inPort,
    vlan,
    source: { mac: macs.source, address: way.source },
    destination: { mac: macs.destination, address: way.target },
  });
  const { text, proof } = await traceText(scene, { bridge, flow, established: false });
  const far = target === undefined
    ? undefined
    : await hostIfname(target.record.containerId, target.record.ifname);
  return {
    packet: packetText(request, way),
    bridge,
    enters: { port, vlan },
    vlan: side.vlan,
    trace: parseTrace(text),
    names: namesOf(numbers, bridge),
    text,
    proof,
    assumed: macs.assumed,
    wanted: fromHere ? direct ? [far ?? ""] : wire : [own],
    more: moreText(scene, { request, fromHere, direct }),
  };
}

function isHere({ config }: Scene, { record }: Found): boolean {
  return record.cluster === config.cluster && record.node === config.node;
}

function nameOf({ pod, containerId }: Found["record"]): string {
  return pod === undefined ? containerId : `${pod.namespace}/${pod.name}`;
}

function packetText({ from, to, protocol }: TraceRequest, way: Way): string {
  const what = to.port === undefined
    ? "a ping"
    : `a ${protocol.toUpperCase()} packet to port ${to.port}`;
  const who = to.found === undefined
    ? way.target
    : `${podText(to.found.record)} (${way.target}, node ${to.found.record.node})`;
  return `${what} of ${podText(from.record)} (${way.source}, node ${from.record.node}) to ${who}`;
}

function moreText(
  { config }: Scene,
  { request, fromHere, direct }: {
    readonly request: TraceRequest;
    readonly fromHere: boolean;
    readonly direct: boolean;
  },
): string | undefined {
  const { from, to } = request;
  const port = to.port === undefined ? "" : `:${to.port}`;
  const whom = to.found === undefined ? to.address : nameOf(to.found.record);
  const command = `fabric-admin trace ${nameOf(from.record)} ${whom}${port}`;
  if (!fromHere) return `the half before it: on node ${from.record.node}, ${command}`;
  if (direct || to.found === undefined) return undefined;
  if (to.found.record.node === config.node) {
    return "it goes on by the gateway, and comes back to this node in another VLAN";
  }
  return `the other half: on node ${to.found.record.node}, ${command}`;
}

/** The MACs at both ends of the hop that this node sees. */
async function macsOf(
  scene: Scene,
  { from, to, way, fromHere }: {
    readonly from: Found;
    readonly to: WantedTarget;
    readonly way: Way;
    readonly fromHere: boolean;
  },
): Promise<
  {
    readonly source: string;
    readonly destination: string;
    readonly assumed: readonly string[];
  }
> {
  const straight = way.onLink ? to.found?.record.mac : undefined;
  if (fromHere) {
    const destination = straight ?? await neighbour(scene, from, way.hop ?? way.target);
    return {
      source: from.record.mac,
      destination: destination ?? SOME_MAC,
      assumed: destination === undefined
        ? [`the pod does not know the MAC of ${way.hop} yet: the switch is asked with ${SOME_MAC}`]
        : [],
    };
  }
  const target = to.found;
  const gateway = target?.record.addresses.find(({ address }) =>
    address.includes(":") === (way.family === 6)
  )?.gateway;
  const router = way.onLink || target === undefined || gateway === undefined
    ? undefined
    : await neighbour(scene, target, gateway);
  return {
    source: way.onLink ? from.record.mac : router ?? SOME_MAC,
    destination: target?.record.mac ?? SOME_MAC,
    assumed: way.onLink || router !== undefined
      ? []
      : [`the MAC of the router that it comes by is not known: ${SOME_MAC} stands for it`],
  };
}

/** The MAC of a neighbour as the pod's kernel knows it. */
async function neighbour(
  scene: Scene,
  { record }: Found,
  address: string,
): Promise<string | undefined> {
  const { netns, ifname } = record;
  const look = await observePod(scene.run, { netns, ifname });
  if (look.state !== "there") return undefined;
  try {
    const run = inNetns(scene.run, netns);
    const { stdout } = await run(["ip", "neigh", "show", "to", address, "dev", ifname]);
    return /\blladdr (\S+)/.exec(stdout)?.[1];
  } catch (error) {
    if (stderrOf(error) === undefined) throw error;
    return undefined;
  }
}
