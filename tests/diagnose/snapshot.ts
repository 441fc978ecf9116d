/**
 * All that somebody could change without meaning to: the switch's database and flows, devices,
 * addresses, routes, filters and limits of a host and its pods, files of ours, and etcd.
 *
 * @module
 */

import * as v from "valibot";
import type { EquippedHost, Lab, Place } from "../lab/mod.ts";

const Table = v.object({
  caption: v.string(),
  headings: v.array(v.string()),
  data: v.array(v.array(v.unknown())),
});

/** Counters, and the times of what vswitchd measures. */
const RESTLESS = /^(statistics|status|cur_cfg|link_resets|cpu|memory)$/;

async function database(host: EquippedHost): Promise<string> {
  const text = await host.execOk(["ovsdb-client", "--format=json", "dump", "Open_vSwitch"]);
  const tables = text.split("\n").filter(Boolean).map((line) => v.parse(Table, JSON.parse(line)));
  return tables.map(({ caption, headings, data }) => {
    const kept = headings.flatMap((name, i) => RESTLESS.test(name) ? [] : [i]);
    const rows = data.map((row) => JSON.stringify(kept.map((i) => [headings[i], row[i]])));
    return `${caption}\n${rows.sort().join("\n")}`;
  }).join("\n");
}

/** Devices, addresses, routes, rules, filters and limits; link-local ones come by themselves. */
const NETWORK = `ip -d -o link
ip -o address show scope global | sed 's/ valid_lft.*//'
{ ip route show table all; ip -6 route show table all; } | grep -v fe80
ip rule; ip -6 rule; nft list ruleset; tc qdisc show`;

/** Not when a folder changed: what is in it tells. */
const FILES = `find /etc /opt/cni /var/lib/fabric /var/lib/cni /run/fabric /run/netns \
  \\( -type d -printf '%p d %m\\n' -o -printf '%p %y %s %m %T@\\n' \\) 2>/dev/null |
  grep -v '/etc/openvswitch' | sort`;

/** The addresses of a pod's neighbours; their states come and go by themselves. */
export async function neighbours(pod: Place): Promise<readonly string[]> {
  const text = await pod.execOk("ip neigh show; ip -6 neigh show");
  return text.split("\n").flatMap((line) => line.split(" ")[0] ?? []).filter(Boolean);
}

/** Everything, as one text by name. */
export async function snapshot(
  lab: Lab,
  { host, pods }: { readonly host: EquippedHost; readonly pods: readonly Place[] },
): Promise<Readonly<Record<string, string>>> {
  const [ovsdb, flows, network, files, etcd, ...inside] = await Promise.all([
    database(host),
    host.execOk("ovs-ofctl --no-stats dump-flows br-prod"),
    host.execOk(NETWORK),
    host.execOk(FILES),
    lab.etcd.etcdctl("get", "", "--prefix", "-w", "json"),
    ...pods.map((pod) => pod.execOk(NETWORK)),
  ]);
  const named = Object.fromEntries(inside.map((text, i) => [`pod ${pods[i]?.name}`, text]));
  // Who answered, and since when, is no part of what is kept.
  const kept = etcd.replace(/"(member_id|raft_term)":\d+,?/g, "");
  return { ovsdb, flows, network, files, etcd: kept, ...named };
}
