/**
 * What the history costs: etcd's database after N ADDs and N DELs, as GiB per million of them.
 *
 * ```text
 * deno run -A tests/bench/history_bytes.ts [N]
 * ```
 *
 * `history` is what stays for good: both records of an interval and their entries by owner, after
 * compaction and defragmentation, everything else deleted. `before compaction` is the whole
 * database as etcd holds it until then: every version of every key that an ADD and a DEL write.
 *
 * @module
 */

import { underPrefix } from "../../mod/etcd/store.ts";
import { allocate } from "../../mod/ipam/allocate.ts";
import { PREFIXES } from "../../mod/ipam/keys.ts";
import { release } from "../../mod/ipam/release.ts";
import type { Subnet } from "../../mod/model/network.ts";
import { addRequest, applyNetwork, startIpam } from "../ipam_fixture.ts";

const V4 = { cidr: "10.0.0.0/16" };
const V6 = { cidr: "2001:db8::/64" };
const KEPT: readonly string[] = [PREFIXES.history, PREFIXES.historyByOwner];
const CLIENTS = 8;

interface Case {
  readonly name: string;
  readonly subnets: readonly Subnet[];
  /** The same owner for all, or none. */
  readonly fixed: boolean;
}

const CASES: readonly Case[] = [
  { name: "one family, ephemeral", subnets: [V4], fixed: false },
  { name: "both families, ephemeral", subnets: [V4, V6], fixed: false },
  { name: "both families, fixed", subnets: [V4, V6], fixed: true },
];

async function measure(
  { subnets, fixed }: Case,
  count: number,
): Promise<{ readonly history: number; readonly before: number; readonly perRecord: number }> {
  await using fixture = await startIpam();
  const { context, store, etcd } = fixture;
  const size = async (): Promise<number> => (await store.status()).dbSizeBytes;
  const shrink = async (): Promise<number> => {
    const { header } = await store.range({ key: "none" });
    await etcd.etcdctl("compact", "--physical", String(header.revision));
    await etcd.etcdctl("defrag");
    return await size();
  };
  const nothing = await shrink();
  await applyNetwork(context, "pods", { vlan: 100, coolingSeconds: 0, subnets });
  const empty = await shrink();
  let next = 0;
  const client = async (slot: number): Promise<void> => {
    while (next < count) {
      // As long as what runtimes give.
      const id = (next++).toString(16).padStart(64, "c0ffee");
      const workload = { cluster: "local", group: "apps", kind: "StatefulSet" };
      const request = addRequest(id, {
        pod: { namespace: "production", name: `checkout-7d4b9c6f5-${id.slice(-5)}`, uid: id },
        ...(fixed
          ? {
            owner: {
              ...workload,
              namespace: "production",
              name: "checkout",
              slot: String(slot),
              ifname: "eth0",
            },
          }
          : {}),
      });
      await allocate(context, request);
      await release(context, request.attachment, { endedBy: "del" });
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, slot) => client(slot)));
  const before = await size();
  const records = (await store.range({ ...underPrefix(PREFIXES.history), countOnly: true })).count;
  for (const prefix of Object.values(PREFIXES)) {
    if (!KEPT.includes(prefix)) {
      await store.txn({ success: [{ delete: underPrefix(prefix) }] });
    }
  }
  const history = await shrink() - nothing;
  return {
    history: history / count,
    before: (before - empty) / count,
    perRecord: history / records,
  };
}

const count = Number(Deno.args[0] ?? 2000);
const gib = (bytes: number): string => (bytes * 1e6 / 2 ** 30).toFixed(2);
const lines = ["".padEnd(28) + "history      before compaction   bytes/interval"];
for (const one of CASES) {
  const { history, before, perRecord } = await measure(one, count);
  lines.push(
    one.name.padEnd(28) + `${gib(history)} GiB     ${gib(before)} GiB            ` +
      `${Math.round(perRecord)}`,
  );
}
await Deno.stdout.write(
  new TextEncoder().encode(`Per million ADD + DEL (${count} measured):\n${lines.join("\n")}\n`),
);
