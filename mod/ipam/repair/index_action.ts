/**
 * Actions on the free index. Entries are hints: each part may be cut off from the next, and every
 * one that is written is under the compare that the addresses which it offers are free.
 *
 * @module
 */

import { type Compare, type Operation, underPrefix } from "../../etcd/store.ts";
import type { Range } from "../../ip/range.ts";
import type { NetworkSpec } from "../../model/network.ts";
import type { EntryRef } from "../check/free_group.ts";
import { cutIntervals, putInterval } from "../free.ts";
import { addressPrefix, freePrefix, keysOfRange } from "../keys.ts";
import { cleanIndex } from "../network_index.ts";
import { type Action, ORDER, type Outcome, type RepairTools } from "./action.ts";
import { applyChanges, type Change, ifAt, type Subject } from "./store_action.ts";

/** Entries of one transaction; each has a compare and up to two changes. */
const BATCH = 40;

interface OfferInput {
  readonly subject: Subject;
  readonly network: string;
  /** Holds while the network is the one that the finding saw. */
  readonly held: Compare;
  /** Entries that go. */
  readonly broken: readonly EntryRef[];
  /** Free addresses that get entries. */
  readonly lost: readonly Range[];
  /** For the keys of intervals: unique to this repair; of a-z, 0-9 and `-`. */
  readonly tag: string;
  readonly steps: readonly string[];
}

/** Removes entries, and writes others for free addresses that none offers. */
export function offerAction(input: OfferInput): Action {
  return { steps: input.steps, order: ORDER.index, apply: (tools) => offer(tools, input) };
}

async function offer(tools: RepairTools, input: OfferInput): Promise<Outcome> {
  const { subject, network, held, broken, lost, tag } = input;
  let outcome: Outcome = "done";
  const run = async (compare: readonly Compare[], changes: readonly Change[]): Promise<void> => {
    const part = await applyChanges(tools, { compare: [held, ...compare], changes }, subject);
    if (part === "changed") outcome = "changed";
  };
  for (let i = 0; i < broken.length; i += BATCH) {
    const part = broken.slice(i, i + BATCH);
    await run(
      part.map(({ key, modRevision }) => ifAt(key, modRevision)),
      part.map(({ key }) => ({ delete: key })),
    );
  }
  // Pieces of one size, as an edit cuts them: at most 4,096 more keys.
  const pieces = cutIntervals(lost);
  for (let i = 0; i < pieces.length; i += BATCH) {
    const part = pieces.slice(i, i + BATCH);
    await run(
      part.map((range): Compare => ({
        ...keysOfRange(addressPrefix(network, range.family), range),
        target: "create",
        op: "=",
        revision: 0,
      })),
      part.flatMap((range, index) =>
        changesOf([putInterval(network, range, `${tag}-${(i + index).toString(36)}`)])
      ),
    );
  }
  return outcome;
}

function changesOf(operations: readonly Operation[]): readonly Change[] {
  return operations.flatMap((operation) =>
    "put" in operation ? [{ put: operation.put, value: operation.value }] : []
  );
}

/** Cuts all entries of the network to what it hands out. */
export function cleanIndexAction(input: {
  readonly subject: Subject;
  readonly network: string;
  readonly spec: NetworkSpec;
  readonly held: Compare;
  readonly tag: string;
}): Action {
  const { subject, network, spec, held, tag } = input;
  return {
    steps: [`cut the entries of network ${network} to what it hands out`],
    order: ORDER.index,
    apply: async ({ ipam, journal }) => {
      journal.write({ kind: "other", ...subject, undo: [] });
      return await cleanIndex(ipam.store, { network, spec, held, tag }) ? "done" : "changed";
    },
  };
}

/** Removes the whole index of a network that does not exist. */
export function dropIndexAction(input: {
  readonly subject: Subject;
  readonly network: string;
  readonly compare: readonly Compare[];
  readonly keys: readonly string[];
}): Action {
  const { subject, network, compare, keys } = input;
  return {
    steps: [`remove the free index of network ${network}`],
    order: ORDER.index,
    apply: async ({ ipam, journal }) => {
      journal.write({ kind: "other", ...subject, undo: [] });
      const { succeeded } = await ipam.store.txn({
        compare,
        success: [
          ...([4, 6] as const).map((family): Operation => ({
            delete: underPrefix(freePrefix(network, family)),
          })),
          ...keys.map((key): Operation => ({ delete: { key } })),
        ],
      });
      return succeeded ? "done" : "changed";
    },
  };
}
