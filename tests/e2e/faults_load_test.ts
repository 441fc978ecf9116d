/** More pods at once than a network has addresses, also while etcd loses its leader. */

import { assert, assertEquals } from "@std/assert";
import type { Store } from "../../mod/etcd/store.ts";
import { effort } from "../effort.ts";
import { assertIndexed } from "../free_index.ts";
import { eventually, type Lab, type PluginAnswer, requireOk } from "../lab/mod.ts";
import { confFor, networkObject, startBed } from "./bed.ts";
import { failureOf, resultOf } from "./by_hand.ts";
import { assertClean, finishSpool, openLabStore, podKeys } from "./leftovers.ts";
import {
  type Answered,
  callForEach,
  duplicates,
  type LoadPod,
  makeSandboxes,
  realAddresses,
  removeSandboxes,
} from "./load.ts";
import { addresses, attachments } from "./records.ts";

const IN_FLIGHT = 32;
/** Of every ten pods nine get an address. */
const PODS = { plain: 200, leader: effort(120, 200) } as const;
const ROUNDS = effort(1, 10);

type LoadName = keyof typeof PODS;

function freeOf(name: LoadName): number {
  return PODS[name] * 9 / 10;
}

function confOf(name: LoadName): Readonly<Record<string, unknown>> {
  return confFor(`pool-${name}`);
}

/** Without cooling, so that one load can follow the other. */
function poolOf(name: LoadName, vlan: number) {
  return networkObject(`pool-${name}`, {
    vlan,
    coolingSeconds: 0,
    subnets: [
      { cidr: `10.${vlan}.0.0/24`, ranges: [`10.${vlan}.0.11-10.${vlan}.0.${10 + freeOf(name)}`] },
      { cidr: `fd00:${vlan}::/64` },
    ],
  });
}

function addressesOf({ answer }: Answered): readonly string[] {
  return resultOf(answer).ips.map(({ address }) => address.replace(/\/.*/, "")).sort();
}

/**
 * That no address is in use twice: not by what the runtimes were answered, not in etcd, and not in
 * the pods; and that all three say the same of each pod that started.
 */
async function assertNoDuplicate(lab: Lab, answers: readonly Answered[]): Promise<void> {
  const started = answers.filter(({ answer }) => answer.code === 0);
  const [real, records, recordedAddresses] = await Promise.all([
    realAddresses(started.map(({ pod }) => pod)),
    attachments(lab.host(0)),
    addresses(lab.host(0)),
  ]);
  const recorded = new Map(records.map((it) => [
    it.containerId,
    it.addresses.map(({ address }) => address.replace(/\/.*/, "")).sort(),
  ]));
  for (const answered of started) {
    const { containerId } = answered.pod;
    assertEquals(real.get(containerId), addressesOf(answered), `${containerId} has others`);
    assertEquals(recorded.get(containerId), addressesOf(answered), `${containerId} in etcd`);
  }
  assertEquals(duplicates([...real.values()].flat()), []);
  assertEquals(duplicates([...recorded.values()].flat()), []);
  assertEquals(duplicates(records.map(({ mac }) => mac)), []);
  assertEquals(
    recordedAddresses.map(({ address }) => address).sort(),
    [...recorded.values()].flat().sort(),
  );
}

/** DELs for all, also those that failed, as a runtime does; then nothing may be left. */
async function endAll(
  lab: Lab,
  answers: readonly Answered[],
  options: { readonly store: Store; readonly load: LoadName },
): Promise<void> {
  const { store, load } = options;
  const pods = answers.map(({ pod }) => pod);
  const deleted = await callForEach("DEL", pods, { limit: IN_FLIGHT, conf: confOf(load) });
  await Promise.all(deleted.map(async ({ pod, answer }) => {
    if (isLate(answer)) await endAgain(load, pod);
    else requireOk(answer);
  }));
  await removeSandboxes(pods);
  for (const host of lab.hosts) await assertClean(store, host);
  assertEquals(await podKeys(store), []);
  await assertIndexed(store, `pool-${load}`);
}

/** A neighbour did not answer in time, or a command of the host: which a runtime tries again. */
const LATE = [110, 111, 112, 113, 115, 118];
/** No address is free. */
const FULL = 101;

function isLate(answer: PluginAnswer): boolean {
  return answer.code !== 0 && LATE.includes(failureOf(answer).code);
}

/** As a runtime does with a pod that does not end: DEL again. */
async function endAgain(load: LoadName, { host, containerId, netns }: LoadPod): Promise<void> {
  await eventually(`${containerId} ends`, async () => {
    const answer = await host.fabric("DEL", { containerId, netns, conf: confOf(load) });
    return isLate(answer) ? undefined : requireOk(answer) === "";
  }, { timeoutMs: 120_000 });
}

/** As a runtime does with a pod that did not start: DEL, and its sandbox once more. */
async function startAgain(load: LoadName, pod: LoadPod): Promise<Answered> {
  const { host, containerId, netns } = pod;
  return await eventually(`${containerId} starts, or is told that it cannot`, async () => {
    await endAgain(load, pod);
    const answer = await host.fabric("ADD", { containerId, netns, conf: confOf(load) });
    return isLate(answer) ? undefined : { pod, answer };
  }, { timeoutMs: 120_000 });
}

/**
 * What is answered in the end. On a machine with nothing else to do no call is late; where some are,
 * the addresses that they had for a moment may have been what others lacked.
 */
async function settle(load: LoadName, first: readonly Answered[]): Promise<readonly Answered[]> {
  const late = first.filter(({ answer }) => isLate(answer));
  if (late.length === 0) return first;
  const others = first.filter((it) => !late.includes(it));
  const settled: Answered[] = [];
  for (const { pod } of late) settled.push(await startAgain(load, pod));
  for (const it of others) {
    settled.push(it.answer.code === 0 ? it : await startAgain(load, it.pod));
  }
  return settled;
}

Deno.test("200 ADDs, 32 in flight, on 3 hosts for 180 addresses, also while etcd loses its leader", async (t) => {
  await using lab = await startBed({
    hosts: 3,
    etcd: { members: 3 },
    objects: [poolOf("plain", 150), poolOf("leader", 151)],
  });
  await using store = await openLabStore(lab);

  for (let round = 0; round < ROUNDS; round++) {
    await t.step(`nine of ten succeed, one is told why not (${round})`, async () => {
      const load = "plain";
      const pods = await makeSandboxes(lab.hosts, { name: `full-${round}`, count: PODS[load] });
      const first = await callForEach("ADD", pods, { limit: IN_FLIGHT, conf: confOf(load) });
      const answers = await settle(load, first);
      const failed = answers.filter(({ answer }) => answer.code !== 0);
      for (const { answer } of failed) {
        const { code, msg, details } = failureOf(answer);
        const free = freeOf(load);
        assertEquals([code, msg, details], [
          FULL,
          "Network pool-plain has no free IPv4 address (subnet 10.150.0.0/24: " +
          `capacity ${free}, in use ${free}, cooling 0, reserved 0)`,
          "add a subnet or a range to the network, or release addresses",
        ]);
      }
      assertEquals(answers.length - failed.length, freeOf(load));
      await assertNoDuplicate(lab, answers);
      await endAll(lab, answers, { store, load });
    });
    for (const how of ["killed", "paused"] as const) {
      await t.step(`the leader of etcd is ${how} (${round})`, async () => {
        const load = "leader";
        const pods = await makeSandboxes(lab.hosts, { name: `${how}-${round}`, count: PODS[load] });
        const leader = await lab.etcd.leader();
        const bringBack = () =>
          how === "killed" ? lab.etcd.restart(leader) : lab.etcd.resume(leader);
        let lost: Promise<void> | undefined;
        try {
          const answers = await callForEach("ADD", pods, {
            limit: IN_FLIGHT,
            conf: confOf(load),
            onAnswer: async ({ pod, answer }, count) => {
              if (count === IN_FLIGHT) {
                lost = how === "killed" ? lab.etcd.kill(leader) : lab.etcd.pause(leader);
                await lost;
              }
              if (answer.code === 0) return;
              const { code, msg } = failureOf(answer);
              assert(code === FULL || isLate(answer), msg);
              await endAgain(load, pod);
            },
          });
          assert(await lab.etcd.leader() !== leader);
          const started = answers.filter(({ answer }) => answer.code === 0).length;
          assert(started >= PODS[load] / 2 && started <= freeOf(load), `${started} pods started`);
          await Promise.all(lab.hosts.map(finishSpool));
          await assertNoDuplicate(lab, answers);
          // A dead member stays away until all pods have ended; one that hangs comes back before.
          if (how === "paused") await bringBack();
          await endAll(lab, answers, { store, load });
        } finally {
          if (lost !== undefined) await bringBack();
        }
      });
    }
  }
});
