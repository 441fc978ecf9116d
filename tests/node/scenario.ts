/**
 * How a kind of damage of a node is tested: caused for real on a host of the lab, seen as exactly its
 * code, mended, and then the pods reach each other.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { hostIfname } from "../../mod/host/ifname.ts";
import { KINDS } from "../../mod/ipam/check/kinds.ts";
import { attachmentKey } from "../../mod/ipam/keys.ts";
import { NO_JOURNAL } from "../../mod/ipam/repair/journal.ts";
import { applyPlan, planRepair } from "../../mod/ipam/repair/repair.ts";
import { type BedOptions, confFor, startBed } from "../e2e/bed.ts";
import { addPod, type HandPod, resultOf } from "../e2e/by_hand.ts";
import { type EquippedHost, type Lab, requireOk } from "../lab/mod.ts";
import { assertClean, type BedCheck, codesOf, type NodeBed, nodeBed, saying } from "./node_bed.ts";

/** What a scenario works with. */
export interface World {
  readonly lab: Lab;
  readonly host: EquippedHost;
  readonly bed: NodeBed;
  /** On the host that is damaged. */
  readonly pod: HandPod;
  /** Name of the pod's port. */
  readonly port: string;
  /** Key of the pod's attachment. */
  readonly key: string;
  /** In the same network, on another host. */
  readonly peer: HandPod;
}

export interface NodeScenario {
  readonly code: string;
  /** What is done to the node. */
  readonly name: string;
  /** Configuration of the pod's ADD; default: network vlan100. */
  readonly conf?: Readonly<Record<string, unknown>>;
  readonly damage: (world: World) => Promise<unknown>;
  /** What a person does, where repair does not. */
  readonly byHand?: (world: World) => Promise<unknown>;
  /** What is taken away when all is mended. */
  readonly tidy?: (world: World) => Promise<unknown>;
  /** All that is found, where one damage is several; default: the code. */
  readonly codes?: readonly string[];
  readonly check?: BedCheck;
  /** Only the first check sees it: what is read, not what is so, is another. */
  readonly once?: true;
  /** The pod is gone in the end, by the damage itself. */
  readonly gone?: true;
}

const SOURCES = ["node", "pods"] as const;

/**
 * A test in one lab: host1 is damaged, host2 has the pods to reach. The file that lists the scenarios
 * registers it, so that reports name that file.
 */
export function nodeScenarios(
  scenarios: readonly NodeScenario[],
  options: BedOptions = {},
): (t: Deno.TestContext) => Promise<void> {
  for (const { code } of scenarios) assert(KINDS.has(code), code);
  return async (t) => {
    await using lab = await startBed({ hosts: 2, ...options });
    await using bed = await nodeBed(lab, lab.host(0));
    const peers = new Map<string, HandPod>();
    const peerOf = async (conf: Readonly<Record<string, unknown>>): Promise<HandPod> => {
      const network = JSON.stringify(conf["network"]);
      const { runtimeConfig: _, ...plain } = conf;
      const peer = peers.get(network) ?? await addPod(lab.host(1), { conf: plain });
      peers.set(network, peer);
      return peer;
    };
    for (const scenario of scenarios) {
      const step = `check finds and repair mends ${scenario.code}: ${scenario.name}`;
      const fine = await t.step(step, async () => {
        const conf = scenario.conf ?? confFor("vlan100");
        await runScenario({ lab, bed, peer: await peerOf(conf) }, scenario);
      });
      // What one left would be found in the next one.
      if (!fine) break;
    }
  };
}

async function runScenario(
  { lab, bed, peer }: Pick<World, "lab" | "bed" | "peer">,
  scenario: NodeScenario,
): Promise<void> {
  const { code, conf = confFor("vlan100"), damage, byHand, codes = [code], gone } = scenario;
  const { host } = bed;
  const options = { sources: SOURCES, ...scenario.check };
  const pod = await addPod(host, { conf });
  const port = await hostIfname(pod.containerId, "eth0");
  const { cluster, name: node } = host.plan;
  const key = attachmentKey({ cluster, node, containerId: pod.containerId, ifname: "eth0" });
  const world: World = { lab, host, bed, pod, port, key, peer };
  await damage(world);
  const report = await bed.check(options);
  assertEquals(codesOf(report), codes.toSorted(), saying(report).join("\n"));
  assertEquals(report.unseen, []);
  for (const { evidence, detail } of report.findings) assert(evidence.length > 0 && detail !== "");
  const { ipam } = await bed.context();
  const plan = planRepair(report.findings);
  const repaired = await Array.fromAsync(applyPlan({ ipam, journal: NO_JOURNAL }, plan));
  for (const { error } of repaired) if (error !== undefined) throw error;
  assertEquals(repaired.map(({ outcome }) => outcome), plan.map(() => "done"));
  if (byHand !== undefined) await byHand(world);
  else if (scenario.once !== true) assertEquals(plan.length, report.findings.length, "by hand");
  assertClean(await bed.check(scenario.once === true ? { sources: SOURCES } : options));
  if (gone !== true) await assertTalks(world);
  await scenario.tidy?.(world);
  requireOk(await pod.again("DEL"));
  await pod.remove();
}

/** The pod reaches its peer, and the peer the pod, by every address that it was given. */
export async function assertTalks({ pod, peer }: Pick<World, "pod" | "peer">): Promise<void> {
  for (const [from, to] of [[pod, peer], [peer, pod]] as const) {
    for (const { address } of to.result.ips) {
      const target = address.replace(/\/.*/, "");
      assert(await from.reaches(target, { withinMs: 60_000 }), `${from.name} reaches ${target}`);
    }
  }
}

/** Another ADD of the sandbox, e.g. of a second interface. */
export async function addInterface(
  { pod }: World,
  ifname: string,
  network: string,
): Promise<void> {
  resultOf(await pod.again("ADD", { ifname, conf: confFor(network) }));
}
