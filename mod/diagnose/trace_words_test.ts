import { assertEquals } from "@std/assert";
import { type PortNames, tellOutputs, tellRule } from "./trace_words.ts";

const NAMES: PortNames = {
  openflow: new Map([[1, "eth1"], [2, "fba"]]),
  datapath: new Map([[2, "eth1"], [3, "fba"]]),
};
const rule = (match: string, ...lines: readonly string[]) =>
  tellRule({ bridge: "br-prod", table: 0, match, lines }, NAMES);

Deno.test("tellRule() says what the rule of a plain switch does, and what the switch remarks", () => {
  assertEquals(rule("priority 0", "NORMAL", "-> no learned MAC for destination, flooding"), {
    where: "br-prod, table 0",
    matches: "every packet",
    priority: 0,
    cookie: undefined,
    does: ["forwards it as a plain switch does", "(no learned MAC for destination, flooding)"],
  });
});

Deno.test("tellRule() names ports, addresses and protocols", () => {
  const told = rule(
    "tcp,in_port=2,nw_dst=10.0.0.0/8,tp_dst=443, priority 7, cookie 0x55",
    "resubmit(,5)",
  );
  assertEquals(told.matches, "TCP packets from port fba to 10.0.0.0/8 to port number 443");
  assertEquals([told.priority, told.cookie, told.does], [7, "0x55", ["looks on in table 5"]]);
});

Deno.test("tellRule() keeps what it has no words for", () => {
  const told = rule("reg0=0x1,in_port=9, priority 1", "load:0x1->NXM_NX_REG0[]", "output:1");
  assertEquals(told.matches, "packets with reg0=0x1 from port 9");
  assertEquals(told.does, ["load:0x1->NXM_NX_REG0[]", "sends it out of port eth1"]);
});

Deno.test("tellRule() says that no rule matches", () => {
  assertEquals(rule("No match", "drop").matches, "no rule matches");
});

Deno.test("tellOutputs() names ports and tags, each once", () => {
  const outputs = [{ port: 2, vlan: 100 }, { port: 3, vlan: undefined }, { port: 2, vlan: 100 }];
  assertEquals(tellOutputs({ rules: [], actions: "", outputs }, NAMES), [
    "eth1, tagged VLAN 100",
    "fba, untagged",
  ]);
});
