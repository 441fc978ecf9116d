import { assertEquals } from "@std/assert";
import { allocate } from "../../mod/ipam/allocate.ts";
import { release } from "../../mod/ipam/release.ts";
import { addRequest } from "../ipam_fixture.ts";
import { codesOf, populate, startBeds } from "./bed.ts";
import { startBusy } from "./busy.ts";
import { CATALOGUE, type Damage, makeVictims } from "./catalogue.ts";
import { sample } from "./sample.ts";

/** `CHECK_SEEDS=100 deno test ...` runs more of the same. */
const SEEDS = Number(Deno.env.get("CHECK_SEEDS") ?? "5");
const AT_ONCE = 10;

for (let seed = 1; seed <= SEEDS; seed++) {
  const damages = sample(CATALOGUE, { seed, count: AT_ONCE });
  Deno.test(`check finds exactly the ten damages of seed ${seed} in a busy store, and repair mends them`, async () => {
    await blindTest(damages);
  });
}

async function blindTest(damages: readonly Damage[]): Promise<void> {
  await using beds = await startBeds();
  await using bed = await beds.bed();
  await populate(bed);
  const victims = await makeVictims(bed);
  const all = [...victims.pods, ...victims.held];
  const busy = startBusy(bed.context, { clients: 4, name: "busy", perSecond: 80 });
  try {
    assertEquals(codesOf(await bed.check()), []);
    for (const { cause } of damages) await cause(bed, victims);
    const { findings } = await bed.check();
    const names = findings.map(({ kind, object, detail }) => `${kind.code} ${object}: ${detail}`);
    const wanted = damages.map(({ code }) => code).sort();
    assertEquals(findings.map(({ kind }) => kind.code).sort(), wanted, names.join("\n"));
    const repaired = await bed.repair();
    assertEquals(repaired.map(({ outcome }) => outcome), damages.map(() => "done"));
    assertEquals(codesOf(await bed.check()), []);
    // Everybody can go as if nothing had been, and others can come.
    for (const { ref } of all) await release(bed.context, ref, { endedBy: "del" });
    for (let i = 0; i < 10; i++) {
      await allocate(bed.context, addRequest(`after-${i}`, { networks: ["quiet"] }));
    }
    assertEquals(codesOf(await bed.check()), []);
  } finally {
    await busy.stop();
  }
}
