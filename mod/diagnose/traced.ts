/**
 * The packets that are traced for layer `flows`: the question who has the next hop, the packet
 * itself, and its answer.
 *
 * @module
 */

import { hostIfname } from "../host/ifname.ts";
import { inNetns } from "../host/run.ts";
import { parseTrace, type PortNumbers } from "../ovsdb/trace_parse.ts";
import type { FlowsFacts, Traced } from "./layers/flows.ts";
import { type Content, flowText, type Packet } from "./packet.ts";
import { carries } from "./layers/uplink.ts";
import { type Scene, wirePorts } from "./scene.ts";
import type { PodWalk } from "./pod_walk.ts";
import type { PortNames } from "./trace_words.ts";
import type { Way } from "./way.ts";

/** Stands for a MAC that nobody has asked for yet: locally administered, and nobody's. */
export const SOME_MAC = "0e:fb:00:00:00:01";

/** A port of the bridge by its numbers. */
interface Numbered {
  readonly name: string;
  readonly openflow: number;
  readonly datapath: number;
}

/** Traces them. */
export async function tracedPackets(pod: PodWalk): Promise<FlowsFacts> {
  const { scene, bridge = "", ways } = pod;
  const numbers = await scene.numbers();
  const numbered = (name: string): readonly Numbered[] => {
    const found = numbers.get(name);
    return found?.datapath === undefined ? [] : [{
      name,
      openflow: found.openflow,
      datapath: found.datapath,
    }];
  };
  const [own] = numbered(pod.port);
  if (own === undefined) throw new Error(`port ${pod.port} is not in the datapath`);
  const neighbour = pod.sameSwitch ? pod.target?.found?.record : undefined;
  const far = neighbour !== undefined
    ? numbered(await hostIfname(neighbour.containerId, neighbour.ifname))
    // An uplink that does not carry the VLAN is for the next layer to tell.
    : wirePorts(await scene.switch(), bridge).filter((port) => carries(port, pod.record.vlan))
      .flatMap(({ interfaces }) => interfaces.flatMap(({ name }) => numbered(name)));
  const packets: Traced[] = [];
  for (const way of ways) packets.push(...await packetsOf(pod, { way, own, far }));
  return { bridge, packets, names: namesOf(numbers, bridge) };
}

async function packetsOf(
  pod: PodWalk,
  { way, own, far }: {
    readonly way: Way;
    readonly own: Numbered;
    readonly far: readonly Numbered[];
  },
): Promise<readonly Traced[]> {
  const { record, sameSwitch, target } = pod;
  const { family, source, hop } = way;
  if (hop === undefined) return [];
  const tag = record.vlan === 0 || sameSwitch ? undefined : record.vlan;
  const hopMac = await macOf(pod, hop) ?? SOME_MAC;
  const me = { mac: record.mac, address: source };
  const it = { mac: hopMac, address: way.target };
  const port = target?.port;
  const out: Content = port === undefined ? "ping" : { protocol: "tcp", from: 40000, to: port };
  const back: Content = port === undefined ? "answer" : { protocol: "tcp", from: port, to: 40000 };
  const what = port === undefined ? "ping" : `TCP packet to port ${port}`;
  const question = family === 4 ? "ARP request" : "neighbour solicitation";
  const go = (packet: string, content: Content, destination: Packet["destination"]) =>
    traced(pod, {
      packet,
      description: {
        content,
        family,
        source: me,
        destination,
        inPort: own.openflow,
        vlan: undefined,
      },
      ports: far.map(({ datapath }) => datapath),
      vlan: tag,
    });
  const [first] = far;
  return [
    await go(`the pod's ${question} for ${hop}`, "ask", { mac: hopMac, address: hop }),
    await go(`the pod's ${what} to ${way.target}`, out, it),
    ...(first === undefined ? [] : [
      await traced(pod, {
        packet: `the answer of ${way.target}`,
        description: {
          content: back,
          family,
          source: it,
          destination: me,
          inPort: first.openflow,
          vlan: tag,
        },
        ports: [own.datapath],
        vlan: undefined,
        established: true,
      }),
    ]),
  ];
}

/** The MAC of a neighbour as the pod knows it; undefined where it does not. */
async function macOf({ scene, record }: PodWalk, address: string): Promise<string | undefined> {
  const run = inNetns(scene.run, record.netns);
  const { stdout } = await run(["ip", "neigh", "show", "to", address, "dev", record.ifname]);
  return /\blladdr (\S+)/.exec(stdout)?.[1];
}

async function traced(
  { scene, bridge = "" }: PodWalk,
  asked: {
    readonly packet: string;
    readonly description: Packet;
    readonly ports: readonly number[];
    readonly vlan: number | undefined;
    /** It belongs to a connection that the switch knows. */
    readonly established?: boolean;
  },
): Promise<Traced> {
  const { packet, description, ports, vlan, established = false } = asked;
  const { text, proof } = await traceText(scene, {
    bridge,
    flow: flowText(description),
    established,
  });
  return { packet, proof, trace: parseTrace(text), ports, vlan };
}

/** Asks vswitchd what it would do with a packet; nothing is sent, nothing learned. */
export async function traceText(
  scene: Scene,
  asked: { readonly bridge: string; readonly flow: string; readonly established: boolean },
): Promise<{ readonly text: string; readonly proof: string }> {
  const { bridge, flow, established } = asked;
  // Each pass through the connection tracker takes the next one.
  const states = established ? ["--ct-next", "trk,est,rpl", "--ct-next", "trk,est,rpl"] : [];
  const args = [...states, bridge, flow];
  const control = await scene.control();
  const text = await control.call("ofproto/trace", ...args);
  const shown = args.map((arg) => arg === flow ? `'${arg}'` : arg);
  return { text, proof: `ovs-appctl ofproto/trace ${shown.join(" ")}` };
}

/** Names of the bridge's ports by OpenFlow number, and of all by number in the datapath. */
export function namesOf(numbers: ReadonlyMap<string, PortNumbers>, bridge: string): PortNames {
  const here = [...numbers].filter(([, one]) => one.bridge === bridge);
  return {
    openflow: new Map(here.map(([name, one]) => [one.openflow, name])),
    datapath: new Map(
      [...numbers].flatMap(([name, { datapath }]) =>
        datapath === undefined ? [] : [[datapath, name] as const]
      ),
    ),
  };
}
