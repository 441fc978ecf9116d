import { assertEquals, assertMatch } from "@std/assert";
import type { Heard, TcpAnswer } from "../probe.ts";
import { judgeTarget, type TargetFacts } from "./target.ts";

const heard = (more: Partial<Heard> = {}): Heard => ({
  pingMs: undefined,
  macs: [],
  refusals: [],
  by: "ping",
  proof: "ping",
  ...more,
});
const facts = (more: Partial<TargetFacts> = {}): TargetFacts => ({
  address: "10.9.0.5",
  port: undefined,
  who: undefined,
  gateway: "10.0.0.1",
  heard: heard(),
  tcp: undefined,
  ...more,
});
const tcp = (answer: TcpAnswer) => ({ port: 443, tcp: { answer, proof: "bash", says: answer } });

Deno.test("a target is well when what was asked for answers", () => {
  assertEquals(judgeTarget(facts({ heard: heard({ pingMs: 1 }) })).status, "ok");
  assertEquals(judgeTarget(facts({ ...tcp("open") })).status, "ok");
  assertEquals(
    judgeTarget(facts({ heard: heard({ pingMs: 1 }), ...tcp("silent") })).status,
    "broken",
  );
});

Deno.test("what keeps silent is told apart by who did answer", () => {
  const cases: readonly (readonly [Partial<TargetFacts>, RegExp])[] = [
    [{ heard: heard({ pingMs: 1 }), ...tcp("refused") }, /refuses TCP connections to port 443/],
    [{ heard: heard({ pingMs: 1 }), ...tcp("silent") }, /TCP to port 443 is dropped: a firewall/],
    [{ heard: heard({ pingMs: 1 }), ...tcp("unreachable") }, /a firewall refuses packets/],
    [
      { heard: heard({ macs: ["m"], by: "arping" }), gateway: undefined },
      /but no ping: its firewall/,
    ],
    [{ gateway: undefined, heard: heard({ by: "arping" }) }, /not even arping: it is down/],
    [{}, /does not answer from behind the gateway 10\.0\.0\.1, which does/],
    [
      { heard: heard({ refusals: [{ from: "10.9.0.1", says: "Destination Host Unreachable" }] }) },
      /is not reached: 10\.9\.0\.1 says Destination Host Unreachable/,
    ],
    [
      { heard: heard({ refusals: [{ from: "10.9.0.1", says: "Packet filtered" }] }) },
      /a firewall refuses packets for 10\.9\.0\.5, says 10\.9\.0\.1/,
    ],
    [{ local: "its port is gone" }, /does not answer: its port is gone/],
  ];
  for (const [more, says] of cases) {
    const verdict = judgeTarget(facts(more));
    assertEquals(verdict.status, "broken", String(says));
    assertMatch(verdict.says, says);
  }
});

Deno.test("a target on another node says where to look on", () => {
  const next = "on node n2: fabric-admin diagnose pod web/b";
  assertEquals(judgeTarget(facts({ who: "pod web/b on node n2", next })).remedy, next);
});

Deno.test("a target that could not be asked is not blamed", () => {
  const failure = "ping: not found";
  assertEquals(judgeTarget(facts({ heard: heard({ failure }) })).status, "unknown");
});
