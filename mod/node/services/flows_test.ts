import { assert, assertEquals, assertMatch } from "@std/assert";
import { BRIDGE_COOKIE, COOKIE_MASK, networkCookie, podCookie } from "./cookie.ts";
import { bridgeFlows, type FlowNetwork, networkFlows, podFlows } from "./flows.ts";

const NETWORK: FlowNetwork = {
  vlan: 100,
  port: 7,
  mark: 0xd76d2430,
  sources: ["10.96.0.0/16", "fd00:96::/112", "192.0.2.7"],
};
const POD = {
  name: "fbu7ic7s7ndgd4l",
  ofport: 9,
  mac: "0a:58:0a:64:00:b2",
  addresses: ["10.100.0.178", "fd00:100::5"],
};

/** The match of a flow, and its actions. */
function parts(flow: string): readonly [string, string] {
  const [match = "", actions = ""] = flow.split(",actions=");
  return [match, actions];
}

Deno.test("no flow of the service path lets the node's port meet NORMAL as itself", () => {
  const all = [...bridgeFlows(), ...networkFlows(NETWORK), ...podFlows(POD, NETWORK)];
  for (const flow of all) {
    const [match, actions] = parts(flow);
    if (!match.includes("in_port=7") || !actions.includes("NORMAL")) continue;
    assertMatch(actions, /^mod_dl_src:0a:58:0a:64:00:b2,.*load:9->NXM_OF_IN_PORT\[\],NORMAL$/);
  }
});

Deno.test("every flow has a cookie of ours, and tells whose it is", () => {
  const mask = BigInt(COOKIE_MASK);
  for (const cookie of [BRIDGE_COOKIE, networkCookie(NETWORK), podCookie(POD.name)]) {
    assertEquals(BigInt(cookie) & mask, 0xfab4000000000000n, cookie);
  }
  assert(podFlows(POD, NETWORK).every((flow) => flow.startsWith(`cookie=${podCookie(POD.name)},`)));
  assert(podCookie("fbaaaaaaaaaaaaa") !== podCookie("fbaaaaaaaaaaaab"));
});

Deno.test("podFlows() takes only the pod's own addresses from it, and speaks for no other", () => {
  const flows = podFlows(POD, NETWORK).map(parts);
  const toNode = flows.filter(([match]) => match.includes("dl_dst=01:80:c2:00:00:0f"));
  assertEquals(toNode.length, 2);
  for (const [match] of toNode) {
    assertMatch(match, /in_port=9/);
    assertMatch(match, /nw_src=10\.100\.0\.178|ipv6_src=fd00:100::5/);
  }
});

Deno.test("podFlows() asks for MACs in the pod's name, the newest port first", () => {
  const priority = (ofport: number) =>
    podFlows({ ...POD, ofport }, NETWORK).map((flow) => /table=130,priority=(\d+),/.exec(flow)?.[1])
      .filter((it) => it !== undefined).map(Number);
  assertEquals(priority(9), [10, 10]);
  assertEquals(priority(64_000), [64_001, 64_001]);
});

Deno.test("networkFlows() strips a tag where there is one, and none of untagged networks", () => {
  const tagged = networkFlows(NETWORK);
  assert(tagged.some((flow) => flow.includes("dl_vlan=100,actions=strip_vlan,")));
  const untagged = networkFlows({ ...NETWORK, vlan: 0 });
  assert(!untagged.some((flow) => flow.includes("dl_vlan") || flow.includes("strip_vlan")));
});

Deno.test("podFlows() of one family has flows of that family alone", () => {
  const flows = podFlows({ ...POD, addresses: ["10.100.0.178"] }, NETWORK);
  assert(!flows.some((flow) => /ipv6|icmp6|nd_/.test(flow)));
});
