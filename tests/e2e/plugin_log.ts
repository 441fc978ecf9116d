/**
 * What the plugin wrote to its log on a host.
 *
 * @module
 */

import * as v from "valibot";
import type { EquippedHost } from "../lab/mod.ts";

const Line = v.looseObject({
  level: v.string(),
  message: v.string(),
  properties: v.looseObject({}),
});
export type LogLine = v.InferOutput<typeof Line>;

/** All lines, the oldest first; none where nothing was logged yet. */
export async function readPluginLog(host: EquippedHost): Promise<readonly LogLine[]> {
  const file = "/var/log/fabric/fabric.log";
  if (!await host.exists(file)) return [];
  return (await host.readFile(file)).trim().split("\n").map((line) =>
    v.parse(Line, JSON.parse(line))
  );
}

/** How often each verb was called; VERSION is not logged, STATUS for debugging only. */
export async function verbsCalled(host: EquippedHost): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {};
  for (const { message } of await readPluginLog(host)) {
    if (/^[A-Z]+$/.test(message)) counts[message] = (counts[message] ?? 0) + 1;
  }
  return counts;
}
