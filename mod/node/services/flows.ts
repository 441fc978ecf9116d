/**
 * The flows of the service path, as lines for `ovs-ofctl`. Pure. See ARCHITECTURE.md, "Services".
 *
 * @module
 */

import { SERVICE_DEVICE_MAC, SERVICE_HOP, SERVICE_HOP_MAC } from "../../host/service_names.ts";
import { type Address, formatAddress, parseAddress } from "../../ip/address.ts";
import { parsePrefix } from "../../ip/prefix.ts";
import { BRIDGE_COOKIE, networkCookie, podCookie } from "./cookie.ts";

/** Zone of connection tracking in the switch; the node's own stack tracks in zone 0. */
export const SERVICE_ZONE = 64_171;

/** Answers that may belong to a connection by the node. */
const REPLIES = 110;
/** From the node's stack to a pod, or as a pod to the wire. */
const FROM_NODE = 120;
/** Requests of the node's stack for MACs, asked in the name of a pod. */
const IDENTITY = 130;
/** A network of the node, as its flows need it. */
export interface FlowNetwork {
  readonly vlan: number;
  /** Number of the port of the node's stack. */
  readonly port: number;
  readonly mark: number;
  /** What the node's stack answers with for itself and for Services: ranges and addresses. */
  readonly sources: readonly string[];
}

/** A pod of the node, as its flows need it. */
export interface FlowPod {
  /** Name of its port in the switch. */
  readonly name: string;
  readonly ofport: number;
  readonly mac: string;
  /** Without prefix length, of either family. */
  readonly addresses: readonly string[];
}

/** Flows that a bridge has once: what may be an answer is looked up. */
export function bridgeFlows(): readonly string[] {
  const lookUp = `ct(zone=${SERVICE_ZONE},table=${REPLIES})`;
  // The node gives each connection a source port that pods do not use, so this tells answers.
  const high = ["tcp", "udp", "sctp", "tcp6", "udp6", "sctp6"].map((protocol) =>
    `priority=1390,${protocol},tp_dst=0xc000/0xc000,actions=${lookUp}`
  );
  const errors = [
    ...[3, 11, 12].map((type) => `icmp,icmp_type=${type}`),
    ...[1, 2, 3, 4].map((type) => `icmp6,icmp_type=${type}`),
  ].map((match) => `priority=1390,${match},actions=${lookUp}`);
  return [
    // No bridge would forward these anyway.
    ...["ip", "ipv6"].map((family) =>
      `priority=1430,${family},dl_dst=${SERVICE_HOP_MAC},actions=drop`
    ),
    ...high,
    // Later fragments have no port, and all of a packet have to come together.
    ...["ip", "ipv6"].map((family) => `priority=1391,${family},ip_frag=yes,actions=${lookUp}`),
    ...errors,
    // Fragments that wait in vain for the others go on untracked, with whatever packet comes next.
    `table=${REPLIES},priority=200,ct_state=-trk,actions=drop`,
    `table=${REPLIES},priority=0,actions=NORMAL`,
  ].map((flow) => `cookie=${BRIDGE_COOKIE},${flow}`);
}

/** Flows of a network. */
export function networkFlows(network: FlowNetwork): readonly string[] {
  const { vlan, port, mark, sources } = network;
  const from = `in_port=${port}`;
  const drops = [
    `icmp,icmp_type=5`,
    // Neighbours are asked for in a pod's name only, and nothing else is said about them.
    ...[133, 134, 136, 137].map((type) => `icmp6,icmp_type=${type}`),
  ].map((match) => `priority=1490,${from},${match},actions=drop`);
  const asks = ["icmp6,icmp_type=135", "arp,arp_op=1"].map((match) =>
    `priority=1480,${from},${match},actions=resubmit(,${IDENTITY})`
  );
  const own = sources.map((source) =>
    `priority=1470,${from},${sourceMatch(source)},actions=resubmit(,${FROM_NODE})`
  );
  // Looked at anew behind it (not by resubmit): vswitchd's own datapath lets held fragments go on with
  // whatever packet comes next, and as somebody else's frames they would be in another VLAN.
  const commit = `ct(commit,zone=${SERVICE_ZONE},table=${FROM_NODE},` +
    `exec(load:${hex(mark)}->NXM_NX_CT_MARK[]))`;
  const tracked = ["ip", "ipv6"].map((family) =>
    `priority=1460,${from},${family},actions=${commit}`
  );
  const tagged = vlanForm(vlan);
  // What is told to everybody: where an address is now.
  const announcements = [
    "arp,dl_dst=ff:ff:ff:ff:ff:ff",
    "icmp6,icmp_type=136,dl_dst=33:33:00:00:00:01",
  ].map((match) =>
    `priority=1420,${match},${tagged.match},actions=NORMAL,${tagged.strip}output:${port}`
  );
  const forms = vlan === 0 ? [tagged] : [tagged, vlanForm(0)];
  const replies = forms.flatMap(({ match, strip }) =>
    ["ip", "ipv6"].flatMap((family) =>
      ["est", "rel"].map((state) =>
        `table=${REPLIES},priority=100,${replied(state, mark)},${family},${match},` +
        `actions=${strip}mod_dl_dst:${SERVICE_DEVICE_MAC},output:${port}`
      )
    )
  );
  // What is no part of its connection any more would come as it is, untranslated: the client would
  // answer with a reset, and end it. (The kernel's datapath does not tell whose it is.)
  const strays = ["tcp", "tcp6"].map((protocol) =>
    `table=${REPLIES},priority=140,ct_state=+trk+inv,ct_mark=${hex(mark)},${protocol},actions=drop`
  );
  return [
    ...drops,
    ...asks,
    ...own,
    ...tracked,
    ...strays,
    `priority=1450,${from},actions=drop`,
    ...announcements,
    ...replies,
  ].map((flow) => `cookie=${networkCookie(network)},${flow}`);
}

/** Flows of a pod. */
export function podFlows(pod: FlowPod, network: FlowNetwork): readonly string[] {
  const cookie = podCookie(pod.name);
  return [
    ...pod.addresses.map(parseAddress).flatMap((address) => addressFlows(address, pod, network)),
    // Its answer to a pod of another network goes by their gateways, as the question came.
    `table=${REPLIES},priority=120,in_port=${pod.ofport},actions=NORMAL`,
  ].map((flow) => `cookie=${cookie},${flow}`);
}

function addressFlows(address: Address, pod: FlowPod, network: FlowNetwork): readonly string[] {
  const { ofport, mac } = pod;
  const { port, vlan, mark } = network;
  const text = formatAddress(address);
  const v4 = address.family === 4;
  const [family, source, destination] = v4
    ? ["ip", `nw_src=${text}`, `nw_dst=${text}`]
    : ["ipv6", `ipv6_src=${text}`, `ipv6_dst=${text}`];
  const asPod = `mod_dl_src:${mac}`;
  const byPort = `load:${ofport}->NXM_OF_IN_PORT[],NORMAL`;
  const [asks, asked, answers, answered] = v4
    ? [
      "arp,arp_op=1",
      `load:0x${mac.replaceAll(":", "")}->NXM_NX_ARP_SHA[],load:${
        hex(address.value)
      }->NXM_OF_ARP_SPA[]`,
      "arp,arp_op=2",
      "",
    ]
    : [
      "icmp6,icmp_type=135,icmp_code=0",
      `set_field:${text}->ipv6_src,set_field:${mac}->nd_sll`,
      "icmp6,icmp_type=136,icmp_code=0",
      `set_field:${SERVICE_HOP[6]}->ipv6_dst,`,
    ];
  const forms = vlan === 0 ? [vlanForm(0)] : [vlanForm(vlan), vlanForm(0)];
  return [
    // To the node: with the pod's own address, and never anybody else's.
    `priority=1440,in_port=${ofport},${family},${source},dl_dst=${SERVICE_HOP_MAC},` +
    `actions=mod_dl_dst:${SERVICE_DEVICE_MAC},output:${port}`,
    // Answers about MACs, also to the node's stack.
    ...forms.map(({ match, strip }) =>
      `priority=1420,${answers},dl_dst=${mac},${match},` +
      `actions=NORMAL,${strip}${answered}mod_dl_dst:${SERVICE_DEVICE_MAC},output:${port}`
    ),
    // Answers to connections by the node, to pods of this network or to who came by the node.
    ...["est", "rel"].map((state) =>
      `table=${REPLIES},priority=130,in_port=${ofport},${replied(state, mark)},${family},` +
      `actions=mod_dl_dst:${SERVICE_DEVICE_MAC},output:${port}`
    ),
    // To the pod. What is to go by a gateway has the gateway's MAC.
    `table=${FROM_NODE},priority=200,${family},dl_dst=${mac},${destination},actions=output:${ofport}`,
    // To the wire: a frame of the pod.
    `table=${FROM_NODE},priority=100,in_port=${port},${family},${source},actions=${asPod},${byPort}`,
    // The newest pod asks; when it goes, the next one does.
    `table=${IDENTITY},priority=${1 + ofport % 65_000},in_port=${port},${asks},` +
    `actions=${asPod},${asked},${byPort}`,
  ];
}

/** Answers in a connection by the node that began in this network. */
function replied(state: string, mark: number): string {
  return `ct_state=+trk+${state}+rpl,ct_mark=${hex(mark)}`;
}

/** How frames of a VLAN are matched, and made untagged. */
function vlanForm(vlan: number): { readonly match: string; readonly strip: string } {
  return vlan === 0
    ? { match: "vlan_tci=0x0000", strip: "" }
    : { match: `dl_vlan=${vlan}`, strip: "strip_vlan," };
}

function sourceMatch(source: string): string {
  const { family } = source.includes("/") ? parsePrefix(source) : parseAddress(source);
  return family === 4 ? `ip,nw_src=${source}` : `ipv6,ipv6_src=${source}`;
}

function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}
