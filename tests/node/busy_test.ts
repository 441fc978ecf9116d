/** A check beside pods that come and go sees no damage that is none. */

import { assert, assertEquals } from "@std/assert";
import { effort } from "../effort.ts";
import { confFor, startBed } from "../e2e/bed.ts";
import { resultOf } from "../e2e/by_hand.ts";
import type { EquippedHost } from "../lab/mod.ts";
import { assertClean, nodeBed, saying } from "./node_bed.ts";

/** Pods that one client has at a time. */
const LIVING = 3;

/** Makes and deletes pods until it is told to stop; tells of each. */
async function churn(
  host: EquippedHost,
  { goesOn, onPod }: { readonly goesOn: () => boolean; readonly onPod: () => void },
): Promise<void> {
  const conf = confFor("vlan100", {
    runtimeConfig: { bandwidth: { ingressRate: 100_000_000, egressRate: 100_000_000 } },
  });
  const living: (() => Promise<void>)[] = [];
  while (goesOn() || living.length > 0) {
    if (goesOn() && living.length < LIVING) {
      const sandbox = await host.sandbox();
      resultOf(await host.fabric("ADD", { sandbox, conf }));
      onPod();
      living.push(async () => {
        assertEquals((await host.fabric("DEL", { sandbox, conf })).code, 0);
        await sandbox.remove();
      });
    } else await living.shift()?.();
  }
}

Deno.test("check of a node beside ADDs and DELs finds nothing", async () => {
  await using lab = await startBed({ hosts: 1 });
  const host = lab.host(0);
  await using bed = await nodeBed(lab, host);
  const deadline = performance.now() + 60_000;
  const [wantedPods, wantedChecks] = [effort(15, 500), effort(6, 200)];
  let [pods, checks] = [0, 0];
  const goesOn = () => performance.now() < deadline && (pods < wantedPods || checks < wantedChecks);
  const clients = Array.from({ length: 3 }, () => churn(host, { goesOn, onPod: () => pods++ }));
  const found: string[] = [];
  while (goesOn()) {
    const report = await bed.check({ sources: checks % 5 === 4 ? ["wire"] : ["node", "pods"] });
    found.push(...saying(report), ...report.unseen);
    checks++;
  }
  await Promise.all(clients);
  assertEquals(found, []);
  assert(pods >= wantedPods && checks >= wantedChecks, `${pods} pods, ${checks} checks`);
  assertClean(await bed.check());
});
