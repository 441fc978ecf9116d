/**
 * The reclaimer: ends the ownership of addresses whose workload is gone. Nothing is ended on one
 * observation or on an error (rule 6): the workload must be gone at two looks, as far apart as its
 * `reclaim` says, and the owner must not have changed in between. A holder is never ended here: that
 * is up to its own node, or a fence.
 *
 * @module
 */

import { asFabricError, type FabricError, isKind } from "../../error.ts";
import { readPages } from "../../etcd/pages.ts";
import { type Compare, underPrefix } from "../../etcd/store.ts";
import type { KubeClient } from "../../kube/client.ts";
import { formatOwner, type OwnerRef, type WorkloadRef } from "../../model/identity.ts";
import { OwnerRecordSchema } from "../../model/records.ts";
import type { IpamContext } from "../context.ts";
import { unfixAddresses } from "../fix.ts";
import { PREFIXES } from "../keys.ts";
import { decodeRecord } from "../stored.ts";
import { checkCluster } from "./cluster.ts";
import { type Presence, presenceOf } from "./presence.ts";

/** Of an ownership without a word of its own. */
export const DEFAULT_GRACE_SECONDS = 600;
/** Two looks are at least so far apart, also where a workload's ownership ends at once. */
export const MIN_GRACE_MS = 5_000;

/** An ownership whose workload was gone when it was looked for. */
interface Observation {
  /** Milliseconds since the epoch. */
  readonly since: number;
  /** Of the owner's key. */
  readonly modRevision: number;
}

/** What is remembered between two looks; it is lost with the process, which only delays. */
export type Observations = Map<string, Observation>;

/** An ownership that was ended. */
export interface Reclaimed {
  readonly owner: OwnerRef;
  readonly network: string;
  readonly addresses: readonly string[];
}

/** What one look came to. */
export interface ReclaimReport {
  /** Owners without a holder that were looked at. */
  readonly looked: number;
  /** Workloads that are gone, whose grace is not over. */
  readonly waiting: number;
  readonly ended: readonly Reclaimed[];
  /** Why the look ended early; what was not looked at stays as it is. */
  readonly error: FabricError | undefined;
}

export interface ReclaimInput {
  readonly client: KubeClient;
  readonly cluster: string;
  readonly observations: Observations;
  /** Must hold for everything that is changed. */
  readonly guard: Compare;
}

interface Candidate {
  readonly key: string;
  readonly owner: OwnerRef;
  readonly network: string;
  readonly addresses: readonly string[];
  readonly modRevision: number;
  readonly graceMs: number;
}

/** Looks once, and ends what may be ended. Never throws. */
export async function reclaimOnce(
  context: IpamContext,
  input: ReclaimInput,
): Promise<ReclaimReport> {
  const ended: Reclaimed[] = [];
  let looked = 0;
  let waiting = 0;
  try {
    await checkCluster(context, input.client, input.cluster);
    // Addresses before Pods: what is made from now on is none of these.
    const candidates = await listCandidates(context, input.cluster);
    forget(input.observations, candidates);
    const presences = new Map<string, Presence>();
    for (const candidate of candidates) {
      looked++;
      const presence = await lookUp(presences, input.client, candidate.owner);
      if (presence !== "gone") {
        input.observations.delete(candidate.key);
      } else if (!isDue(context, input.observations, candidate)) {
        waiting++;
      } else {
        await checkCluster(context, input.client, input.cluster);
        if (await endOwnership(context, input, candidate)) ended.push(candidate);
      }
    }
    return { looked, waiting, ended, error: undefined };
  } catch (error) {
    return { looked, waiting, ended, error: asFabricError(error) };
  }
}

async function listCandidates(
  { store }: IpamContext,
  cluster: string,
): Promise<readonly Candidate[]> {
  const candidates: Candidate[] = [];
  for await (const page of readPages(store, underPrefix(PREFIXES.owners))) {
    for (const kv of page) {
      const { owner, holder, network, addresses, reclaim = DEFAULT_GRACE_SECONDS } = decodeRecord(
        OwnerRecordSchema,
        kv,
      );
      if (owner.cluster !== cluster || holder !== undefined || reclaim === "never") continue;
      candidates.push({
        key: kv.key,
        owner,
        network: network.name,
        addresses: addresses.map(({ address }) => address),
        modRevision: kv.modRevision,
        graceMs: Math.max(reclaim * 1000, MIN_GRACE_MS),
      });
    }
  }
  return candidates;
}

/** Observations of owners that have a holder again, or are gone, begin anew. */
function forget(observations: Observations, candidates: readonly Candidate[]): void {
  const now = new Map(candidates.map(({ key, modRevision }) => [key, modRevision]));
  for (const [key, { modRevision }] of observations) {
    if (now.get(key) !== modRevision) observations.delete(key);
  }
}

async function lookUp(
  presences: Map<string, Presence>,
  client: KubeClient,
  { cluster, group, kind, namespace, name }: WorkloadRef,
): Promise<Presence> {
  const workload = { cluster, group, kind, namespace, name };
  const key = JSON.stringify(workload);
  const known = presences.get(key);
  if (known !== undefined) return known;
  const presence = await presenceOf(client, workload);
  presences.set(key, presence);
  return presence;
}

/** True where the workload was gone before already, long enough ago. */
function isDue(
  { now }: IpamContext,
  observations: Observations,
  { key, modRevision, graceMs }: Candidate,
): boolean {
  const before = observations.get(key);
  if (before === undefined) {
    observations.set(key, { since: now(), modRevision });
    return false;
  }
  return now() - before.since >= graceMs;
}

/** False where somebody was faster: then it is looked at anew. */
async function endOwnership(
  context: IpamContext,
  { observations, guard }: ReclaimInput,
  { key, owner, network, modRevision }: Candidate,
): Promise<boolean> {
  observations.delete(key);
  try {
    await unfixAddresses(context, {
      network,
      owner,
      guard: [guard, { key, target: "mod", op: "=", revision: modRevision }],
    });
    return true;
  } catch (error) {
    if (isKind(error, "try-again")) return false;
    throw error;
  }
}

/** One line for people. */
export function describeReclaimed({ owner, network, addresses }: Reclaimed): string {
  return `${addresses.join(", ")} of network ${network} is free again: ${
    formatOwner(owner)
  } is gone`;
}
