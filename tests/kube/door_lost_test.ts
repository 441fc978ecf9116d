/** A door that hangs, ends or is replaced: the API server is asked without it. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { stopProcess } from "../supervised.ts";
import { USERS } from "./bed.ts";
import {
  accountOf,
  type DoorBed,
  kindOf,
  labelOf,
  setLabel,
  SHOP,
  startKeeper,
  until,
  visit,
  withDoor,
} from "./door_fixture.ts";

Deno.test("a door in trouble", (t) =>
  withDoor(t, [
    ["is given up at once when it hangs", hung],
    ["is given up when it ends in the middle", killed],
    ["is done without when nobody is behind it, and opens again", dead],
    ["is opened by the keeper before when the next one is gone, and its token with it", rolledBack],
  ]));

async function hung(bed: DoorBed): Promise<void> {
  using before = await visit(bed, { silenceMs: 100 });
  assertEquals(await kindOf(before.client.get(SHOP)), "found");
  await stopProcess(bed.keeper.pid);
  try {
    using after = await visit(bed, { silenceMs: 100 });
    for (const visitor of [before, after]) {
      const start = performance.now();
      const kinds = await Promise.all([1, 2, 3].map(() => kindOf(visitor.client.get(SHOP))));
      const ms = performance.now() - start;
      assertEquals(kinds, ["found", "found", "found"]);
      assertEquals(visitor.byDoor(), -1);
      assertEquals(await kindOf(visitor.client.get(SHOP)), "found");
      // 200 ms and three reads, on a machine that may do other things, too.
      assert(ms < 5_000, `${ms} ms`);
      assertEquals(visitor.warnings.length, 1, "it is asked once");
      assertStringIncludes(visitor.warnings.join(), "silent for 200 ms");
    }
  } finally {
    Deno.kill(bed.keeper.pid, "SIGCONT");
  }
}

async function killed(bed: DoorBed): Promise<void> {
  using visitor = await visit(bed);
  await setLabel(bed, "killed");
  await bed.kube.pause();
  const reading = Promise.all([labelOf(visitor.client), labelOf(visitor.client)]);
  await new Promise((resolve) => setTimeout(resolve, 50));
  await bed.keeper.end();
  await until(() => visitor.byDoor() === -1);
  bed.kube.resume();
  assertEquals(await reading, ["killed", "killed"]);
}

async function dead(bed: DoorBed): Promise<void> {
  {
    using visitor = await visit(bed);
    assertEquals(await kindOf(visitor.client.get(SHOP)), "found");
    assertEquals(visitor.byDoor(), -1);
    assertStringIncludes(visitor.warnings.join(), "nobody is behind it");
  }
  bed.keeper = await startKeeper(bed.dir, accountOf(bed.kube, USERS.plugin));
  // Another one takes its place, and the end of the first takes nothing away.
  const first = bed.keeper;
  bed.keeper = await startKeeper(bed.dir, accountOf(bed.kube, USERS.plugin));
  Deno.kill(first.pid, "SIGTERM");
  await until(() => first.isOver());
  await first.end();
  using visitor = await visit(bed);
  assertEquals(await kindOf(visitor.client.get(SHOP)), "found");
  assertEquals([visitor.byDoor(), visitor.warnings], [1, []]);
}

async function rolledBack(bed: DoorBed): Promise<void> {
  const { kube, dir } = bed;
  const next = await startKeeper(dir, accountOf(kube, USERS.plugin));
  const kubeconfig = `${dir}/kubeconfig`;
  const mine = await Deno.readTextFile(kubeconfig);
  const { token } = accountOf(kube, USERS.plugin);
  await next.end();
  await Deno.writeTextFile(kubeconfig, mine.replace(token, "of-a-pod-that-is-gone"));
  await until(async () => await Deno.readTextFile(kubeconfig) === mine);
  await until(async () => {
    using visitor = await visit(bed);
    assertEquals(await kindOf(visitor.client.get(SHOP)), "found");
    return visitor.byDoor() === 1;
  });
}
