/** A node's way to Services beside what others do on the node, and as somebody left it. */

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import * as v from "valibot";
import type { Config } from "../../mod/config.ts";
import { ConfigSchema } from "../../mod/config_schema.ts";
import { FabricError } from "../../mod/error.ts";
import { datapathNeeds } from "../../mod/host/datapath.ts";
import { unplumb } from "../../mod/host/plumb.ts";
import type { Run } from "../../mod/host/run.ts";
import { serviceDevices } from "../../mod/host/service_names.ts";
import { attachToServices } from "../../mod/node/services/attach.ts";
import type { ServiceContext } from "../../mod/node/services/context.ts";
import { maintainServices } from "../../mod/node/services/maintain.ts";
import { podServices, type ServiceNote, writeNote } from "../../mod/node/services/notes.ts";
import type { ServedNetwork } from "../../mod/node/services/served.ts";
import { ensureServicePath, readPorts } from "../../mod/node/services/setup.ts";
import { connectOvsdb, type Ovsdb } from "../../mod/ovsdb/mod.ts";
import { type OvsHost, startOvs } from "../ovs_fixture.ts";

const NEEDS = datapathNeeds("netdev");
const NETWORK: ServedNetwork = {
  name: "vlan100",
  physicalNetwork: "prod",
  vlan: 100,
  mtu: 1500,
  subnets: [
    { cidr: "10.100.0.0/24", gateway: "10.100.0.1" },
    { cidr: "fd00:100::/64", gateway: "fd00:100::1" },
  ],
  bridge: "br0",
};
const { host: DEVICE, port: PORT, table: TABLE } = serviceDevices(NETWORK);

/** A node with Open vSwitch and two bridges, and our half of it. */
class Node implements AsyncDisposable {
  readonly #db: Ovsdb;
  readonly context: ServiceContext;
  constructor(readonly host: OvsHost, db: Ovsdb, services: Config["services"]) {
    this.#db = db;
    const raw = { services, runDir: `${host.runDir}/fabric`, ovsdb: { socket: host.socket } };
    const config = { ...v.parse(ConfigSchema, raw), node: "node1" };
    this.context = { config, run: host.run, log: { enabled: () => false, write: () => {} } };
  }

  with(services: Config["services"], run: Run = this.host.run): ServiceContext {
    return { ...this.context, run, config: { ...this.context.config, services } };
  }

  ensure(served: ServedNetwork, context = this.context) {
    return this.#ports().then((ports) =>
      ensureServicePath(context, served, { bootId: "boot", needs: NEEDS, db: this.#db, ports })
    );
  }

  async maintain(context = this.context): Promise<readonly string[]> {
    const ports = await this.#ports();
    const needsOf = () => NEEDS;
    return await maintainServices(context, { db: this.#db, ports, bootId: "boot", needsOf });
  }

  #ports() {
    return readPorts(this.#db);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#db[Symbol.asyncDispose]();
    await this.host.stop();
  }
}

const SERVICES = {
  cidrs: ["10.96.0.0/16", "fd00:96::/112", "203.0.113.5/32", "172.31.0.7/32"],
  nodeAddresses: ["172.31.0.7", "fd00:31::7"],
  viaNode: ["10.200.0.5/32", "fd00:200::5/128"],
};

async function startNode(): Promise<Node> {
  const host = await startOvs({ bridges: ["br0", "br1"] });
  await host.exec(`ip link add eth0 type veth peer name wire
    ip link set wire up; ip link set eth0 up
    ip address add 172.31.0.7/24 dev eth0; ip -6 address add fd00:31::7/64 dev eth0 nodad
    ip route add default via 172.31.0.1; ip -6 route add fd00:99::7/128 dev eth0`);
  return new Node(host, await connectOvsdb({ socket: host.socket }), SERVICES);
}

function noteOf(index: number): ServiceNote {
  return {
    port: `fb${index.toString(32).replaceAll("0", "w").padStart(13, "a")}`,
    bridge: "br0",
    device: DEVICE,
    network: NETWORK.name,
    mac: `0a:58:0a:64:${(index >> 8).toString(16).padStart(2, "0")}:${
      (index & 255).toString(16).padStart(2, "0")
    }`,
    addresses: [`10.100.${index >> 8}.${index & 255}`, `fd00:100::${index.toString(16)}`],
  };
}

Deno.test("a node's way to Services keeps itself, and what is others' alone", async (t) => {
  await using node = await startNode();
  const { host } = node;
  writeNote(node.context.config, noteOf(20), "test");
  await node.ensure(NETWORK);

  await t.step("nothing is done where all is well, also with ranges of one address", async () => {
    assertEquals(await node.maintain(), []);
  });

  const damages = {
    "the tables of nftables flushed": "nft flush ruleset",
    "a chain of ours emptied": "nft flush chain inet fabric_services prerouting",
    "rules of routing flushed": `for f in -4 -6; do
      ip $f rule flush; ip $f rule add pref 32766 lookup main; done`,
    "the network's routes flushed": `ip -4 route flush table ${TABLE}`,
    "a pod's route deleted": "ip -6 route del fd00:100::14 table 2000000",
    "the device deleted": `ip link del ${DEVICE}`,
    "flows deleted": "ovs-ofctl del-flows br0 table=110",
  };
  for (const [what, command] of Object.entries(damages)) {
    await t.step(`${what}: mended`, async () => {
      await host.exec(command);
      assert((await node.maintain()).length > 0);
      assertEquals(await node.maintain(), []);
    });
  }

  await t.step("a bridge that has another name now gets the port", async () => {
    await node.ensure({ ...NETWORK, bridge: "br1" });
    assertEquals((await host.exec(`ovs-vsctl port-to-br ${PORT}`)).trim(), "br1");
    assertEquals(await host.exec("ovs-ofctl dump-flows br0 | grep cookie=0xfab40000 || :"), "");
    await node.ensure(NETWORK);
    assertEquals((await host.exec(`ovs-vsctl port-to-br ${PORT}`)).trim(), "br0");
    assertEquals(await node.maintain(), []);
  });

  await t.step("another physical network whose devices have the same name is refused", async () => {
    // Names with the same hash.
    const one = { ...NETWORK, physicalNetwork: "net8l0", vlan: 7 };
    await node.ensure(one);
    const fault = await assertRejects(
      () => node.ensure({ ...one, physicalNetwork: "net57t" }),
      FabricError,
      "net8l0",
    );
    assertEquals([fault.kind, fault.field, fault.value], ["conflict", "physicalNetwork", "net57t"]);
    await node.ensure(one);
    assertEquals(await node.maintain(), []);
  });

  await t.step(
    "a DEL takes the route away, whatever a killed ADD left; not that of another pod",
    async () => {
      const [first, second] = [noteOf(30), { ...noteOf(31), addresses: noteOf(30).addresses }];
      const { config } = node.context;
      const folder = `${host.runDir}/fabric/services`;
      writeNote(config, first, "test");
      await host.exec(`ip link del ${DEVICE}`);
      await node.maintain();
      writeNote(config, second, "test");
      const end = ({ port }: ServiceNote) =>
        unplumb(host.run, { host: port, services: podServices(config, port) });
      await end(first);
      assertStringIncludes(await host.exec("ip route show table 2000000"), "10.100.0.30 ");
      await Deno.writeTextFile(`${folder}/${first.port}.killed.tmp`, "10.100.0.30\n");
      await end(second);
      const left = await host.exec("ip route show table 2000000; ip neigh show nud permanent");
      assert(!left.includes("10.100.0.30 "), left);
    },
  );

  await t.step("a DEL in the midst of a set-up leaves nothing of its pod", async () => {
    const { config } = node.context;
    const gone = noteOf(40);
    writeNote(config, gone, "test");
    const run: Run = async (argv, options) => {
      if (argv[2]?.includes("ip link add")) {
        await unplumb(host.run, { host: gone.port, services: podServices(config, gone.port) });
      }
      return await host.run(argv, options);
    };
    await host.exec(`ip link del ${DEVICE}`);
    assert((await node.maintain(node.with(SERVICES, run))).length > 0);
    const left = await host.exec(`for f in -4 -6; do
      ip $f route show table 2000000; ip $f neigh show nud permanent; done`);
    assert(!left.includes("10.100.0.40 ") && !left.includes("fd00:100::28 "), left);
    assertEquals(await node.maintain(), []);
  });

  await t.step(
    "an address that the node has not is named, by a set-up and by a pod's part",
    async () => {
      const wrong = node.with({ ...SERVICES, nodeAddresses: ["172.31.0.99", "fd00:31::99"] });
      const refused = async (call: () => Promise<unknown>) => {
        const fault = await assertRejects(call, FabricError, "172.31.0.99, fd00:31::99");
        assertEquals([fault.kind, fault.field], ["invalid", "services.nodeAddresses"]);
      };
      await refused(() => node.ensure(NETWORK, wrong));
      const path = await node.ensure({ ...NETWORK, vlan: 200 }, wrong);
      await refused(() =>
        attachToServices(wrong, {
          path,
          note: { ...noteOf(50), device: path.devices.host },
          wanted: Promise.resolve(true),
          ofport: Promise.resolve(50),
          id: "test",
        })
      );
      await unplumb(host.run, {
        host: noteOf(50).port,
        services: podServices(node.context.config, noteOf(50).port),
      });
      assert((await node.maintain()).length > 0);
      assertEquals(await node.maintain(), []);
    },
  );

  await t.step("a node may have a thousand pods", async () => {
    for (let index = 100; index < 1_100; index++) {
      writeNote(node.context.config, noteOf(index), "test");
    }
    await host.exec(`ip link del ${DEVICE}`);
    assert((await node.maintain()).length > 0);
    assertStringIncludes(await host.exec("ip route show table 2000000"), "10.100.4.75 ");
  });

  await t.step("switched off, others' rules and routes stay, and a kill is made good", async () => {
    await host.exec(`ip route add default dev eth0 table 100
      for pref in 10100 10101 10102 10103; do ip rule add pref $pref from 10.9.0.0/16 lookup 100; done
      ip rule add pref 10101 to 10.9.0.0/16 lookup 100`);
    await node.ensure({ ...NETWORK, mtu: 1400 });
    const off = node.with(undefined);
    const killed: Run = (argv, options) => {
      if (argv[2]?.includes("nft delete table")) throw new Error("killed");
      return host.run(argv, options);
    };
    await assertRejects(() => node.maintain(node.with(undefined, killed)), Error, "killed");
    assert((await node.maintain(off)).length > 0);
    assertEquals(await node.maintain(off), []);
    const left = await host.exec(`ip -o link | grep -o ': sv[cp][0-9][^@]*' || :
      ip rule | grep fwmark || :; ip -6 rule | grep fwmark || :
      ip -4 route show table all | grep svc || :; ip -6 route show table all | grep svc || :
      nft list ruleset | grep -e fabric_services -e svp || :; ovs-ofctl dump-flows br0 | grep 0xfab || :; ls ${host.runDir}/fabric/services 2>&1 | grep fb || :`);
    assertEquals(left, "");
    assertEquals((await host.exec("ip rule | grep -c 10.9.0.0")).trim(), "5");
    assertStringIncludes(await host.exec("ip route show table 100"), "default");
  });
});
