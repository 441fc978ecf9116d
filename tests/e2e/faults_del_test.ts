/** DEL, GC and further ADDs in the midst of an ADD: what remains is whole, or nothing. */

import { assert, assertEquals } from "@std/assert";
import { ADD_FAULT_POINTS, UNDO_FAULT_POINTS } from "../../cni/fault_points.ts";
import type { Store } from "../../mod/etcd/store.ts";
import { effort } from "../effort.ts";
import { WITH_FAULTS } from "../executable.ts";
import { assertIndexed } from "../free_index.ts";
import { type EquippedHost, type Lab, requireOk } from "../lab/mod.ts";
import { startBed } from "./bed.ts";
import { failureOf, resultOf } from "./by_hand.ts";
import {
  add,
  type Case,
  CONF,
  del,
  delAndLook,
  GC_CONF,
  makeAddFail,
  ROUTED,
} from "./kill_case.ts";
import { runInLanes } from "./lanes.ts";
import { assertClean, leftovers, openLabStore, podKeys } from "./leftovers.ts";
import { pauseAt } from "./paused.ts";

function startFaultBed(): Promise<Lab> {
  return startBed({ hosts: 4, install: () => ({ binary: WITH_FAULTS }), objects: [ROUTED] });
}

interface Scenario {
  readonly name: string;
  readonly run: (it: Case) => Promise<void>;
}

/** Each with a sandbox of its own. */
async function runAll(lab: Lab, store: Store, scenarios: readonly Scenario[]): Promise<void> {
  await runInLanes(
    lab.hosts,
    scenarios.map(({ name, run }) => ({
      name,
      run: async (host: EquippedHost) => {
        await using sandbox = await host.sandbox();
        await run({ host, store, sandbox, call: { sandbox, conf: CONF } });
      },
    })),
  );
}

/** True when the pod is there with all that belongs to it, false when nothing is; throws else. */
async function isWhole({ store, host, sandbox }: Case): Promise<boolean> {
  const left = await leftovers(store, host);
  if (left.length === 0) return false;
  const kinds = left.map((line) => line.replace(/^(\S+ [a-z]+).*/, "$1")).sort();
  assertEquals(kinds.filter((kind) => kind.startsWith("etcd ")), [
    "etcd addresses",
    "etcd addresses",
    "etcd attachments",
    "etcd macs",
  ], left.join("\n"));
  assert(await sandbox.reaches("10.100.0.1", { withinMs: 10_000 }), "the pod reaches nobody");
  return true;
}

/** So long a call that waits is watched. */
const WATCH_MS = 250;

async function sleep(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

Deno.test("calls in the midst of an ADD", async (t) => {
  await using lab = await startFaultBed();
  await using store = await openLabStore(lab);

  await t.step("a DEL waits for the ADD, and takes away what it made", () =>
    runAll(
      lab,
      store,
      [...ADD_FAULT_POINTS, ...UNDO_FAULT_POINTS].map((point) => ({
        name: point,
        run: async (it) => {
          const { host, call } = it;
          const fails = point.endsWith("undo");
          if (fails) await makeAddFail(it);
          const adding = await pauseAt(point, "ADD", it);
          let deleted = false;
          const deleting = host.fabric("DEL", call).finally(() => deleted = true);
          await sleep(WATCH_MS);
          assert(!deleted, "the DEL did not wait");
          const answer = await adding.resume();
          if (fails) assertEquals(failureOf(answer).code, 115);
          else resultOf(answer);
          assertEquals(requireOk(await deleting), "");
          await assertClean(store, host);
          await delAndLook(it);
        },
      })),
    ));

  await t.step("a GC leaves the ADD alone", () =>
    runAll(
      lab,
      store,
      ADD_FAULT_POINTS.map((point) => ({
        name: point,
        run: async (it) => {
          const adding = await pauseAt(point, "ADD", it);
          requireOk(await it.host.fabric("GC", { conf: GC_CONF }));
          resultOf(await adding.resume());
          assert(await isWhole(it));
          requireOk(await it.host.fabric("GC", { conf: GC_CONF }));
          assert(await isWhole(it));
          await delAndLook(it);
        },
      })),
    ));

  await t.step(
    "a DEL goes on without an ADD that hangs, which then ends whole or without a trace",
    () =>
      runAll(
        lab,
        store,
        ["add:before-allocate", "add:after-veth", "add:before-port", "add:after-pod"].map((
          point,
        ) => ({
          name: point,
          run: async (it) => {
            const adding = await pauseAt(point, "ADD", it);
            await del(it);
            const answer = await adding.resume();
            // A DEL before the ADD has read anything is one of an earlier life.
            if (await isWhole(it)) assertEquals([point, answer.code], ["add:before-allocate", 0]);
            await delAndLook(it);
          },
        })),
      ),
  );

  await t.step("an ADD whose DEL the switch has not noticed yet works", () =>
    runAll(
      lab,
      store,
      Array.from({ length: lab.hosts.length }, (_, i) => ({
        name: `${i}`,
        run: async (it) => {
          const { host } = it;
          await add(it);
          await host.ovs.freeze("ovs-vswitchd");
          await del(it);
          const adding = add(it);
          await sleep(WATCH_MS);
          await host.ovs.thaw("ovs-vswitchd");
          await adding;
          await delAndLook(it);
        },
      })),
    ));

  let lastMs = 200;
  await t.step("ADDs and DELs of one container at random moments", () =>
    runAll(
      lab,
      store,
      Array.from({ length: effort(48, 2000) }, (_, i) => ({
        name: `${i}`,
        run: async (it) => {
          const { host, call } = it;
          const verbs = i % 2 === 0 ? ["ADD", "DEL", "DEL"] : ["ADD", "ADD", "DEL"];
          const delays = verbs.map((_, n) => n === 0 ? 0 : Math.random() * lastMs * 1.5);
          const what = verbs.map((verb, n) => `${verb} at ${Math.round(delays[n] ?? 0)} ms`);
          const answers = await Promise.all(verbs.map(async (verb, n) => {
            await sleep(delays[n] ?? 0);
            return { verb, answer: await host.fabric(verb, call) };
          }));
          lastMs = answers[0]?.answer.durationMs ?? lastMs;
          const adds = answers.filter(({ verb }) => verb === "ADD");
          for (const { answer } of adds) {
            // 116: there is an interface of that name, the other ADD's.
            if (answer.code !== 0) assertEquals(failureOf(answer).code, 116, what.join(", "));
          }
          for (const { verb, answer } of answers) if (verb === "DEL") requireOk(answer);
          const whole = await isWhole(it).catch((cause) => {
            throw new Error(what.join(", "), { cause });
          });
          if (whole) assert(adds.some(({ answer }) => answer.code === 0), what.join(", "));
          await delAndLook(it);
        },
      })),
    ));

  assertEquals(await podKeys(store), []);
  await assertIndexed(store, "vlan100");
});
