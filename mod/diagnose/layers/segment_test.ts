import { assertEquals, assertMatch } from "@std/assert";
import type { Heard } from "../probe.ts";
import { type Asked, judgeGateway, judgeVlan, type SegmentFacts } from "./segment.ts";

const heard = (more: Partial<Heard> = {}): Heard => ({
  pingMs: undefined,
  macs: [],
  refusals: [],
  by: "arping",
  proof: "arping",
  ...more,
});
const asked = (address: string, who: string, more?: Partial<Heard>): Asked => ({
  address,
  who,
  heard: heard(more),
});
const facts = (more: Partial<SegmentFacts> = {}): SegmentFacts => ({
  vlan: 100,
  uplink: "eth1",
  bridge: "br-prod",
  ifname: "eth0",
  mac: "02:00:00:00:00:01",
  gateways: [asked("10.0.0.1", "the gateway")],
  others: [],
  arrivals: [],
  askedForSeconds: 4,
  podSeen: true,
  claims: [],
  gatewayClaims: [],
  ...more,
});
const peer = { vlan: 100, mac: "02:00:00:00:00:09" };

Deno.test("a gateway that keeps silent is to blame where somebody else answers", () => {
  const some = facts({ others: [asked("10.0.0.9", "pod web/b on node n2", { pingMs: 1 })] });
  assertEquals(judgeVlan(some).status, "ok");
  const gateway = judgeGateway(some);
  assertEquals(gateway?.status, "broken");
  assertMatch(
    gateway?.says ?? "",
    /though VLAN 100 passes eth1 \(pod web\/b on node n2 \(10\.0\.0\.9\) does\)/,
  );
});

Deno.test("a frame that came in while it was asked proves the VLAN, an older one does not", () => {
  const fresh = facts({ arrivals: [{ ...peer, ageSeconds: 2 }] });
  assertEquals([judgeVlan(fresh).status, judgeGateway(fresh)?.status], ["ok", "broken"]);
  const old = judgeVlan(facts({ arrivals: [{ ...peer, ageSeconds: 60 }] }));
  assertEquals(old.status, "broken");
  assertEquals(old.evidence?.at(-1)?.says, "the last frame in VLAN 100 came in by eth1 60 s ago");
  assertEquals(
    judgeVlan(facts({ arrivals: [{ ...peer, vlan: 7, ageSeconds: 0 }] })).status,
    "broken",
  );
});

Deno.test("where nobody else is known, both the gateway and the VLAN are suspected", () => {
  assertMatch(judgeVlan(facts()).says, /its gateway is down, or the switch's port does not carry/);
});

Deno.test("a port that the switch hears nothing from is dead", () => {
  const verdict = judgeVlan(facts({ podSeen: false }));
  assertMatch(verdict.says, /its port is dead, though it looks healthy/);
});

Deno.test("who could not be asked is not blamed", () => {
  const failure = "ping: not found";
  const verdict = judgeVlan(facts({ gateways: [asked("10.0.0.1", "the gateway", { failure })] }));
  assertEquals([verdict.status, verdict.says], [
    "unknown",
    "nobody could be asked: ping: not found",
  ]);
  assertEquals(judgeVlan(facts({ gateways: [] })).status, "unknown");
});

Deno.test("a gateway that answers ARP and no ping is well, with a note", () => {
  const verdict = judgeGateway(facts({
    gateways: [asked("10.0.0.1", "the gateway", { macs: ["02:00:00:00:00:02"] })],
  }));
  assertEquals([verdict?.status, verdict?.notes?.length], ["ok", 1]);
});

Deno.test("two machines with one address are told of, the pod's and the gateway's", () => {
  const claim = { address: "10.0.0.5", macs: ["02:00:00:00:00:03"], proof: "arping -D" };
  assertMatch(
    judgeVlan(facts({ claims: [claim] })).says,
    /answers for the pod's address 10\.0\.0\.5/,
  );
  const two = { address: "10.0.0.1", macs: ["a", "b"], proof: "arping" };
  const answering = [asked("10.0.0.1", "the gateway", { pingMs: 1 })];
  assertMatch(
    judgeGateway(facts({ gateways: answering, gatewayClaims: [two] }))?.says ?? "",
    /2 machines answer for the gateway 10\.0\.0\.1: a and b/,
  );
});

Deno.test("a network without a gateway has no such layer", () => {
  assertEquals(judgeGateway(facts({ gateways: [] })), undefined);
});
