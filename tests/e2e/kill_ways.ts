/**
 * Where the plugin is killed, and what happens then.
 *
 * @module
 */

import { assert } from "@std/assert";
import {
  ADD_FAULT_POINTS,
  DEL_FAULT_POINTS,
  GC_FAULT_POINTS,
  UNDO_FAULT_POINTS,
} from "../../cni/fault_points.ts";
import { resultOf } from "./by_hand.ts";
import {
  add,
  addAgain,
  type Case,
  del,
  delAndLook,
  GC_CONF,
  gcAndLook,
  giveOtherRoute,
  killedAt,
  liveAgain,
  makeAddFail,
} from "./kill_case.ts";

/** A scenario at a fault point; `points` are those of one of the lists. */
export interface Way {
  readonly what: string;
  readonly points: readonly string[];
  readonly run: (point: string, it: Case) => Promise<void>;
}

/** All ways in which etcd is there. */
export const WAYS: readonly Way[] = [
  {
    what: "DEL, and the same container again",
    points: ADD_FAULT_POINTS,
    run: async (point, it) => {
      await giveOtherRoute(it.sandbox);
      await killedAt(point, "ADD", it);
      await delAndLook(it);
      await liveAgain(it);
    },
  },
  {
    what: "ADD again without a DEL",
    points: ADD_FAULT_POINTS,
    run: async (point, it) => {
      await killedAt(point, "ADD", it);
      await addAgain(it);
      await delAndLook(it);
    },
  },
  {
    what: "ADD killed there once more, DEL twice",
    points: ADD_FAULT_POINTS,
    run: async (point, it) => {
      await killedAt(point, "ADD", it);
      // It may stop before that point, at what the first one left.
      const env = { FABRIC_FAULT: `${point}:kill` };
      const answer = await it.host.fabric("ADD", { ...it.call, env });
      assert([1, 137].includes(answer.code), answer.stdout);
      await delAndLook(it);
      await del(it);
    },
  },
  { what: "GC", points: ADD_FAULT_POINTS, run: killAddThenGc },
  {
    what: "DEL, and the same container again",
    points: UNDO_FAULT_POINTS,
    run: async (point, it) => {
      await makeAddFail(it);
      await killedAt(point, "ADD", it);
      await delAndLook(it);
      await it.sandbox.execOk("ip link del net0");
      await liveAgain(it);
    },
  },
  {
    what: "GC",
    points: UNDO_FAULT_POINTS,
    run: async (point, it) => {
      await makeAddFail(it);
      await killAddThenGc(point, it);
    },
  },
  {
    what: "DEL twice more, and the same container again",
    points: DEL_FAULT_POINTS,
    run: async (point, it) => {
      await add(it);
      await killedAt(point, "DEL", it);
      await delAndLook(it);
      await del(it);
      await liveAgain(it);
    },
  },
  {
    what: "DEL killed there once more, and another",
    points: DEL_FAULT_POINTS,
    run: async (point, it) => {
      await giveOtherRoute(it.sandbox);
      await add(it);
      await killedAt(point, "DEL", it);
      await killedAt(point, "DEL", it);
      await delAndLook(it);
    },
  },
  {
    what: "ADD again without a DEL that ended",
    points: DEL_FAULT_POINTS,
    run: async (point, it) => {
      await add(it);
      await killedAt(point, "DEL", it);
      await addAgain(it);
      await delAndLook(it);
    },
  },
  {
    what: "GC",
    points: DEL_FAULT_POINTS,
    run: async (point, it) => {
      await add(it);
      await killedAt(point, "DEL", it);
      await gcAndLook(it);
    },
  },
  {
    what: "another GC",
    points: GC_FAULT_POINTS,
    run: async (point, it) => {
      await using other = await it.host.sandbox();
      for (const sandbox of [it.sandbox, other]) {
        resultOf(await it.host.fabric("ADD", { ...it.call, sandbox }));
        await sandbox.remove();
      }
      await killedAt(point, "GC", { ...it, call: { conf: GC_CONF } });
      await gcAndLook(it);
    },
  },
];

async function killAddThenGc(point: string, it: Case): Promise<void> {
  await killedAt(point, "ADD", it);
  await gcAndLook(it);
}
