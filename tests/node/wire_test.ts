/** Damage of the wire, outside of the node. */

import type { Running, Server } from "../lab/mod.ts";
import { nodeScenarios, type World } from "./scenario.ts";

const WIRE = { sources: ["node", "pods", "wire"] } as const;

/** The pod's address of a family. */
function own({ pod }: World, family: 4 | 6): string {
  return pod.result.ips.find(({ address }) => address.includes(":") === (family === 6))?.address
    .replace(/\/.*/, "") ?? "";
}

/** A machine in VLAN 100 that takes an address which is a pod's. */
function thief(family: 4 | 6) {
  let server: Server | undefined;
  return {
    damage: async (world: World) => {
      const length = family === 4 ? 24 : 64;
      server = await world.lab.addServer({
        vlan: 100,
        addresses: [`${own(world, family)}/${length}`],
        gateways: [],
      });
    },
    byHand: async () => await server?.remove(),
  };
}

/** A machine in VLAN 100 that keeps sending with the MAC of the pod. */
function copiedMachine() {
  let server: Server | undefined;
  let sending: Running | undefined;
  return {
    damage: async ({ lab, pod }: World) => {
      const mac = pod.result.interfaces[1]?.mac ?? "";
      server = await lab.addServer({ vlan: 100, addresses: ["10.100.0.5/24"], gateways: [] });
      await server.execOk(["ip", "link", "set", "eth0", "address", mac]);
      sending = server.start("echo sends; exec ping -n -b -i 0.05 10.100.0.255");
      await sending.until(/sends/);
    },
    byHand: async ({ pod }: World) => {
      await sending?.stop();
      await server?.remove();
      // The pod is heard again.
      await pod.ping("10.100.0.1", { count: 2 });
    },
  };
}

Deno.test(
  "damage of the wire",
  nodeScenarios([
    { code: "F-W-01", name: "a server with a pod's IPv4 address", check: WIRE, ...thief(4) },
    { code: "F-W-01", name: "a server with a pod's IPv6 address", check: WIRE, ...thief(6) },
    {
      code: "F-W-02",
      name: "the router's leg down",
      check: WIRE,
      damage: ({ lab }) => lab.router.execOk("ip link set prod.100 down"),
      byHand: ({ lab }) => lab.router.execOk("ip link set prod.100 up"),
    },
    {
      code: "F-W-03",
      name: "another node's trunk without the VLAN",
      check: WIRE,
      damage: ({ lab }) => lab.switch.ovs.vsctl("set", "port", "host2-prod", "trunks=200"),
      byHand: ({ lab }) => lab.switch.ovs.vsctl("clear", "port", "host2-prod", "trunks"),
    },
    {
      code: "F-W-04",
      name: "this node's trunk without the VLAN",
      check: WIRE,
      damage: ({ lab }) => lab.switch.ovs.vsctl("set", "port", "host1-prod", "trunks=200"),
      byHand: ({ lab }) => lab.switch.ovs.vsctl("clear", "port", "host1-prod", "trunks"),
    },
    {
      code: "F-W-05",
      name: "a server that sends with a pod's MAC",
      check: WIRE,
      ...copiedMachine(),
    },
    {
      code: "F-W-06",
      name: "a switch with a smaller MTU on the way",
      check: WIRE,
      damage: ({ lab }) =>
        lab.switch.execOk("ip link set host2-prod mtu 1400; ip link set rt-prod.100 mtu 1400"),
      byHand: ({ lab }) =>
        lab.switch.execOk("ip link set host2-prod mtu 1500; ip link set rt-prod.100 mtu 1500"),
    },
  ]),
);
