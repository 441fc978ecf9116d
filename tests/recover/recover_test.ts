import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { backupLines, createBackup } from "../../admin/backup_file.ts";
import { FabricError } from "../../mod/error.ts";
import { hostIfname } from "../../mod/host/ifname.ts";
import { formatAddress, parseAddress } from "../../mod/ip/address.ts";
import { parseRange } from "../../mod/ip/range.ts";
import { allocate } from "../../mod/ipam/allocate.ts";
import type { AllocateRequest } from "../../mod/ipam/allocation.ts";
import { backupStore } from "../../mod/ipam/backup/backup.ts";
import { restoreStore } from "../../mod/ipam/backup/restore.ts";
import { fixAddresses, moveAddress, unfixAddresses } from "../../mod/ipam/fix.ts";
import { attachmentKey } from "../../mod/ipam/keys.ts";
import type { RecoverAnswer } from "../../mod/ipam/recover/answer.ts";
import { mergeAnswer, retryWaiting } from "../../mod/ipam/recover/merge.ts";
import {
  finishRecovery,
  giveUpNode,
  readRecovery,
  startRecovery,
} from "../../mod/ipam/recover/state.ts";
import { release } from "../../mod/ipam/release.ts";
import { reserve } from "../../mod/ipam/reserve.ts";
import { decodeRecord } from "../../mod/ipam/stored.ts";
import { type AttachmentRecord, AttachmentRecordSchema } from "../../mod/model/records.ts";
import { type Bed, codesOf, startBeds } from "../check/bed.ts";
import { effort } from "../effort.ts";
import { addRequest, applyNetwork } from "../ipam_fixture.ts";
import { seeded } from "../check/sample.ts";
import { killAfter } from "../killed.ts";

const CHILD = new URL("./recover_child.ts", import.meta.url).pathname;

function ownerOf(slot: string) {
  return {
    cluster: "local",
    group: "apps",
    kind: "StatefulSet",
    namespace: "trade",
    name: "orders",
    slot,
    ifname: "eth0",
  };
}

/** Nodes as they are: what runs there, whatever the store says. */
class DataCentre {
  readonly bed: Bed;
  readonly running = new Map<string, AttachmentRecord>();

  constructor(bed: Bed) {
    this.bed = bed;
  }

  request(node: string, id: string, options: Partial<AllocateRequest> = {}): AllocateRequest {
    const { attachment } = addRequest(id);
    const machineId = `machine-of-${node}`;
    return addRequest(id, { attachment: { ...attachment, node }, machineId, ...options });
  }

  async add(node: string, id: string, options: Partial<AllocateRequest> = {}): Promise<string> {
    const request = this.request(node, id, options);
    const { addresses } = await allocate(this.bed.context, request);
    const key = attachmentKey(request.attachment);
    const kv = await this.bed.read(key);
    assert(kv !== undefined);
    this.running.set(key, decodeRecord(AttachmentRecordSchema, kv));
    return addresses.map(({ address }) => formatAddress(address)).join();
  }

  async del(node: string, id: string): Promise<void> {
    const { attachment } = this.request(node, id);
    this.running.delete(attachmentKey(attachment));
    await release(this.bed.context, attachment, { endedBy: "del" });
  }

  /** What `recover collect` finds on the node. */
  async answer(node: string): Promise<RecoverAnswer> {
    const { header } = await this.bed.store.range({ key: "meta/era" });
    const attachments = [...this.running.values()].filter((one) => one.node === node);
    return {
      fabric: "recover-answer",
      v: 1,
      cluster: "local",
      node,
      zone: "z1",
      machineId: `machine-of-${node}`,
      bootId: "boot-1",
      at: new Date().toISOString(),
      seen: { ...header },
      attachments,
      devices: await Promise.all(
        attachments.map(({ containerId, ifname }) => hostIfname(containerId, ifname)),
      ),
      unreadable: [],
    };
  }

  async collect(node: string): Promise<void> {
    await mergeAnswer(this.bed.context, await this.answer(node));
    await retryWaiting(this.bed.context);
  }

  /** The store has exactly what runs, and nothing of it contradicts anything. */
  async assertRecovered(): Promise<void> {
    const stored = await this.bed.keys("attachments/");
    assertEquals(stored.map(({ key }) => key), [...this.running.keys()].sort());
    for (const { key, value } of stored) {
      const { network: _, ...now } = JSON.parse(value);
      const { network: __, ...then } = this.running.get(key) ?? { network: undefined };
      assertEquals(now, JSON.parse(JSON.stringify(then)), key);
    }
    assertEquals(codesOf(await this.bed.check()), []);
  }
}

async function start(bed: Bed): Promise<DataCentre> {
  await applyNetwork(bed.context, "pods", {
    vlan: 100,
    coolingSeconds: 0,
    subnets: [{ cidr: "10.0.0.0/24", gateway: "10.0.0.1" }, { cidr: "2001:db8::/64" }],
  });
  return new DataCentre(bed);
}

async function withBackup(bed: Bed, run: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/a.backup`;
    const file = await createBackup(path);
    await backupStore(bed.context, { reader: bed.reader, version: "test", write: file.write });
    await file.finish();
    await run(path);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function restore(bed: Bed, path: string): Promise<void> {
  const lines = backupLines(path);
  await restoreStore(bed.context, { lines, scratch: `${path}.sort`, overwrite: true });
}

async function refused(run: () => Promise<unknown>): Promise<FabricError> {
  return await assertRejects(run, FabricError);
}

Deno.test("an old backup: all that runs is recorded again, nothing twice, and then ADDs run", async () => {
  await using beds = await startBeds();
  await using bed = await beds.bed();
  const site = await start(bed);
  const { context } = bed;
  await site.add("n1", "old-1");
  await site.add("n1", "gone", { addresses: [parseAddress("10.0.0.77")] });
  await site.add("n2", "old-2", { owner: ownerOf("0") });
  await withBackup(bed, async (path) => {
    // After the backup: what had ended is another's by now, owners have moved, a node is new.
    await site.del("n1", "gone");
    await site.add("n2", "new-2", { addresses: [parseAddress("10.0.0.77")] });
    await site.add("n3", "new-3");
    const owned = await site.add("n1", "new-1", { owner: ownerOf("1") });
    const [first = ""] = owned.split(",");
    await site.del("n2", "old-2");
    await site.add("n3", "moved", { owner: ownerOf("0") });
    const [from, to] = [parseAddress(first), parseAddress("10.0.0.88")];
    await moveAddress(context, { network: "pods", owner: ownerOf("1"), from, to });
    await site.del("n1", "new-1");
    await site.add("n1", "new-1b", { owner: ownerOf("1") });
    await restore(bed, path);

    const error = await refused(() => allocate(context, site.request("n1", "x")));
    assertEquals(error.kind, "store-changed");
    assertStringIncludes(error.message, "is not recovered yet");
    assertStringIncludes(error.remedy ?? "", "fabric-admin recover");
    // n3 registered after the backup: it is waited for all the same.
    const silent = await refused(() => finishRecovery(context));
    assertStringIncludes(silent.message, "local/n1, local/n2, local/n3");
    await site.collect("n2");
    assertEquals((await readRecovery(context)).waiting.map(({ why }) => why), [
      "10.0.0.77 is recorded for container gone (eth0) on node local/n1, whose node has not answered",
    ]);
    await refused(() => allocate(context, site.request("n2", "x")));
    await site.collect("n3");
    await site.collect("n1");
    const state = await readRecovery(context);
    assertEquals(state.waiting, []);
    await refused(() => allocate(context, site.request("n2", "x")));
    await finishRecovery(context);
    await site.assertRecovered();
    assertEquals(await bed.keys("recover/"), []);
    assertEquals((await refused(() => finishRecovery(context))).kind, "conflict");

    await site.add("n1", "after");
    await site.del("n3", "moved");
    await site.add("n2", "moved-again", { owner: ownerOf("0") });
    await site.assertRecovered();
  });
});

Deno.test("a store that lost everything but its networks gets it all back from the nodes", async () => {
  await using beds = await startBeds();
  await using bed = await beds.bed();
  const site = await start(bed);
  await withBackup(bed, async (path) => {
    for (const node of ["n1", "n2", "n3"]) {
      for (let i = 0; i < 5; i++) {
        await site.add(node, `${node}-${i}`, i % 2 === 0 ? { owner: ownerOf(`${node}${i}`) } : {});
      }
    }
    await restore(bed, path);
    for (const node of ["n3", "n1", "n2"]) await site.collect(node);
    // Said again it changes nothing.
    const before = await bed.keys("addresses/");
    await site.collect("n1");
    assertEquals(await bed.keys("addresses/"), before);
    await finishRecovery(bed.context);
    await site.assertRecovered();
  });
});

Deno.test("a node that does not answer holds everything back, until it is given up", async () => {
  await using beds = await startBeds();
  await using bed = await beds.bed();
  const site = await start(bed);
  const { context } = bed;
  await site.add("n1", "a");
  const kept = await site.add("n2", "b");
  await withBackup(bed, async (path) => {
    await restore(bed, path);
    await site.collect("n1");
    await refused(() => finishRecovery(context));
    await giveUpNode(context, { cluster: "local", node: "n2" }, { reason: "on fire" });
    await finishRecovery(context);
    // What the backup knew of it stays: nobody else gets it.
    await site.assertRecovered();
    const [address = ""] = kept.split(",");
    const asked = site.request("n1", "c", { addresses: [parseAddress(address)] });
    assertEquals((await refused(() => allocate(context, asked))).kind, "conflict");
  });
});

Deno.test("what is recorded for two that both run waits, and says so", async () => {
  await using beds = await startBeds();
  await using bed = await beds.bed();
  const site = await start(bed);
  const { context } = bed;
  await site.add("n1", "a", { addresses: [parseAddress("10.0.0.5")] });
  await withBackup(bed, async (path) => {
    // Somebody lost track: two sandboxes have one address.
    const [first] = [...site.running.values()];
    assert(first !== undefined);
    const twin = { ...first, node: "n2", containerId: "b", machineId: "machine-of-n2" };
    site.running.set(attachmentKey(twin), twin);
    await restore(bed, path);
    await site.collect("n1");
    await site.collect("n2");
    const error = await refused(() => finishRecovery(context));
    assertStringIncludes(error.message, "local/n2/b/eth0 (10.0.0.5 is used by container a (eth0)");
    site.running.delete(attachmentKey(twin));
    await site.collect("n2");
    await retryWaiting(context);
    assertEquals((await readRecovery(context)).waiting.length, 0);
  });
});

Deno.test("reservations of the backup give way to what runs; a pod whose device is there is not ended", async () => {
  await using beds = await startBeds();
  await using bed = await beds.bed();
  const site = await start(bed);
  const { context } = bed;
  const range = parseRange("10.0.0.9");
  await reserve(context, { network: "pods", range, reason: "printer" });
  await site.add("n1", "a");
  await withBackup(bed, async (path) => {
    await release(context, addRequest("x").attachment, { endedBy: "del" });
    await bed.damage({ delete: "reserved/pods/4/0a000009" }, {
      delete: "addresses/pods/4/0a000009",
    });
    await site.add("n2", "b", { addresses: [parseAddress("10.0.0.9")] });
    await restore(bed, path);
    await site.collect("n2");
    // The port of n1's pod was lost, its device not.
    const answer = await site.answer("n1");
    const { doubtful, ended } = await mergeAnswer(context, { ...answer, attachments: [] });
    assertEquals([doubtful.length, ended.length], [1, 0]);
    await finishRecovery(context);
    await site.assertRecovered();
  });
});

Deno.test("a pod that ends while its node is looked at is not recorded again", async () => {
  await using beds = await startBeds();
  await using bed = await beds.bed();
  const site = await start(bed);
  const { context } = bed;
  await withBackup(bed, async (path) => {
    await site.add("n1", "a");
    await restore(bed, path);
    const answer = await site.answer("n1");
    await site.del("n1", "a");
    const { recorded } = await mergeAnswer(context, answer);
    assertEquals(recorded, []);
    await finishRecovery(context);
    await site.assertRecovered();
  });
});

Deno.test("startRecovery() stops ADDs of a store that was restored by other means", async () => {
  await using beds = await startBeds();
  await using bed = await beds.bed();
  const site = await start(bed);
  await site.add("n1", "a");
  assertEquals((await refused(() => finishRecovery(bed.context))).kind, "conflict");
  assertEquals(await startRecovery(bed.context), true);
  assertEquals(await startRecovery(bed.context), false);
  await refused(() => site.add("n1", "b"));
  await site.collect("n1");
  await finishRecovery(bed.context);
  await site.add("n1", "b");
});

Deno.test("a merge that is killed anywhere: said again it is whole, and nothing is there twice", async () => {
  await using beds = await startBeds();
  const random = seeded(11);
  for (let round = 0; round < 2; round++) {
    await using bed = await beds.bed();
    const site = await start(bed);
    for (const node of ["n1", "n2"]) await site.add(node, `gone-${node}`);
    await withBackup(bed, async (path) => {
      for (const node of ["n1", "n2"]) {
        await site.del(node, `gone-${node}`);
        for (let i = 0; i < 6; i++) {
          const owner = i % 2 === 0 ? { owner: ownerOf(`${node}${i}`) } : {};
          await site.add(node, `${node}-${i}`, owner);
        }
      }
      await restore(bed, path);
      const files = await Promise.all(["n1", "n2"].map(async (node) => {
        const file = `${path}.${node}`;
        await Deno.writeTextFile(file, JSON.stringify(await site.answer(node)));
        return file;
      }));
      const args = [bed.etcd.endpoints[0] ?? "", bed.prefix, ...files];
      for (let kills = 0; kills < 3; kills++) {
        await killAfter(CHILD, {
          args,
          lines: Math.floor(random() * 18),
          delay: random() * 4,
        });
        const names = (await bed.keys("addresses/")).map(({ key }) => key);
        assertEquals(new Set(names).size, names.length);
      }
      for (const node of ["n1", "n2"]) await site.collect(node);
      await finishRecovery(bed.context);
      await site.assertRecovered();
    });
  }
});

Deno.test("whatever happened before and after the backup: all that runs is recorded, nothing twice", async () => {
  await using beds = await startBeds();
  const nodes = ["n1", "n2", "n3"];
  const event = fc.record({
    what: fc.constantFrom(
      "add",
      "add",
      "own",
      "own",
      "del",
      "del",
      "fix",
      "move",
      "unfix",
      "reserve",
    ),
    node: fc.constantFrom(...nodes),
    slot: fc.integer({ min: 0, max: 2 }),
    host: fc.integer({ min: 5, max: 12 }),
    to: fc.integer({ min: 5, max: 12 }),
  });
  const events = fc.array(event, { minLength: 4, maxLength: 14 });
  const order = fc.shuffledSubarray(nodes, { minLength: 3 });
  await fc.assert(
    fc.asyncProperty(events, events, order, async (before, after, answers) => {
      await using bed = await beds.bed();
      const { context } = bed;
      const site = await start(bed);
      let serial = 0;
      const live = new Map<string, { readonly node: string; readonly slot?: number }>();
      const happen = async (one: (typeof before)[number]): Promise<void> => {
        const { what, node, slot, host, to } = one;
        const [address, other] = [parseAddress(`10.0.0.${host}`), parseAddress(`10.0.0.${to}`)];
        const owner = ownerOf(`${slot}`);
        const id = `c${++serial}`;
        if (what === "add") {
          await site.add(node, id, { addresses: [address] });
          live.set(id, { node });
        }
        if (what === "own") {
          await site.add(node, id, { owner });
          live.set(id, { node, slot });
        }
        if (what === "del") {
          const [victim] = [...live].slice(host % Math.max(1, live.size));
          if (victim === undefined) return;
          await site.del(victim[1].node, victim[0]);
          live.delete(victim[0]);
        }
        if (what === "fix") {
          await fixAddresses(context, { network: "pods", owner, addresses: [address] });
        }
        if (what === "move") {
          await moveAddress(context, { network: "pods", owner, from: address, to: other });
        }
        if (what === "unfix") await unfixAddresses(context, { network: "pods", owner });
        if (what === "reserve") {
          const range = { family: 4 as const, first: address.value, last: address.value };
          await reserve(context, { network: "pods", range, reason: "test" });
        }
      };
      const run = async (all: typeof before): Promise<void> => {
        for (const one of all) {
          try {
            await happen(one);
          } catch (error) {
            if (!(error instanceof FabricError) || error.kind === "internal") throw error;
          }
        }
      };
      await run(before);
      await withBackup(bed, async (path) => {
        await run(after);
        await restore(bed, path);
        for (const node of answers) await site.collect(node);
        // Nodes that never had a pod are not waited for, all others have answered.
        await finishRecovery(context);
        await site.assertRecovered();
        const names = [...site.running.values()].flatMap((one) =>
          one.addresses.map((a) => a.address)
        );
        assertEquals(new Set(names).size, names.length);
        for (let i = 0; i < 3; i++) await site.add("n1", `after-${i}`);
        for (const [id, { node }] of live) await site.del(node, id);
        for (let i = 0; i < 3; i++) await site.add("n2", `next-${i}`, { owner: ownerOf(`${i}`) });
        await site.assertRecovered();
      });
    }),
    { numRuns: effort(6, 200), endOnFailure: true },
  );
});
