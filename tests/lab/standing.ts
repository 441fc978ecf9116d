/**
 * Labs that stand beside a terminal: a process holds each, and a file under /run tells others how to
 * enter it.
 *
 * @module
 */

import * as v from "valibot";
import { startTime } from "./holder.ts";
import type { Lab, Server } from "./lab.ts";

/** Where the files are; a lab `x` has `x.json`, and `x.log` where it was started in the background. */
export const LABS = "/run/fabric-lab";

const StandingSchema = v.object({
  name: v.string(),
  /** The process that holds it. */
  pid: v.number(),
  started: v.string(),
  /** Command that enters each place. */
  places: v.record(v.string(), v.array(v.string())),
  about: v.string(),
});
/** What is known of a lab that stands. */
export type Standing = v.InferOutput<typeof StandingSchema>;

/** Lets `scripts/lab` find a lab of this process; disposing of what it returns ends that. */
export async function announceLab(
  lab: Lab,
  options: {
    readonly name: string;
    readonly servers: readonly Server[];
    /** For people. */
    readonly about: string;
  },
): Promise<AsyncDisposable> {
  const { name, servers, about } = options;
  const places = [...lab.hosts, ...servers, lab.router, lab.switch, lab.management];
  const standing: Standing = {
    name,
    pid: Deno.pid,
    started: await startTime(Deno.pid) ?? "",
    places: Object.fromEntries(places.map((place) => [place.name, [...place.enter()]])),
    about,
  };
  await Deno.mkdir(LABS, { recursive: true, mode: 0o700 });
  const file = `${LABS}/${name}.json`;
  await Deno.writeTextFile(`${file}.new`, JSON.stringify(standing), { mode: 0o600 });
  await Deno.rename(`${file}.new`, file);
  // It may be gone: whoever ends the lab tidies up too.
  return { [Symbol.asyncDispose]: () => Deno.remove(file).catch(() => {}) };
}

/** What is known of a lab; undefined when it does not stand. What is left of one is removed. */
export async function readStanding(name: string): Promise<Standing | undefined> {
  const file = `${LABS}/${name}.json`;
  try {
    const standing = v.parse(StandingSchema, JSON.parse(await Deno.readTextFile(file)));
    if (await isStanding(standing)) return standing;
    await Deno.remove(file);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return undefined;
}

/** All labs that stand, by name. */
export async function readStandings(): Promise<readonly Standing[]> {
  const names: string[] = [];
  try {
    for await (const { name } of Deno.readDir(LABS)) {
      if (name.endsWith(".json")) names.push(name.slice(0, -".json".length));
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const standings = await Promise.all(names.sort().map(readStanding));
  return standings.filter((standing) => standing !== undefined);
}

/** True while its process lives. */
export async function isStanding({ pid, started }: Standing): Promise<boolean> {
  return await startTime(pid) === started;
}
