/**
 * A free address of one family: in the window that was read with the state, else in further ones,
 * and in the end by walking the whole index, so that the last free address is found and "exhausted"
 * is only said when it is so.
 *
 * @module
 */

import { FabricError } from "../error.ts";
import type { Store } from "../etcd/store.ts";
import { underPrefix } from "../etcd/store.ts";
import type { Family } from "../ip/address.ts";
import type { Network } from "../model/network.ts";
import { type Candidate, type Choice, type ChoiceOptions, chooseCandidate } from "./candidate.ts";
import type { IpamContext } from "./context.ts";
import { type FreeEntry, parseFreeEntry, wholeRing } from "./free.ts";
import { keysOf } from "./allocate_state.ts";
import { freePrefix } from "./keys.ts";
import { networkUsage } from "./usage.ts";

/** Keys per page when the whole index is walked. */
const PAGE = 256;
/** Pages that one ADD walks before it answers `try-again`: more than a fully fragmented /16 has. */
const MAX_PAGES = 320;

export interface FindRequest {
  readonly network: Network;
  readonly family: Family;
  /** What the window showed. */
  readonly entries: readonly FreeEntry[];
  readonly choice: ChoiceOptions;
}

/**
 * @throws {FabricError} `exhausted`, or `try-again` where cooling addresses will come back.
 */
export async function findCandidate(
  context: IpamContext,
  request: FindRequest,
): Promise<Candidate> {
  const { network, family, choice } = request;
  const name = network.metadata.name;
  const near = chooseCandidate(request.entries, choice);
  if (near.kind === "candidate") return near.candidate;
  const ring = await context.store.txn({ success: wholeRing(name, family, context.random()) });
  const far = chooseCandidate(parseAll(ring.results.flatMap(keysOf)), choice);
  if (far.kind === "candidate") return far.candidate;
  const last = await walkIndex(context.store, request);
  if (last.kind === "candidate") return last.candidate;
  throw await exhausted(context.store, { network, family, cooling: last.kind === "cooling" });
}

function parseAll(kvs: Parameters<typeof parseFreeEntry>[0][]): readonly FreeEntry[] {
  return kvs.flatMap((kv) => {
    const entry = parseFreeEntry(kv);
    return entry === undefined ? [] : [entry];
  });
}

async function walkIndex(store: Store, request: FindRequest): Promise<Choice> {
  const prefix = freePrefix(request.network.metadata.name, request.family);
  const { end } = underPrefix(prefix);
  let key = prefix;
  let cooling = false;
  for (let page = 0; page < MAX_PAGES; page++) {
    const response = await store.range({ key, end, limit: PAGE });
    const choice = chooseCandidate(parseAll([...response.kvs]), request.choice);
    if (choice.kind === "candidate") return choice;
    if (choice.kind === "cooling") cooling = true;
    const lastKey = response.kvs.at(-1)?.key;
    if (!response.more || lastKey === undefined) break;
    key = `${lastKey}\0`;
  }
  return { kind: cooling ? "cooling" : "none" };
}

/** Says of each subnet what it has and where it went, from counts alone. */
async function exhausted(
  store: Store,
  input: { readonly network: Network; readonly family: Family; readonly cooling: boolean },
): Promise<FabricError> {
  const { network, family } = input;
  const name = network.metadata.name;
  const usage = await networkUsage(store, network, { family });
  const text = usage.map((s) =>
    `subnet ${s.subnet}: capacity ${s.capacity}, in use ${s.used}, cooling ${s.cooling}, reserved ${s.reserved}`
  ).join("; ");
  const waiting = input.cooling || usage.some(({ cooling }) => cooling > 0);
  const subnets = usage.map((subnet) => ({ ...subnet, capacity: String(subnet.capacity) }));
  return new FabricError(
    waiting ? "try-again" : "exhausted",
    `Network ${name} has no free IPv${family} address (${text})`,
    {
      field: "network",
      value: name,
      remedy: waiting
        ? "cooling addresses come back by themselves"
        : "add a subnet or a range to the network, or release addresses",
      details: { reason: "exhausted", network: name, family, subnets },
    },
  );
}
