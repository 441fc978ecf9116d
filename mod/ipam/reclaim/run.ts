/**
 * The reclaimer as a process that stays runs it: it waits for its turn, looks every half minute, and
 * begins anew after whatever failed.
 *
 * @module
 */

import { asFabricError } from "../../error.ts";
import type { KubeClient } from "../../kube/client.ts";
import { pause } from "../../timer.ts";
import type { IpamContext } from "../context.ts";
import { becomeLeader, type Leadership } from "./leader.ts";
import {
  describeReclaimed,
  type Observations,
  type Reclaimed,
  reclaimOnce,
  type ReclaimReport,
} from "./reclaim.ts";

export interface RunReclaimerOptions {
  readonly cluster: string;
  /** Who we are, for people who look at the key. */
  readonly who: string;
  /** Opened anew for every look: credentials change while a process stays. */
  readonly openClient: () => Promise<KubeClient>;
  readonly signal: AbortSignal;
  /** Default 30 s. */
  readonly everyMs?: number;
  readonly onLook?: (report: ReclaimReport) => void;
  /** For the log, and the audit. */
  readonly onEnded: (what: Reclaimed, text: string) => void;
  readonly onFault: (text: string) => void;
}

const EVERY_MS = 30_000;
/** Well within the lease. */
const KEEP_MS = 8_000;

/** Runs until the signal; never throws. */
export async function runReclaimer(
  context: IpamContext,
  options: RunReclaimerOptions,
): Promise<void> {
  const { signal, everyMs = EVERY_MS } = options;
  const observations: Observations = new Map();
  while (!signal.aborted) {
    try {
      const leadership = await becomeLeader(context.store, options);
      if (leadership === undefined) observations.clear();
      else await lead(context, leadership, { ...options, observations });
    } catch (error) {
      options.onFault(`the reclaimer begins anew: ${asFabricError(error).message}`);
    }
    await pause(Math.min(everyMs, KEEP_MS), signal);
  }
}

async function lead(
  context: IpamContext,
  leadership: Leadership,
  options: RunReclaimerOptions & { readonly observations: Observations },
): Promise<void> {
  const { signal, everyMs = EVERY_MS, observations, cluster } = options;
  try {
    while (!signal.aborted) {
      using client = await options.openClient();
      const { guard } = leadership;
      const report = await reclaimOnce(context, { client, cluster, observations, guard });
      options.onLook?.(report);
      for (const ended of report.ended) options.onEnded(ended, describeReclaimed(ended));
      if (report.error !== undefined) {
        options.onFault(`nothing is reclaimed: ${report.error.message}`);
      }
      const until = context.now() + everyMs;
      while (!signal.aborted && context.now() < until) {
        if (!await leadership.keep()) return;
        await pause(Math.min(KEEP_MS, Math.max(1, until - context.now())), signal);
      }
    }
  } finally {
    await leadership.resign().catch((error) =>
      options.onFault(`the reclaimer's lease ends by itself: ${asFabricError(error).message}`)
    );
  }
}
