import { assertEquals } from "@std/assert";
import { connectOvsdb, readSwitch } from "../../mod/ovsdb/mod.ts";
import { startOvs } from "../ovs_fixture.ts";

Deno.test("readSwitch() tells bridges, datapaths and the MTU of the bridges' own devices", async () => {
  await using host = await startOvs({ bridges: ["br0", "br1"], userspaceTso: true });
  await host.exec("ovs-vsctl --timeout=5 set Interface br1 mtu_request=9000");
  await using db = await connectOvsdb({ socket: host.socket });
  const { bridges, ports, userspaceTso } = await readSwitch(db, { ports: ["br0", "eth9"] });
  assertEquals(ports, ["br0"]);
  assertEquals(userspaceTso, true);
  const known = bridges.map(({ name, datapathType, mtu }) => [name, datapathType, mtu]);
  assertEquals(known.sort(), [["br0", "netdev", 1500], ["br1", "netdev", 9000]]);
});
