/**
 * One pod whose plugin is killed somewhere: the calls around that, and what must hold after them.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Store } from "../../mod/etcd/store.ts";
import {
  type EquippedHost,
  type ManifestObject,
  type PluginCall,
  requireOk,
  type Sandbox,
} from "../lab/mod.ts";
import { confFor, networkObject } from "./bed.ts";
import { failureOf, resultOf } from "./by_hand.ts";
import { assertClean, leftInside, podKeys } from "./leftovers.ts";
import { attachments } from "./records.ts";

const ROUTE = { to: "198.18.0.0/15", via: "10.100.0.9" };

/** The network of the pods, with a further route, which can be made to fail. */
export const ROUTED: ManifestObject = networkObject("vlan100", {
  vlan: 100,
  routes: [ROUTE],
  subnets: [
    { cidr: "10.100.0.0/24", gateway: "10.100.0.1", exclude: ["10.100.0.1-10.100.0.9"] },
    { cidr: "fd00:100::/64", gateway: "fd00:100::1" },
  ],
});

/** With a limit in both directions, so that there is a row of QoS to leave behind. */
export const CONF = confFor("vlan100", {
  runtimeConfig: {
    bandwidth: {
      ingressRate: 100_000_000,
      ingressBurst: 1_000_000,
      egressRate: 100_000_000,
      egressBurst: 1_000_000,
    },
  },
});
/** GC knows of no valid attachment. */
export const GC_CONF = { ...CONF, "cni.dev/valid-attachments": [] };

/** One sandbox of a scenario and the store to look into. */
export interface Case {
  readonly host: EquippedHost;
  readonly store: Store;
  readonly sandbox: Sandbox;
  readonly call: PluginCall;
}

/** Calls the plugin, which must be killed at the point. */
export async function killedAt(point: string, verb: string, { host, call }: Case): Promise<void> {
  const answer = await host.fabric(verb, { ...call, env: { FABRIC_FAULT: `${point}:kill` } });
  assertEquals(answer.code, 137, `${verb} did not reach ${point}: ${answer.stdout}`);
}

/** ADD, and the pod reaches the router; its addresses. */
export async function add({ host, sandbox, call }: Case): Promise<readonly string[]> {
  const { ips } = resultOf(await host.fabric("ADD", call));
  assert(await sandbox.reaches("10.100.0.1", { withinMs: 10_000 }), "the pod reaches nobody");
  return ips.map(({ address }) => address);
}

/** DEL, which always succeeds. */
export async function del({ host, call }: Case): Promise<void> {
  assertEquals(requireOk(await host.fabric("DEL", call)), "");
}

async function gc({ host }: Case): Promise<void> {
  requireOk(await host.fabric("GC", { conf: GC_CONF }));
}

/** DEL leaves nothing anywhere, not even in the namespace, which lives on. */
export async function delAndLook(it: Case): Promise<void> {
  await del(it);
  await assertClean(it.store, it.host);
  assertEquals(await leftInside(it.sandbox), []);
}

/** GC, when the sandbox is gone. */
export async function gcAndLook(it: Case): Promise<void> {
  await it.sandbox.remove();
  await gc(it);
  await assertClean(it.store, it.host);
}

/** The same container may start again. */
export async function liveAgain(it: Case): Promise<void> {
  await add(it);
  await delAndLook(it);
}

/** An ADD after an ADD that was killed, without a DEL between the two. */
export async function addAgain(it: Case): Promise<void> {
  const { host, sandbox, call } = it;
  const keys = await podKeys(it.store, host);
  const first = (await attachments(host, "--node", host.plan.name))
    .find(({ containerId }) => containerId === sandbox.containerId);
  const answer = await host.fabric("ADD", call);
  if (answer.code === 0) {
    const addresses = resultOf(answer).ips.map(({ address }) => address);
    if (first !== undefined) assertEquals(addresses, first.addresses.map((a) => a.address));
    assert(await sandbox.reaches("10.100.0.1", { withinMs: 10_000 }), "the pod reaches nobody");
    return;
  }
  // The first ADD got as far as the devices: they are not this one's, and stay as they are.
  const failure = failureOf(answer);
  assertEquals(failure.code, 116, failure.msg);
  assertMatch(failure.msg, /^interface eth0 exists already in /);
  assertEquals(await podKeys(it.store, host), keys);
}

/** An ADD that does everything, but finds that a route of the network is there already. */
export async function makeAddFail({ sandbox }: Case): Promise<void> {
  await sandbox.execOk(`ip link add net0 type veth peer name net1; ip link set net0 up
    ip route add ${ROUTE.to} dev net0`);
}

/** A pod whose interface is the second one, so that there are rules of routing to leave behind. */
export async function giveOtherRoute(sandbox: Sandbox): Promise<void> {
  await sandbox.execOk(`ip link add net0 type veth peer name net1
    ip link set net1 up; ip link set net0 up
    ip address add 192.0.2.2/24 dev net0; ip address add 2001:db8::2/64 dev net0 nodad
    ip route add default via 192.0.2.1; ip route add default via 2001:db8::1`);
}
