import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { backupLines, createBackup } from "../../admin/backup_file.ts";
import { FabricError } from "../../mod/error.ts";
import { allocate } from "../../mod/ipam/allocate.ts";
import { backupStore } from "../../mod/ipam/backup/backup.ts";
import { readBackup } from "../../mod/ipam/backup/format.ts";
import { restoreStore } from "../../mod/ipam/backup/restore.ts";
import { fixAddresses } from "../../mod/ipam/fix.ts";
import { META_EDIT, META_ERA } from "../../mod/ipam/keys.ts";
import { parseEra } from "../../mod/ipam/meta.ts";
import { release } from "../../mod/ipam/release.ts";
import { parseAddress } from "../../mod/ip/address.ts";
import { type Bed, codesOf, populate, startBeds, webOwner } from "../check/bed.ts";
import { startBusy } from "../check/busy.ts";
import { seeded } from "../check/sample.ts";
import { addRequest } from "../ipam_fixture.ts";
import { killAfter } from "../killed.ts";

const CHILD = new URL("./restore_child.ts", import.meta.url).pathname;

async function withFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** What a backup keeps: everything but what ends by itself, and what a restore writes itself. */
async function dump(bed: Bed): Promise<Readonly<Record<string, string>>> {
  const { kvs } = await bed.store.range({ key: "\u0001", end: "\u007f" });
  return Object.fromEntries(
    kvs.filter(({ key, lease }) =>
      lease === undefined && key !== META_EDIT && key !== META_ERA && !key.startsWith("recover/")
    ).map(({ key, value }) => [key, value]),
  );
}

async function backup(bed: Bed, path: string): Promise<void> {
  const { context, reader } = bed;
  const file = await createBackup(path);
  await backupStore(context, { reader, version: "0.1.0-test", write: file.write });
  await file.finish();
}

function restore(bed: Bed, path: string, overwrite = false) {
  const lines = backupLines(path);
  return restoreStore(bed.context, { lines, scratch: `${path}.sort`, overwrite });
}

/** As if every node had answered. */
async function recovered(bed: Bed): Promise<void> {
  const { era } = parseEra((await bed.read(META_ERA)) ?? { key: META_ERA, value: "" });
  await bed.store.txn({ success: [{ put: META_ERA, value: JSON.stringify({ era }) }] });
}

async function refused(run: () => Promise<unknown>): Promise<FabricError> {
  return await assertRejects(run, FabricError);
}

Deno.test("a restored store is the one that was backed up, and its owners' next ADDs run", async () => {
  await using beds = await startBeds();
  await using bed = await beds.bed();
  await populate(bed);
  await release(bed.context, addRequest("gone").attachment, { endedBy: "del" });
  await withFolder(async (folder) => {
    for (const name of ["a.backup", "a.gz"]) {
      const path = `${folder}/${name}`;
      await backup(bed, path);
      assertEquals(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
      assertEquals((await refused(() => backup(bed, path))).kind, "conflict");
      await using other = await beds.bed();
      assertEquals((await refused(() => restore(other, path))).kind, "conflict");
      const { keys } = await restore(other, path, true);
      const before = await dump(bed);
      assertEquals(await dump(other), before);
      assertEquals(keys, Object.keys(before).length + 1);
      const error = await refused(() => allocate(other.context, addRequest("x")));
      assertEquals(error.kind, "store-changed");
      assertStringIncludes(error.remedy ?? "", "fabric-admin recover");
      const fix = { network: "pods", owner: webOwner("77"), addresses: [parseAddress("10.0.0.9")] };
      assertEquals((await refused(() => fixAddresses(other.context, fix))).kind, "store-changed");
      await recovered(other);
      assertEquals(codesOf(await other.check()), []);
      const owners = await other.keys("owners/");
      assert(owners.length > 0);
      for (const { value } of owners) {
        const { owner, holder, network } = JSON.parse(value);
        if (holder !== undefined) await release(other.context, holder, { endedBy: "del" });
        const request = addRequest(`next-${owner.slot}`, { owner, networks: [network.name] });
        await allocate(other.context, request);
      }
      assertEquals(codesOf(await other.check()), []);
    }
  });
});

Deno.test("a backup that is damaged anywhere is refused, and nothing is written", async () => {
  await using beds = await startBeds();
  await using bed = await beds.bed();
  await populate(bed);
  await using other = await beds.bed();
  const before = await dump(other);
  const era = await other.read(META_ERA);
  await withFolder(async (folder) => {
    const path = `${folder}/a.backup`;
    await backup(bed, path);
    const text = await Deno.readTextFile(path);
    const lines = text.trimEnd().split("\n");
    const wrong = [
      "",
      "{}\n",
      "hello\n",
      text.slice(0, text.length / 2),
      `${lines.slice(0, -1).join("\n")}\n`,
      text.replace("machine-1", "machine-2"),
      `${lines.filter((_, index) => index !== 5).join("\n")}\n`,
      `${[lines[0], lines[2], lines[1], ...lines.slice(3)].join("\n")}\n`,
      `${text}${lines[1]}\n`,
    ];
    for (const [index, content] of wrong.entries()) {
      const file = `${folder}/wrong-${index}`;
      await Deno.writeTextFile(file, content);
      const error = await refused(() => restore(other, file, true));
      assertEquals(error.kind, "invalid", `${index}: ${error.message}`);
    }
    const packed = `${folder}/a.gz`;
    await backup(bed, packed);
    const bytes = await Deno.readFile(packed);
    await Deno.writeFile(`${folder}/cut.gz`, bytes.subarray(0, bytes.length - 30));
    assertEquals((await refused(() => restore(other, `${folder}/cut.gz`, true))).kind, "invalid");
    assertEquals((await refused(() => restore(other, `${folder}/none`, true))).kind, "invalid");
    const newer = text.replace('"schema":1', '"schema":9');
    await Deno.writeTextFile(`${folder}/newer`, newer);
    assertEquals((await refused(() => restore(other, `${folder}/newer`, true))).kind, "invalid");
  });
  assertEquals(await dump(other), before);
  assertEquals((await other.read(META_ERA))?.modRevision, era?.modRevision);
});

Deno.test("a restore that is killed anywhere: no ADD runs, and said again it is whole", async () => {
  await using beds = await startBeds();
  await using bed = await beds.bed();
  await populate(bed);
  const random = seeded(3);
  await withFolder(async (folder) => {
    const path = `${folder}/a.backup`;
    await backup(bed, path);
    const expected = await dump(bed);
    for (let round = 0; round < 3; round++) {
      await using other = await beds.bed();
      await populate(other);
      for (let kills = 0; kills < 3; kills++) {
        const args = [other.etcd.endpoints[0] ?? "", other.prefix, path];
        const lines = 2 + Math.floor(random() * 40);
        await killAfter(CHILD, { args, lines, delay: random() * 4 });
        const error = await refused(() => allocate(other.context, addRequest("x")));
        assertEquals(error.kind, "store-changed", error.message);
      }
      await restore(other, path, round > 0);
      assertEquals(await dump(other), expected);
      await recovered(other);
      assertEquals(codesOf(await other.check()), []);
    }
  });
});

Deno.test("an ADD that is under way when a restore begins does not commit", async () => {
  await using beds = await startBeds();
  await using bed = await beds.bed();
  await populate(bed);
  await withFolder(async (folder) => {
    const path = `${folder}/a.backup`;
    await backup(bed, path);
    let restored = false;
    const { store } = bed;
    const slow = {
      ...bed.context,
      store: {
        ...store,
        range: store.range.bind(store),
        grantLease: store.grantLease.bind(store),
        txn: async (request: Parameters<typeof store.txn>[0]) => {
          if (!restored && (request.success ?? []).some((one) => "put" in one)) {
            restored = true;
            await restore(bed, path, true);
          }
          return await store.txn(request);
        },
      },
    };
    const error = await refused(() => allocate(slow, addRequest("x")));
    assertEquals(error.kind, "store-changed");
    // What was registered there before is waited for.
    assert((await bed.keys("recover/expected/")).length > 0);
  });
});

Deno.test("readBackup() says which line is wrong", async () => {
  const read = (...lines: readonly string[]) =>
    refused(() =>
      readBackup(
        (async function* () {
          yield* lines;
        })(),
        () => {},
      )
    );
  assertStringIncludes((await read("x")).message, "Line 1 of the backup: it is no JSON");
  assertStringIncludes((await read('{"fabric":"x"}')).message, "Line 1 of the backup: it is not");
});

Deno.test("of two restores at once one ends, and the store is whole after the other", async () => {
  await using beds = await startBeds();
  await using bed = await beds.bed();
  await populate(bed);
  await withFolder(async (folder) => {
    const path = `${folder}/a.backup`;
    await backup(bed, path);
    const expected = await dump(bed);
    await using other = await beds.bed();
    const both = await Promise.allSettled([0, 1].map((index) =>
      restoreStore(other.context, {
        lines: backupLines(path),
        scratch: `${folder}/sort-${index}`,
        overwrite: true,
      })
    ));
    const failed = both.filter((one) => one.status === "rejected");
    assert(failed.length <= 1);
    for (const { reason } of failed) assertEquals(reason.kind, "conflict");
    assertEquals(await dump(other), expected);
  });
});

Deno.test("a backup that is made beside ADDs and DELs is of one moment", async () => {
  await using beds = await startBeds();
  await using bed = await beds.bed();
  await populate(bed);
  const busy = startBusy(bed.context, { clients: 3, name: "busy", edits: false, perSecond: 60 });
  try {
    await withFolder(async (folder) => {
      for (let round = 0; round < 2; round++) {
        const path = `${folder}/${round}.gz`;
        await backup(bed, path);
        await using other = await beds.bed();
        await restore(other, path, true);
        await recovered(other);
        assertEquals(codesOf(await other.check()), []);
      }
    });
  } finally {
    await busy.stop();
  }
});
