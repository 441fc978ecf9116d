/**
 * Repair: the plan is the findings of a check, in an order in which every step leaves the store no
 * worse, also when it is the last one.
 *
 * @module
 */

import { asFabricError, type FabricError, isKind } from "../../error.ts";
import type { Finding } from "../check/finding.ts";
import { timestamp } from "../context.ts";
import { META_ERA } from "../keys.ts";
import type { Action, Outcome, RepairTools } from "./action.ts";

/** A finding that repair does something about. */
export interface PlanItem {
  readonly finding: Finding;
  readonly action: Action;
}

/** What repair would do about the findings, in the order in which it does it. */
export function planRepair(findings: readonly Finding[]): readonly PlanItem[] {
  return findings.flatMap((finding) =>
    finding.action === undefined ? [] : [{ finding, action: finding.action }]
  ).sort((a, b) => a.action.order - b.action.order);
}

/** What became of one item; `failed` with the error. */
export interface Repaired {
  readonly item: PlanItem;
  readonly outcome: Outcome | "failed";
  readonly error?: FabricError;
}

/**
 * Applies the plan item by item; each looks again at what its finding saw. An item that fails does
 * not stop the others, unless etcd cannot be reached or did not answer.
 */
export async function* applyPlan(
  tools: RepairTools,
  plan: readonly PlanItem[],
): AsyncGenerator<Repaired> {
  if (plan.length === 0) return;
  await beginJournal(tools);
  for (const item of plan) {
    try {
      yield { item, outcome: await item.action.apply(tools) };
    } catch (cause) {
      const error = asFabricError(cause);
      yield { item, outcome: "failed", error };
      if (isKind(error, "unavailable", "unknown-outcome", "unauthenticated")) return;
    }
  }
}

/** Says of which store the journal is. */
async function beginJournal({ ipam, journal }: RepairTools): Promise<void> {
  const { header } = await ipam.store.range({ key: META_ERA });
  const { clusterId, revision } = header;
  journal.write({ kind: "repair", v: 1, at: timestamp(ipam), clusterId, revision });
}
