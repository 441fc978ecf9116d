/** kill -9 of the plugin at every named fault point: after the runtime's DEL or GC nothing is left. */

import { assertEquals } from "@std/assert";
import {
  FAULT_POINTS,
  SERVICES_FAULT_POINTS,
  SPOOL_FAULT_POINTS,
  SPOOLED_FAULT_POINTS,
} from "../../cni/fault_points.ts";
import { effort } from "../effort.ts";
import { WITH_FAULTS } from "../executable.ts";
import { assertIndexed } from "../free_index.ts";
import { type EquippedHost, type Lab, requireOk, type Sandbox } from "../lab/mod.ts";
import { startBed } from "./bed.ts";
import { add, type Case, CONF, del, delAndLook, killedAt, liveAgain, ROUTED } from "./kill_case.ts";
import { WAYS } from "./kill_ways.ts";
import { runInLanes, throwAll } from "./lanes.ts";
import { assertClean, openLabStore, podKeys } from "./leftovers.ts";

/** The same without etcd; nothing else happens on the host meanwhile. */
interface OutageWay {
  readonly what: string;
  readonly points: readonly string[];
  /** While etcd is away. */
  readonly without: (point: string, it: Case) => Promise<void>;
  /** When it is back. */
  readonly after: (point: string, it: Case) => Promise<void>;
}

const OUTAGE_WAYS: readonly OutageWay[] = [
  {
    what: "DEL when etcd is back",
    points: SPOOL_FAULT_POINTS,
    without: (point, it) => killedAt(point, "DEL", it),
    after: (_, it) => delAndLook(it),
  },
  {
    what: "DEL at once, and the node's next calls when etcd is back",
    points: SPOOL_FAULT_POINTS,
    without: async (point, it) => {
      await killedAt(point, "DEL", it);
      await del(it);
    },
    after: async (_, it) => {
      // Any call does.
      await assertClean(it.store, it.host);
      await liveAgain(it);
    },
  },
  {
    what: "DEL",
    points: SPOOLED_FAULT_POINTS,
    without: (_, it) => del(it),
    after: async (point, it) => {
      await killedAt(point, "DEL", { ...it, call: { containerId: "another", conf: CONF } });
      await delAndLook(it);
    },
  },
  {
    what: "ADD, which no later call ends",
    points: SPOOLED_FAULT_POINTS,
    without: (_, it) => del(it),
    after: async (point, it) => {
      await killedAt(point, "DEL", { ...it, call: { containerId: "another", conf: CONF } });
      await add(it);
      const keys = await podKeys(it.store, it.host);
      for (let i = 0; i < 2; i++) {
        requireOk(await it.host.fabric("DEL", { containerId: "another", conf: CONF }));
      }
      assertEquals(await podKeys(it.store, it.host), keys);
      await delAndLook(it);
    },
  },
];

const ROUNDS = effort(1, 20);

function startFaultBed(): Promise<Lab> {
  return startBed({
    hosts: 4,
    install: () => ({ binary: WITH_FAULTS }),
    objects: [ROUTED],
  });
}

Deno.test("every fault point of the plugin is killed at", () => {
  const points = [
    ...[...WAYS, ...OUTAGE_WAYS].flatMap(({ points }) => points),
    // By tests/service/faults_test.ts.
    ...SERVICES_FAULT_POINTS,
  ];
  assertEquals([...new Set(points)].sort(), [...FAULT_POINTS].sort());
});

Deno.test("killed at any point: after DEL or GC nothing is left, and the container starts again", async () => {
  await using lab = await startFaultBed();
  await using store = await openLabStore(lab);
  const scenarios = WAYS.flatMap(({ what, points, run }) =>
    points.flatMap((point) =>
      Array.from({ length: ROUNDS }, () => ({
        name: `killed at ${point}: ${what}`,
        run: async (host: EquippedHost) => {
          await using sandbox = await host.sandbox();
          await run(point, { host, store, sandbox, call: { sandbox, conf: CONF } });
        },
      }))
    )
  );
  await runInLanes(lab.hosts, scenarios);
  assertEquals(await podKeys(store), []);
  await assertIndexed(store, "vlan100");
});

Deno.test("killed without etcd: the node's next calls finish what is left", async () => {
  await using lab = await startFaultBed();
  const all = OUTAGE_WAYS.flatMap((way) => way.points.map((point) => ({ way, point })));
  for (let begin = 0; begin < all.length * ROUNDS; begin += lab.hosts.length) {
    const some = lab.hosts.map((host, i) => ({ host, ...pick(all, begin + i) }));
    const sandboxes = new Map<EquippedHost, Sandbox>();
    const onAll = async (step: (it: Case, which: typeof some[number]) => Promise<void>) => {
      await using store = await openLabStore(lab);
      throwAll(
        await Promise.allSettled(some.map(async (which) => {
          const { host, way, point } = which;
          const sandbox = sandboxes.get(host) ?? await host.sandbox();
          sandboxes.set(host, sandbox);
          await step({ host, store, sandbox, call: { sandbox, conf: CONF } }, which).catch(
            (cause) => {
              throw new Error(`${host.name}: killed at ${point}: ${way.what}`, { cause });
            },
          );
        })),
      );
    };
    await onAll(async (it) => void await add(it));
    await lab.etcd.kill(0);
    await onAll((it, { way, point }) => way.without(point, it));
    await lab.etcd.restart(0);
    await onAll((it, { way, point }) => way.after(point, it));
    for (const sandbox of sandboxes.values()) await sandbox.remove();
  }
  await using store = await openLabStore(lab);
  assertEquals(await podKeys(store), []);
  await assertIndexed(store, "vlan100");
});

function pick<T>(items: readonly T[], index: number): T {
  const item = items[index % items.length];
  if (item === undefined) throw new Error("there is none");
  return item;
}
