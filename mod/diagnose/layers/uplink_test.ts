import { assertEquals, assertMatch } from "@std/assert";
import type { SeenLink } from "../../host/observe.ts";
import type { SeenPort } from "../../ovsdb/observe.ts";
import { carries, judgeUplink } from "./uplink.ts";

const link = (name: string, more: Partial<SeenLink> = {}): SeenLink => ({
  ifindex: 1,
  name,
  up: true,
  carrier: true,
  mtu: 1500,
  mac: "",
  kind: "",
  peer: undefined,
  inKernelSwitch: false,
  ...more,
});
const port = (
  name: string,
  devices: readonly string[],
  more: Partial<SeenPort> = {},
): SeenPort => ({
  uuid: name,
  name,
  bridges: ["br-prod"],
  tag: undefined,
  vlanMode: undefined,
  trunks: [],
  qos: undefined,
  facts: {},
  interfaces: devices.map((device) => ({
    uuid: device,
    name: device,
    type: "",
    ofport: 1,
    error: undefined,
    mtu: 1500,
    mtuRequest: undefined,
    adminState: "up",
    linkState: "up",
    ifindex: 1,
  })),
  ...more,
});
const judge = (
  ports: readonly SeenPort[],
  links: readonly SeenLink[],
  configured?: string,
) =>
  judgeUplink({
    bridge: "br-prod",
    vlan: 100,
    configured,
    ports,
    links: new Map(links.map((one) => [one.name, one])),
  });

Deno.test("a bond lives as long as one of its cards does, and says which does not", () => {
  const bond = port("bond0", ["eth1", "eth2"]);
  const half = judge([bond], [link("eth1", { carrier: false }), link("eth2")]);
  assertEquals(half.status, "ok");
  assertMatch(half.says, /^eth2 is up/);
  assertMatch(half.notes?.[0] ?? "", /eth1 has no carrier/);
  const none = judge([bond], [link("eth1", { up: false }), link("eth2", { carrier: false })]);
  assertMatch(none.says, /uplink eth1 is set down/);
});

Deno.test("the uplink that the configuration names must be in the bridge", () => {
  const verdict = judge([port("eth1", ["eth1"])], [link("eth1")], "eth9");
  assertEquals(verdict.status, "broken");
  assertMatch(verdict.says, /bridge br-prod does not have its uplink eth9/);
  assertEquals(judge([port("bond0", ["eth1"])], [link("eth1")], "eth1").status, "ok");
});

Deno.test("a card that is gone, and one that vswitchd cannot use, are told of", () => {
  assertMatch(judge([port("eth1", ["eth1"])], []).says, /eth1 does not exist on this node/);
  const refused = port("eth1", ["eth1"]);
  const [one] = refused.interfaces;
  if (one === undefined) throw new Error("no interface");
  const bad = { ...refused, interfaces: [{ ...one, ofport: -1, error: "in use" }] };
  assertMatch(judge([bad], [link("eth1")]).says, /not in the datapath: in use/);
});

Deno.test("carries() knows trunks, access ports and native VLANs", () => {
  assertEquals(carries({ tag: undefined, trunks: [] }, 100), true);
  assertEquals(carries({ tag: undefined, trunks: [200] }, 100), false);
  assertEquals(carries({ tag: 100, trunks: [] }, 100), true);
  assertEquals(carries({ tag: 200, trunks: [100] }, 100), true);
  assertEquals(carries({ tag: 200, trunks: [] }, 100), false);
});
