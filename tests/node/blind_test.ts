/**
 * Ten damages at once, each on a pod of its own, chosen by a seed, on a node where others come and
 * go: check finds all of them and nothing else, repair mends them, and the pods talk.
 * `NODE_CHECK_SEEDS=100 deno test ...` runs more of the same.
 */

import { assertEquals } from "@std/assert";
import { hostIfname } from "../../mod/host/ifname.ts";
import { attachmentKey } from "../../mod/ipam/keys.ts";
import { applyPlan, planRepair } from "../../mod/ipam/repair/repair.ts";
import { pause } from "../../mod/timer.ts";
import { sample } from "../check/sample.ts";
import { confFor, startBed } from "../e2e/bed.ts";
import { addPod, type HandPod } from "../e2e/by_hand.ts";
import { inFlight } from "../e2e/lanes.ts";
import { requireOk } from "../lab/mod.ts";
import { POD_DAMAGES, POD_NETWORKS } from "./damage_pods.ts";
import { PORT_DAMAGES } from "./damage_ports.ts";
import { assertClean, codesOf, nodeBed, saying } from "./node_bed.ts";
import { assertTalks, type NodeScenario, type World } from "./scenario.ts";

const SEEDS = Number(Deno.env.get("NODE_CHECK_SEEDS") ?? "2");
const AT_ONCE = 10;
const SOURCES = { sources: ["node", "pods"] } as const;

/** What repair mends by itself, and what two of at a time do not disturb each other. */
const CATALOGUE = [...PORT_DAMAGES, ...POD_DAMAGES].filter(
  ({ byHand, gone, codes, tidy }) =>
    byHand === undefined && gone !== true && codes === undefined && tidy === undefined,
);

/** Somebody whose pods come and go beside it. */
async function comeAndGo(world: Pick<World, "host">, goesOn: () => boolean): Promise<void> {
  const conf = confFor("vlan200");
  while (goesOn()) {
    const pod = await addPod(world.host, { conf });
    requireOk(await pod.again("DEL"));
    await pod.remove();
    // A pod now and then: the rest of the machine is for the check.
    await pause(300);
  }
}

Deno.test("check finds exactly the damages of a seed on a busy node, and repair mends them", async (t) => {
  await using lab = await startBed({ hosts: 2, objects: POD_NETWORKS });
  const host = lab.host(0);
  await using bed = await nodeBed(lab, host);
  const peers = new Map<string, HandPod>();
  let busy = true;
  const others = comeAndGo({ host }, () => busy);
  others.catch(() => {});
  const victimOf = async ({ conf = confFor("vlan100") }: NodeScenario): Promise<World> => {
    const pod = await addPod(host, { conf });
    const network = JSON.stringify(conf["network"]);
    const { runtimeConfig: _, ...plain } = conf;
    const peer = peers.get(network) ?? await addPod(lab.host(1), { conf: plain });
    peers.set(network, peer);
    const { cluster, name: node } = host.plan;
    const { containerId } = pod;
    return {
      lab,
      host,
      bed,
      pod,
      peer,
      port: await hostIfname(containerId, "eth0"),
      key: attachmentKey({ cluster, node, containerId, ifname: "eth0" }),
    };
  };
  try {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const damages = sample(CATALOGUE, { seed, count: AT_ONCE });
      const fine = await t.step(`seed ${seed}`, async () => {
        const worlds: World[] = [];
        for (const damage of damages) worlds.push(await victimOf(damage));
        for (const [index, { damage }] of damages.entries()) {
          const world = worlds[index];
          if (world !== undefined) await damage(world);
        }
        const report = await bed.check(SOURCES);
        const wanted = damages.map(({ code }) => code).sort();
        assertEquals(codesOf(report), wanted, saying(report).join("\n"));
        const { ipam } = await bed.context();
        const plan = planRepair(report.findings);
        const done = await Array.fromAsync(
          applyPlan({ ipam, journal: { write: () => {} } }, plan),
        );
        for (const { error } of done) if (error !== undefined) throw error;
        assertEquals(done.map(({ outcome }) => outcome), damages.map(() => "done"));
        assertClean(await bed.check(SOURCES));
        await inFlight(worlds, 4, assertTalks);
        for (const { pod } of worlds) {
          requireOk(await pod.again("DEL"));
          await pod.remove();
        }
      });
      if (!fine) break;
    }
  } finally {
    busy = false;
    await others;
  }
  assertClean(await bed.check(SOURCES));
});
