import { assertEquals, assertMatch } from "@std/assert";
import type { Trace } from "../../ovsdb/trace_parse.ts";
import { judgeFlows } from "./flows.ts";

const NAMES = { openflow: new Map([[2, "fba"]]), datapath: new Map([[5, "eth1"], [6, "fbb"]]) };
const judge = (trace: Trace, ports: readonly number[] = [5]) =>
  judgeFlows({
    bridge: "br-prod",
    names: NAMES,
    packets: [{ packet: "the pod's ping", proof: "trace", trace, ports, vlan: 100 }],
  });
const trace = (match: string, lines: readonly string[], outputs: Trace["outputs"] = []): Trace => ({
  rules: [{ bridge: "br-prod", table: 0, match, lines }],
  actions: outputs.length === 0 ? "drop" : "1",
  outputs,
});

Deno.test("a packet that comes out where it must, with its tag, is well", () => {
  const normal = ["NORMAL"];
  assertEquals(judge(trace("priority 0", normal, [{ port: 5, vlan: 100 }])).status, "ok");
  const untagged = judge(trace("priority 0", normal, [{ port: 5, vlan: undefined }]));
  assertMatch(untagged.says, /out of eth1 untagged only, not where it should go in VLAN 100/);
  const elsewhere = judge(trace("priority 9", ["output:6"], [{ port: 6, vlan: 100 }]));
  assertMatch(elsewhere.says, /out of fbb in VLAN 100 only/);
});

Deno.test("a rule that drops is named, with the port's name", () => {
  const verdict = judge(trace("in_port=2, priority 77, cookie 0x5", ["drop"]));
  assertEquals(
    verdict.says,
    "a rule of br-prod drops the pod's ping: in_port=fba, priority 77 -> drop",
  );
  assertMatch(judge(trace("No match", ["drop"])).says, /no rule of br-prod matches the pod's ping/);
});

Deno.test("a plain switch that drops says why", () => {
  const lines = ["NORMAL", "-> dropping packet: disallowed VLAN"];
  assertMatch(
    judge(trace("priority 0", lines)).says,
    /drops the pod's ping: dropping packet: disall/,
  );
});

Deno.test("without an uplink only a rule that drops is a fault of the rules", () => {
  assertEquals(judge(trace("priority 0", ["NORMAL"]), []).status, "ok");
  assertEquals(judge(trace("priority 1", ["drop"]), []).status, "broken");
});

Deno.test("a packet that goes to somebody who decides elsewhere is no fault", () => {
  const controller: Trace = { ...trace("priority 0", ["CONTROLLER:64"]), actions: "userspace(x)" };
  assertEquals(judge(controller).status, "ok");
});
