/**
 * ADD's half of IPAM: addresses of both families, attachment, MAC, owner and history in ONE
 * transaction (rule 1). How candidates are chosen is a hint; what makes an address unique is the
 * commit's compare that its key is absent, or unchanged for its owner.
 *
 * @module
 */

import { FabricError, isKind } from "../error.ts";
import { formatHolder } from "../model/identity.ts";
import { coolingSeconds, type Network } from "../model/network.ts";
import { AttachmentRecordSchema, type OwnerRecord } from "../model/records.ts";
import { commitAdd, type CommitOutcome, type Draft } from "./allocate_commit.ts";
import { type AddState, reachableNetwork, readState, type StateRequest } from "./allocate_state.ts";
import { type AllocateRequest, type Allocation, allocationOf } from "./allocation.ts";
import { checkAllowed } from "./allowed.ts";
import { endEarlierBoots } from "./boot.ts";
import { avoidKey, type Candidate } from "./candidate.ts";
import type { IpamContext } from "./context.ts";
import { admitMachine } from "./admit.ts";
import { findCandidate } from "./find.ts";
import { endedHolder, type OldHolder } from "./holder.ts";
import { attachmentKey } from "./keys.ts";
import { leavingAddresses } from "./owned.ts";
import { isSameStore, storeChanged } from "./known.ts";
import { planAddresses, type Source } from "./plan.ts";
import { allocatable, networkPools } from "./pool.ts";
import { quotaCompares } from "./quota.ts";
import { recorded } from "./recorded.ts";
import { release } from "./release.ts";
import { checkOwned, takenAddress } from "./taken.ts";
import { decodeRecord } from "./stored.ts";
import { pause } from "../timer.ts";

/** Commits that one ADD may lose before it answers `try-again`. */
const MAX_COMMITS = 64;
/** How often the end of an old holder is looked for. */
const HOLDER_POLL_MS = 200;
/** Commits of unknown outcome before it gives up. */
const MAX_UNKNOWN = 2;
/** A young owner was written less often than this: by an ADD that failed, its DEL, and the next one. */
const YOUNG_VERSIONS = 4;

/**
 * Gives the attachment its addresses. Called again for the same attachment it answers the same.
 *
 * @throws {FabricError} `not-found`, `invalid` (the request), `exhausted`, `try-again` (cooling, an
 * old holder that has not ended), `conflict` (address or MAC of somebody else), `store-changed`,
 * `schema`, `unavailable`, `unknown-outcome` (its tombstone stands, or the runtime's DEL settles it).
 */
export async function allocate(
  context: IpamContext,
  request: AllocateRequest,
): Promise<Allocation> {
  const { stateRequest, state } = await firstRead(context, request);
  const { known } = request;
  if (known !== undefined && !isSameStore(known, state.header)) {
    throw storeChanged(known, state.header);
  }
  admitMachine(request.attachment, request.machineId, state.node.value);
  const existing = state.attachment.value;
  if (existing !== undefined) return await recorded(context, { request, state, record: existing });
  admitMachine(request.attachment, request.machineId, state.node.value);
  const ended = await endEarlierBoots(context, request, state);
  const first = ended ? await readState(context.store, stateRequest, context.random) : state;
  return await commitLoop(context, { request, stateRequest, first });
}

/** The networks of the list are read side by side; the first that reaches the zone counts. */
async function firstRead(
  context: IpamContext,
  request: AllocateRequest,
): Promise<{ stateRequest: StateRequest; state: AddState }> {
  if (request.networks.length === 0) {
    throw new FabricError("invalid", "No network is named for this interface", {
      field: "network",
      remedy: "set network in the conflist or defaultNetwork in the node's configuration",
    });
  }
  const reads = await Promise.all(request.networks.map(async (network) => {
    const stateRequest = {
      network,
      zone: request.zone,
      attachment: request.attachment,
      owner: request.owner,
    };
    return { stateRequest, state: await readState(context.store, stateRequest, context.random) };
  }));
  let fault: unknown;
  for (const read of reads) {
    if (read.state.attachment.value !== undefined) return read;
    try {
      reachableNetwork(read.stateRequest, read.state);
      return read;
    } catch (error) {
      fault ??= error;
    }
  }
  throw fault;
}

interface LoopInput {
  readonly request: AllocateRequest;
  readonly stateRequest: StateRequest;
  readonly first: AddState;
}

async function commitLoop(context: IpamContext, input: LoopInput): Promise<Allocation> {
  const { request, stateRequest, first } = input;
  const avoid = new Set<string>();
  const deadline = context.now() + (request.waitForHolderMs ?? 0);
  let state = first;
  let old: OldHolder | undefined;
  let macAttempt = 0;
  let unknown = 0;
  for (let commits = 0; commits < MAX_COMMITS;) {
    const network = reachableNetwork(stateRequest, state);
    admitMachine(request.attachment, request.machineId, state.node.value);
    const { user } = request;
    if (user !== undefined && request.mustBeAllowed === true) checkAllowed(network, user);
    const owner = state.owner.value;
    old = undefined;
    if (owner !== undefined && (owner.holder !== undefined || leavingAddresses(owner).length > 0)) {
      old = await endedHolder(context, {
        owner: { ...state.owner, value: owner },
        network,
        self: request,
      });
      if (old === undefined) {
        state = await waitForHolder(context, { request, stateRequest, owner, deadline });
        continue;
      }
    }
    const pools = networkPools(network.spec);
    const sources = planAddresses(network, pools, { given: request.addresses ?? [], owner });
    const candidates = await Promise.all(
      sources.map((source) => candidateOf(context, { source, network, state, avoid })),
    );
    const adds = user !== undefined && !sources.some(({ kind }) => kind === "owned");
    const quota = adds ? await quotaCompares(context, { network, user }) : [];
    const draft: Draft = {
      request,
      network,
      pools,
      state,
      firstRevision: first.header.revision,
      candidates,
      owned: sources.filter((s) => s.kind === "owned").map((s) => s.address),
      ids: candidates.map(() => context.newId()),
      macAttempt,
      oldHolder: old,
      quota,
    };
    commits++;
    const outcome = await commitOrSettle(context, { draft, stateRequest });
    if (outcome.kind === "committed") {
      return allocationOf(network, outcome.record, {
        existing: false,
        again: first.tombstoneRevision > 0,
        youngOwner: request.owner !== undefined && state.owner.version < YOUNG_VERSIONS,
        header: outcome.header,
        transactions: commits,
      });
    }
    if (outcome.kind === "unknown") {
      if (++unknown >= MAX_UNKNOWN) await giveUp(context, request, outcome.error);
      state = await readState(context.store, stateRequest, context.random);
    } else {
      await checkLoss(context, { request, network, sources, avoid: outcome.avoid, state });
      for (const key of outcome.avoid) avoid.add(key);
      if (outcome.macTaken) macAttempt = nextMac(request, macAttempt, outcome.macTaken);
      state = outcome.state;
    }
    checkStillWanted(request, first, state);
    if (state.attachment.value !== undefined) {
      return await recorded(context, { request, state, record: state.attachment.value });
    }
  }
  throw new FabricError("try-again", `Lost ${MAX_COMMITS} races for an address of the network`, {
    remedy: "the runtime tries again; if it persists, run fabric-admin check",
  });
}

/**
 * A race for any free address is tried again; an address that was asked for is not to be had, and
 * an owner whose addresses are not at its own revision is damage.
 */
async function checkLoss(
  context: IpamContext,
  input: {
    readonly request: AllocateRequest;
    readonly network: Network;
    readonly sources: readonly Source[];
    readonly avoid: readonly string[];
    readonly state: AddState;
  },
): Promise<void> {
  const { network, sources, avoid, state } = input;
  const name = network.metadata.name;
  for (const source of sources) {
    if (source.kind === "any") continue;
    const isTaken = avoid.includes(avoidKey(source.address));
    if (source.kind === "given" && isTaken) {
      throw await takenAddress(context, { network: name, address: source.address });
    }
    const owner = input.request.owner;
    if (source.kind !== "owned" || owner === undefined) continue;
    await checkOwned(context, { network: name, address: source.address, owner, state });
  }
}

/** A tombstone newer than the first read: a DEL came, and this ADD is over. */
function checkStillWanted(request: AllocateRequest, first: AddState, state: AddState): void {
  if (state.tombstoneRevision <= first.header.revision) return;
  throw new FabricError(
    "conflict",
    `Container ${request.attachment.containerId} was deleted while its ADD was under way`,
    { details: { reason: "deleted" } },
  );
}

function nextMac(request: AllocateRequest, attempt: number, taken: string): number {
  if (request.mac === undefined) return attempt + 1;
  throw new FabricError("conflict", `MAC address ${request.mac} is taken in this segment`, {
    field: "mac",
    value: request.mac,
    remedy: `choose another, or release it from ${taken}`,
  });
}

async function candidateOf(
  context: IpamContext,
  input: {
    readonly source: Source;
    readonly network: Network;
    readonly state: AddState;
    readonly avoid: ReadonlySet<string>;
  },
): Promise<Candidate> {
  const { source, network, state, avoid } = input;
  if (source.kind !== "any") return { address: source.address, entry: undefined };
  return await findCandidate(context, {
    network,
    family: source.family,
    entries: state.free[source.family],
    choice: {
      allocatable: allocatable(network.spec, source.family),
      avoid,
      coolingMs: coolingSeconds(network.spec) * 1000,
      now: context.now(),
      random: context.random,
    },
  });
}

/** Commits; an unknown outcome is read back by allocation id: finding it is proof (rule 3). */
async function commitOrSettle(
  context: IpamContext,
  input: { readonly draft: Draft; readonly stateRequest: StateRequest },
): Promise<CommitOutcome | { readonly kind: "unknown"; readonly error: FabricError }> {
  try {
    return await commitAdd(context, input);
  } catch (error) {
    if (!isKind(error, "unknown-outcome")) throw error;
    const { request } = input.draft;
    const read = await context.store.range({ key: attachmentKey(request.attachment) });
    const kv = read.kvs[0];
    const record = kv === undefined ? undefined : decodeRecord(AttachmentRecordSchema, kv);
    if (record !== undefined && record.addresses[0]?.id === input.draft.ids[0]) {
      return { kind: "committed", header: read.header, record };
    }
    return { kind: "unknown", error };
  }
}

/** Makes every late copy of the commits fail, then answers with the error. */
async function giveUp(
  context: IpamContext,
  request: AllocateRequest,
  error: FabricError,
): Promise<never> {
  await release(context, request.attachment, { endedBy: "undo" });
  throw error;
}

async function waitForHolder(
  context: IpamContext,
  input: {
    readonly request: AllocateRequest;
    readonly stateRequest: StateRequest;
    readonly owner: OwnerRecord;
    readonly deadline: number;
  },
): Promise<AddState> {
  const { request, stateRequest, owner, deadline } = input;
  if (context.now() >= deadline) {
    const addresses = owner.addresses.map((a) => a.address).join(", ");
    const holder = owner.holder === undefined ? "nobody" : formatHolder(owner.holder);
    throw new FabricError(
      "try-again",
      `Fixed address ${addresses} is still held by ${holder}`,
      {
        remedy: "it moves when that sandbox is deleted on its node, or the node is fenced",
        details: { reason: "holder", holder: owner.holder, attachment: request.attachment },
      },
    );
  }
  await pause(HOLDER_POLL_MS);
  return await readState(context.store, stateRequest, context.random);
}
