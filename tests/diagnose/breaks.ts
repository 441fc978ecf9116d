/**
 * Breaking a layer for real, seeing exactly that layer named, and mending it.
 *
 * @module
 */

import { assert, assertEquals, assertLess, assertMatch } from "@std/assert";
import type { Place } from "../lab/mod.ts";
import { diagnose, hostEnd, type PodsBed, startPodsBed } from "./bed.ts";

/** Something that breaks, and how it is mended. */
export interface Break {
  readonly what: string;
  readonly layer: string;
  /** What is said of it. */
  readonly says: RegExp;
  readonly args?: (bed: PodsBed) => readonly string[];
  readonly break: (bed: PodsBed) => Promise<unknown>;
  readonly mend: (bed: PodsBed) => Promise<unknown>;
}

/** The switch's device of the first host's cable. */
export const UPLINK_AT_SWITCH = "host1-prod";
/** The router's leg in VLAN 100. */
export const LEG = "prod.100";

type BreakAndMend = Pick<Break, "break" | "mend">;

/** A script before and one after, at one place. */
export function scripts(
  place: (bed: PodsBed) => Place,
  text: (bed: PodsBed) => readonly [string, string],
): BreakAndMend {
  return {
    break: (bed) => place(bed).execOk(text(bed)[0]),
    mend: (bed) => place(bed).execOk(text(bed)[1]),
  };
}

/** On the pod's host. */
export const onHost = (
  text: (port: string, bed: PodsBed) => readonly [string, string],
): BreakAndMend => scripts(({ host }) => host, (bed) => text(hostEnd(bed.a), bed));
/** Inside the pod. */
export const inPod = (
  text: (bed: PodsBed) => readonly [string, string],
): BreakAndMend => scripts(({ a }) => a, text);
/** Beyond the router. */
export const toServer = (): readonly string[] => ["--to", "10.200.0.10"];

/** A test of all of them, on one lab, for the file that lists them to register; in the end the way is sound again to each of `sound`. */
export function breaksTest(
  { breaks, sound }: { readonly breaks: readonly Break[]; readonly sound: readonly string[] },
): (t: Deno.TestContext) => Promise<void> {
  return async (t) => {
    await using bed = await startPodsBed();
    const { host } = bed;
    const isSound = async (args: readonly string[]) => {
      const { broken, says, sound, code } = await diagnose(host, "pod", "web/a", ...args);
      assertEquals([args, broken, says, sound, code], [args, undefined, "", true, 0]);
    };
    await isSound([]);
    for (const one of breaks) {
      await t.step(one.what, async () => {
        await one.break(bed);
        try {
          const found = await diagnose(host, "pod", "web/a", ...one.args?.(bed) ?? []);
          assertEquals([found.broken, found.code], [one.layer, 3], JSON.stringify(found.report));
          assertMatch(found.says, one.says);
          assertLess(found.durationMs, 30_000);
          const step = found.report.ways.flatMap(({ path }) => path)
            .find(({ layer, status }) => layer === one.layer && status === "broken");
          assert(step?.proof !== undefined && step.remedy !== undefined);
        } finally {
          await one.mend(bed);
        }
      });
    }
    await t.step("what was mended is sound again", async () => {
      await isSound([]);
      for (const to of sound) await isSound(["--to", to]);
    });
  };
}
