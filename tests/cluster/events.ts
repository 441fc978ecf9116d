/**
 * What a cluster tells of its objects.
 *
 * @module
 */

import { eventually } from "../lab/mod.ts";
import type { Cluster } from "./cluster.ts";

/** Waits for an Event of the object whose text matches. */
export async function untilTold(cluster: Cluster, name: string, pattern: RegExp): Promise<void> {
  const field = `--field-selector=involvedObject.name=${name}`;
  let said = "";
  try {
    await eventually(`an Event of ${name} says ${pattern}`, async () => {
      said = await cluster.kubectl("get", "events", "-A", field, "-o=jsonpath={.items[*].message}");
      return pattern.test(said);
    }, { timeoutMs: 60_000 });
  } catch (error) {
    throw new Error(`${error}\n${said}`);
  }
}
