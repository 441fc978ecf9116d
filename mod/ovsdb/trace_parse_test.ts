import { assertEquals } from "@std/assert";
import { parseLearnedMacs, parsePortNumbers, parseTrace } from "./trace_parse.ts";

// Printed by Open vSwitch 3.1.
const FLOOD = `Flow: arp,in_port=2,vlan_tci=0x0000,dl_src=0a:58:0a:64:00:6e,arp_op=1

bridge("br-prod")
-----------------
 0. priority 0
    NORMAL
     -> no learned MAC for destination, flooding

Final flow: unchanged
Megaflow: recirc_id=0,eth,arp,in_port=2,dl_src=0a:58:0a:64:00:6e
Datapath actions: push_vlan(vid=100,pcp=0),2,1,pop_vlan,4
`;
const CONNTRACK = `Flow: icmp,in_port=3,vlan_tci=0x0000

bridge("br-prod")
-----------------
 0. in_port=3, priority 100
    resubmit(,5)
 5. ip,nw_dst=10.100.0.1, priority 7, cookie 0x55
    ct(table=6)
    drop
     -> A clone of the packet is forked to recirculate.

Final flow: unchanged
Megaflow: recirc_id=0,eth,ip,in_port=3,nw_dst=10.100.0.1,nw_frag=no
Datapath actions: ct,recirc(0x1)

===============================================================================
recirc(0x1) - resume conntrack with default ct_state=trk|new (use --ct-next to customize)
===============================================================================

Flow: recirc_id=0x1,ct_state=new|trk,eth,icmp,in_port=3

bridge("br-prod")
-----------------
    thaw
        Resuming from table 6
 6. No match.
    drop

Final flow: unchanged
Megaflow: recirc_id=0x1,eth,ip,in_port=3,nw_frag=no
Datapath actions: drop
`;

Deno.test("parseTrace() reads the rule that was met, and where the packet comes out", () => {
  assertEquals(parseTrace(FLOOD), {
    rules: [{
      bridge: "br-prod",
      table: 0,
      match: "priority 0",
      lines: ["NORMAL", "-> no learned MAC for destination, flooding"],
    }],
    actions: "push_vlan(vid=100,pcp=0),2,1,pop_vlan,4",
    outputs: [{ port: 2, vlan: 100 }, { port: 1, vlan: 100 }, { port: 4, vlan: undefined }],
  });
});

Deno.test("parseTrace() follows a packet through its further passes", () => {
  const { rules, actions, outputs } = parseTrace(CONNTRACK);
  assertEquals(rules.map(({ table, match }) => [table, match]), [
    [0, "in_port=3, priority 100"],
    [5, "ip,nw_dst=10.100.0.1, priority 7, cookie 0x55"],
    [6, "No match"],
  ]);
  assertEquals(rules.at(-1)?.lines, ["drop"]);
  assertEquals([actions, outputs], ["ct,recirc(0x1) then drop", []]);
});

Deno.test("parsePortNumbers() knows which bridge has a port, and both of its numbers", () => {
  const numbers = parsePortNumbers(`netdev@ovs-netdev: hit:29 missed:18
  br-prod:
    br-prod 65534/1: (tap)
    eth1 1/2: (system)
  br-dmz:
    to-prod 3/none: (patch: peer=to-dmz)
`);
  assertEquals([...numbers], [
    ["br-prod", { bridge: "br-prod", openflow: 65534, datapath: 1 }],
    ["eth1", { bridge: "br-prod", openflow: 1, datapath: 2 }],
    ["to-prod", { bridge: "br-dmz", openflow: 3, datapath: undefined }],
  ]);
});

Deno.test("parseLearnedMacs() reads port, VLAN and age", () => {
  const macs = parseLearnedMacs(` port  VLAN  MAC                Age
    1   100  3e:b0:29:26:4b:bc   20
LOCAL     0  0a:58:0a:64:00:c3    3
`);
  assertEquals(macs, [
    { port: "1", vlan: 100, mac: "3e:b0:29:26:4b:bc", ageSeconds: 20 },
    { port: "LOCAL", vlan: 0, mac: "0a:58:0a:64:00:c3", ageSeconds: 3 },
  ]);
});
