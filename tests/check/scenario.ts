/**
 * How a kind of damage is tested: caused for real, seen as exactly its code, mended, and then
 * everything works.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { KINDS } from "../../mod/ipam/check/kinds.ts";
import { assertWorks, type Bed, codesOf, populate, type Population, startBeds } from "./bed.ts";

export interface Scenario {
  readonly code: string;
  /** What is done to the store. */
  readonly name: string;
  readonly damage: (bed: Bed, pods: Population) => Promise<void>;
  /** What a person does, where repair does not. */
  readonly byHand?: (bed: Bed, pods: Population) => Promise<void>;
  /** Looked at after the repair, before pods come and go. */
  readonly then?: (bed: Bed, pods: Population) => Promise<void>;
}

/** A test, for the file that lists its scenarios to register: reports name the file that does. */
export interface ScenarioTest {
  readonly title: string;
  readonly run: (t: Deno.TestContext) => Promise<void>;
}

/** One test for each area, a step for each scenario; all of a test share one etcd. */
export function scenarioTests(scenarios: readonly Scenario[]): readonly ScenarioTest[] {
  for (const scenario of scenarios) assert(KINDS.has(scenario.code), scenario.code);
  return groupsOf(scenarios).map(({ title, group }) => ({
    title,
    run: async (t) => {
      await using beds = await startBeds();
      for (const scenario of group) {
        const step = `check finds and repair mends ${scenario.code}: ${scenario.name}`;
        await t.step(step, async () => {
          await using bed = await beds.bed();
          await runScenario(bed, scenario);
        });
      }
    },
  }));
}

/** Scenarios of one area share one test. */
function groupsOf(scenarios: readonly Scenario[]) {
  const groups = Object.entries(Object.groupBy(scenarios, ({ code }) => code.slice(2, 3)));
  return groups.map(([letter, group = []]) => ({ title: `damage of area ${letter}`, group }));
}

async function runScenario(bed: Bed, scenario: Scenario): Promise<void> {
  const { code, damage, byHand, then } = scenario;
  const pods = await populate(bed);
  assertEquals(codesOf(await bed.check()), []);
  await damage(bed, pods);
  const report = await bed.check({ claimPatienceMs: 200 });
  assertEquals(
    report.findings.map(({ kind, object, detail }) => ({ code: kind.code, object, detail })).filter(
      ({ code: found }) => found !== code,
    ),
    [],
  );
  assertEquals(codesOf(report), [code]);
  const [finding] = report.findings;
  assert(finding !== undefined && finding.evidence.length > 0 && finding.detail !== "");
  if (byHand === undefined) {
    const repaired = await bed.repair();
    assertEquals(repaired.map(({ outcome }) => outcome), ["done"]);
    // Once more does no harm.
    assertEquals((await bed.repair()).length, 0);
  } else {
    const repaired = await bed.repair();
    assert(repaired.every(({ outcome }) => outcome === "done"));
    await byHand(bed, pods);
  }
  assertEquals(
    (await bed.check({ claimPatienceMs: 200 })).findings.map(({ kind, object, detail }) => ({
      code: kind.code,
      object,
      detail,
    })),
    [],
  );
  await then?.(bed, pods);
  await assertWorks(bed);
}
