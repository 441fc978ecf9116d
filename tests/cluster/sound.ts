/**
 * Whether the store, the nodes and the switches agree.
 *
 * @module
 */

import * as v from "valibot";
import { type EquippedHost, eventually } from "../lab/mod.ts";
import type { Cluster } from "./cluster.ts";

const Report = v.object({
  findings: v.array(v.looseObject({ code: v.string(), severity: v.string() })),
});

/** What a check of a host's fabric-admin finds. */
export async function findingsOf(
  host: EquippedHost,
  {
    what = [],
    env = {},
  }: { readonly what?: readonly string[]; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<v.InferOutput<typeof Report>["findings"]> {
  const { stdout } = await host.admin(["check", ...what, "-o", "json"], { env });
  return v.parse(Report, JSON.parse(stdout)).findings;
}

/**
 * Errors of check on all nodes are none. After a boot there may be warnings for a minute: ports of
 * dead sandboxes stay in the switch's database until the kubelet calls their DEL.
 */
export async function untilSound(cluster: Cluster): Promise<void> {
  let errors: readonly unknown[] = [];
  try {
    await eventually("check finds no error on any node", async () => {
      const reports = await Promise.all(cluster.nodes.map(({ host }) => findingsOf(host)));
      errors = reports.flat().filter(({ severity }) => severity === "error");
      return errors.length === 0;
    }, { timeoutMs: 60_000 });
  } catch (error) {
    throw new Error(`${error}\n${JSON.stringify(errors)}`);
  }
}
