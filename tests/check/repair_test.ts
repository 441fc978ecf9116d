import { assert, assertEquals } from "@std/assert";
import { singleKey } from "../../mod/ipam/free.ts";
import { META_EDIT } from "../../mod/ipam/keys.ts";
import { release } from "../../mod/ipam/release.ts";
import { FileJournal, parseJournal } from "../../mod/ipam/repair/journal.ts";
import { applyPlan, planRepair } from "../../mod/ipam/repair/repair.ts";
import { undoRepair } from "../../mod/ipam/repair/undo.ts";
import { type Bed, codesOf, populate, startBeds } from "./bed.ts";
import { CATALOGUE, makeVictims } from "./catalogue.ts";
import { seeded } from "./sample.ts";

const CHILD = new URL("./repair_child.ts", import.meta.url).pathname;
const ROOT = new URL("../..", import.meta.url).pathname;

/** All values, without what ends by itself and what every edit writes. */
async function dump(bed: Bed): Promise<Readonly<Record<string, string>>> {
  const { kvs } = await bed.store.range({ key: "\u0001", end: "\u007f" });
  return Object.fromEntries(
    kvs.filter(({ key, lease }) => lease === undefined && key !== META_EDIT)
      .map(({ key, value }) => [key, value]),
  );
}

async function withFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("an undone repair leaves the store as it was damaged, and can be repaired again", async () => {
  await using beds = await startBeds();
  await using bed = await beds.bed();
  await populate(bed);
  const victims = await makeVictims(bed, 20);
  for (const { cause } of CATALOGUE) await cause(bed, victims);
  const damaged = await dump(bed);
  const codes = codesOf(await bed.check());
  assertEquals(codes, CATALOGUE.map(({ code }) => code).sort());
  await withFolder(async (folder) => {
    const file = `${folder}/a.undo`;
    {
      using journal = new FileJournal(file);
      const repaired = await bed.repair(journal);
      assertEquals(repaired.filter(({ outcome }) => outcome !== "done"), []);
    }
    assertEquals(codesOf(await bed.check()), []);
    const entries = parseJournal(await Deno.readTextFile(file));
    assertEquals(((await Deno.stat(file)).mode ?? 0) & 0o777, 0o600);
    const undone = await Array.fromAsync(undoRepair(bed.context, entries));
    assertEquals(undone.filter(({ outcome }) => outcome === "changed"), []);
    const after = await dump(bed);
    // A cooling key that got its lease back keeps it: it ends by itself.
    const cooling = Object.keys(damaged).filter((key) => key.startsWith("cooling/"));
    for (const [key, value] of Object.entries(damaged)) {
      if (!cooling.includes(key)) assertEquals(after[key], value, key);
    }
    assertEquals(Object.keys(after).filter((key) => damaged[key] === undefined), []);
  });
  assertEquals(
    codesOf(await bed.check()),
    // A lease stays, and what is put back in one transaction has one revision.
    CATALOGUE.map(({ code }) => code).filter((code) => !["F-L-03", "F-O-07"].includes(code)).sort(),
  );
  await bed.repair();
  assertEquals(codesOf(await bed.check()), []);
});

Deno.test("an undo leaves alone what somebody changed since", async () => {
  await using beds = await startBeds();
  await using bed = await beds.bed();
  await populate(bed);
  const { pods: [victim] } = await makeVictims(bed, 2);
  assert(victim !== undefined);
  await bed.damage({
    delete: `addresses/quiet/4/${victim.v4.value.toString(16).padStart(8, "0")}`,
  });
  await withFolder(async (folder) => {
    const file = `${folder}/a.undo`;
    {
      using journal = new FileJournal(file);
      await bed.repair(journal);
    }
    // The pod goes, so that its address is another's soon.
    await release(bed.context, victim.ref, { endedBy: "del" });
    const entries = parseJournal(await Deno.readTextFile(file));
    const undone = await Array.fromAsync(undoRepair(bed.context, entries));
    assertEquals(undone.map(({ outcome }) => outcome), ["changed"]);
  });
  assertEquals(codesOf(await bed.check()), []);
});

Deno.test("an action whose finding is not so any more does nothing", async () => {
  await using beds = await startBeds();
  await using bed = await beds.bed();
  await populate(bed);
  const victims = await makeVictims(bed, 4);
  const [victim] = victims.pods;
  assert(victim !== undefined);
  await bed.damage({ put: singleKey("quiet", victim.v4), value: "{}" });
  const [first] = CATALOGUE.filter(({ name }) => name === "IPv4 address lost");
  await first?.cause(bed, { ...victims, pods: victims.pods.slice(1) });
  const { findings } = await bed.check();
  assertEquals(findings.length, 2);
  // A DEL comes between the check and the repair, of both.
  for (const { ref } of victims.pods) await release(bed.context, ref, { endedBy: "del" });
  const before = await dump(bed);
  const journal = { write: () => {} };
  const repaired = await Array.fromAsync(
    applyPlan({ ipam: bed.context, journal }, planRepair(findings)),
  );
  assertEquals(repaired.map(({ outcome }) => outcome), ["changed", "changed"]);
  assertEquals(await dump(bed), before);
});

Deno.test("a repair killed anywhere leaves nothing worse, and the next one finishes it", async () => {
  await using beds = await startBeds();
  const random = seeded(7);
  for (let round = 0; round < 4; round++) {
    await using bed = await beds.bed();
    await populate(bed);
    const victims = await makeVictims(bed, 20);
    for (const { cause } of CATALOGUE) await cause(bed, victims);
    const worst = await signatures(bed);
    await withFolder(async (folder) => {
      let serial = 0;
      for (let kills = 0; kills < 3; kills++) {
        const lines = Math.floor(random() * 12);
        await killAfter(bed, { file: `${folder}/${serial++}.undo`, lines, delay: random() * 4 });
        const now = await signatures(bed);
        assertEquals(now.filter((one) => !worst.includes(one)), []);
      }
      // What was cut off can be taken back as well: every line of the file is whole or is none.
      const text = await Deno.readTextFile(`${folder}/0.undo`).catch(() => "");
      await Array.fromAsync(undoRepair(bed.context, parseJournal(text)));
      assertEquals((await signatures(bed)).filter((one) => !worst.includes(one)), []);
    });
    await bed.repair();
    assertEquals(codesOf(await bed.check()), []);
  }
});

/** Findings by code and object. */
async function signatures(bed: Bed): Promise<readonly string[]> {
  return (await bed.check()).findings.map(({ kind, object }) => `${kind.code} ${object}`);
}

/** Starts a repair and kills it some time after it has done so many actions. */
async function killAfter(
  bed: Bed,
  options: { readonly file: string; readonly lines: number; readonly delay: number },
): Promise<void> {
  const { file, lines, delay } = options;
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--quiet",
      `--config=${ROOT}deno.json`,
      CHILD,
      bed.etcd.endpoints[0] ?? "",
      bed.prefix,
      file,
    ],
    stdout: "piped",
    stderr: "null",
  }).spawn();
  let seen = 0;
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    seen += text.split("\n").length - 1;
    if (seen >= lines || text.includes("end\n")) break;
  }
  await new Promise((resolve) => setTimeout(resolve, delay));
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended already.
  }
  await child.status;
}
