/**
 * What pods leave behind, looked for where it lies: in etcd itself, in Open vSwitch's database, on
 * the host and in a namespace that lives on. `records.ts` asks the same of our own commands; here a
 * record that they do not show is found too.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { openGatewayStore } from "../../mod/etcd/gateway.ts";
import { readPages } from "../../mod/etcd/pages.ts";
import { type Store, underPrefix } from "../../mod/etcd/store.ts";
import { PREFIXES } from "../../mod/ipam/keys.ts";
import { type EquippedHost, eventually, type Lab, type Place, requireOk } from "../lab/mod.ts";
import { confFor } from "./bed.ts";

/** Where etcd keeps what belongs to pods that run; history, tombstones and cooling outlive them. */
const OF_PODS = [PREFIXES.addresses, PREFIXES.owners, PREFIXES.attachments, PREFIXES.macs] as const;

/** etcd of a lab, for the test itself: `await using`. */
export function openLabStore(lab: Lab): Promise<Store> {
  return openGatewayStore({ endpoints: lab.etcd.testEndpoints, timeoutMs: 20_000 });
}

/** Keys of pods, sorted; of one host, or all. */
export async function podKeys(store: Store, host?: EquippedHost): Promise<readonly string[]> {
  const found: string[] = [];
  for (const prefix of OF_PODS) {
    for await (const page of readPages(store, underPrefix(prefix))) {
      for (const { key, value } of page) {
        const text = `${key} ${value}`;
        if (host === undefined || isOf(text, host)) found.push(key);
      }
    }
  }
  return found.sort();
}

function isOf(text: string, { plan }: EquippedHost): boolean {
  return text.includes(`/${plan.cluster}/${plan.name}/`) ||
    (text.includes(`"cluster":"${plan.cluster}"`) && text.includes(`"node":"${plan.name}"`));
}

/** Ports and their interfaces are named alike; a row of QoS shows its id. Our own files may wait. */
const LOOK = `ovs-vsctl --timeout=10 --no-headings -- --columns=name list Port \\
  -- --columns=name list Interface -- --columns=_uuid list QoS -- --columns=_uuid list Queue |
  grep -Eo 'fb[a-z2-7]{13}|^[0-9a-f]{8}-[0-9a-f-]{27}' | sed 's/^/ovsdb /' || :
ip -o link | grep -Eo ' fb[a-z2-7]{13}' | sed 's/^/device/' || :
nft list ruleset | grep -Eo 'chain fb[a-z2-7]{13}' || :
find /var/lib/fabric/spool /var/lib/fabric /run/fabric -name '*.tmp' -o -path '*/spool/*' 2>/dev/null || :`;

/** All that a host still has of pods, one line each. */
export async function leftovers(store: Store, host: EquippedHost): Promise<readonly string[]> {
  const [keys, text] = await Promise.all([podKeys(store, host), host.execOk(LOOK)]);
  const lines = text.split("\n").filter((line) => line !== "");
  return [...keys.map((key) => `etcd ${key}`), ...new Set(lines)].sort();
}

/**
 * Calls the plugin until nothing is spooled: what a DEL could not say in time, because a neighbour
 * was away or the machine too busy, the node's next calls say.
 */
export async function finishSpool(host: EquippedHost): Promise<void> {
  await eventually(`${host.name} has said all`, async () => {
    if (await host.execOk("ls /var/lib/fabric/spool 2>/dev/null || :") === "") return true;
    requireOk(await host.fabric("DEL", { containerId: "another", conf: confFor(undefined) }));
    return false;
  }, { timeoutMs: 60_000 });
}

/** Fails where a host still has anything of any pod, when it has said all. */
export async function assertClean(store: Store, host: EquippedHost): Promise<void> {
  await finishSpool(host);
  assertEquals(await leftovers(store, host), []);
}

/** What a namespace that lives on still has of an interface: the device, its routes, any rules. */
export async function leftInside(pod: Place, ifname = "eth0"): Promise<readonly string[]> {
  const text = await pod.execOk(`ip -o link show dev ${ifname} 2>/dev/null || :
for family in -4 -6; do
  ip $family route show table all | grep -E 'dev ${ifname}( |$)|table [0-9]{6}' || :
  ip $family rule | grep -vE '^(0|32766|32767):' || :
done`);
  return text.split("\n").filter((line) => line.trim() !== "");
}
