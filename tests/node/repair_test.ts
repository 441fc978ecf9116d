/** A repair of a node that is killed, taken back, or comes too late. */

import { assert, assertEquals } from "@std/assert";
import { hostIfname } from "../../mod/host/ifname.ts";
import { parseJournal } from "../../mod/ipam/repair/journal.ts";
import { applyPlan, planRepair } from "../../mod/ipam/repair/repair.ts";
import { attachmentKey } from "../../mod/ipam/keys.ts";
import { confFor, startBed } from "../e2e/bed.ts";
import { effort } from "../effort.ts";
import { addPod, type HandPod } from "../e2e/by_hand.ts";
import type { EquippedHost, Lab } from "../lab/mod.ts";
import { accessOf, assertClean, type NodeBed, nodeBed, saying } from "./node_bed.ts";

const CHILD = new URL("./repair_child.ts", import.meta.url).pathname;
const ROOT = new URL("../..", import.meta.url).pathname;
const SOURCES = { sources: ["node", "pods"] } as const;

interface Killed {
  readonly name: string;
  readonly damage: (options: {
    readonly host: EquippedHost;
    readonly bed: NodeBed;
    readonly pod: HandPod;
    readonly port: string;
    readonly key: string;
  }) => Promise<unknown>;
}

const DAMAGES: readonly Killed[] = [
  { name: "port", damage: ({ host, port }) => host.ovs.vsctl("del-port", port) },
  { name: "interface", damage: ({ pod }) => pod.execOk("ip link del eth0") },
  {
    name: "record",
    damage: async ({ bed, key, pod }) => {
      const { kvs } = await bed.store.range({ key: "\u0001", end: "\u007f" });
      const lost = kvs.filter(({ key: it, value }) =>
        it === key ||
        (/^(addresses|macs|history|history-by-owner)\//.test(it) && value.includes(pod.containerId))
      );
      await bed.store.txn({ success: lost.map(({ key }) => ({ delete: { key } })) });
    },
  },
  {
    name: "address and route",
    damage: ({ pod }) => pod.execOk("ip addr flush dev eth0 scope global"),
  },
];

/** Runs the repair until its N-th step; true when it was killed there. */
async function killedAt(lab: Lab, host: EquippedHost, count: number): Promise<boolean> {
  const file = await Deno.makeTempFile();
  await Deno.remove(file);
  try {
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-A", "--quiet", "--no-check", `--config=${ROOT}deno.json`, CHILD],
        ...[JSON.stringify(accessOf(lab, host)), String(count), file],
      ],
      stdout: "null",
      stderr: "piped",
    }).output();
    if (code === 137) {
      // Every line that is there is whole, or it is cut off at the end.
      parseJournal(await Deno.readTextFile(file).catch(() => ""));
      return true;
    }
    assertEquals(code, 0, new TextDecoder().decode(stderr));
    return false;
  } finally {
    await Deno.remove(file).catch(() => {});
  }
}

Deno.test("a repair of a node killed at any step leaves nothing worse", async (t) => {
  await using lab = await startBed({ hosts: 2 });
  const host = lab.host(0);
  await using bed = await nodeBed(lab, host);
  const conf = confFor("vlan100");
  const [pod, witness, peer] = [
    await addPod(host, { conf }),
    await addPod(host, { conf }),
    await addPod(lab.host(1), { conf }),
  ];
  const port = await hostIfname(pod.containerId, "eth0");
  const { cluster, name: node } = host.plan;
  const key = attachmentKey({ cluster, node, containerId: pod.containerId, ifname: "eth0" });
  const [target = ""] = peer.result.ips.map(({ address }) => address.replace(/\/.*/, ""));
  for (const { name, damage } of DAMAGES.slice(0, effort(3, DAMAGES.length))) {
    await t.step(name, async () => {
      let steps = 0;
      for (let killed = true; killed; steps++) {
        await damage({ host, bed, pod, port, key });
        const before = await bed.check(SOURCES);
        assert(before.findings.length > 0);
        const objects = new Set(before.findings.map(({ object }) => object));
        killed = await killedAt(lab, host, steps + 1);
        const after = await bed.check(SOURCES);
        // Of the same pod, and never more.
        assertEquals(
          after.findings.filter(({ object }) => !objects.has(object)).map(({ object }) => object),
          [],
          saying(after).join("\n"),
        );
        assert(killed || after.findings.length === 0, saying(after).join("\n"));
        assert(await witness.reaches(target, { withinMs: 8_000 }));
        const { ipam } = await bed.context();
        const plan = planRepair(after.findings);
        await Array.fromAsync(applyPlan({ ipam, journal: { write: () => {} } }, plan));
        assertClean(await bed.check(SOURCES));
        assert(await pod.reaches(target, { withinMs: 8_000 }), `after a kill at step ${steps + 1}`);
      }
      assert(steps > 1, `${steps} steps`);
    });
  }
});

Deno.test("a repair of a node does nothing where the damage is not so any more", async () => {
  await using lab = await startBed({ hosts: 1 });
  const host = lab.host(0);
  await using bed = await nodeBed(lab, host);
  const pods = [];
  for (let i = 0; i < 4; i++) pods.push(await addPod(host, { conf: confFor("vlan100") }));
  const [gone, moved, tagged, lost] = pods;
  assert(gone !== undefined && moved !== undefined && tagged !== undefined && lost !== undefined);
  const portOf = (pod: HandPod) => hostIfname(pod.containerId, "eth0");
  await gone.remove();
  await host.ovs.vsctl("set", "port", await portOf(tagged), "tag=200");
  await host.ovs.vsctl("del-port", await portOf(moved));
  await lost.execOk("ip link del eth0");
  const { findings } = await bed.check(SOURCES);
  const plan = planRepair(findings);
  assert(plan.length >= 4);
  // The runtime ends all of them, and one address is another pod's at once.
  for (const pod of pods) assertEquals((await pod.again("DEL")).code, 0);
  const before = await host.execOk("ovs-vsctl --no-headings --columns=name list port; ip -br link");
  const { ipam } = await bed.context();
  const repaired = await Array.fromAsync(
    applyPlan({ ipam, journal: { write: () => {} } }, plan),
  );
  assertEquals(repaired.map(({ outcome }) => outcome), plan.map(() => "changed"));
  assertEquals(
    await host.execOk("ovs-vsctl --no-headings --columns=name list port; ip -br link"),
    before,
  );
  assertClean(await bed.check(SOURCES));
});
