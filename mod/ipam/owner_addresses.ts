/**
 * The one way in which the addresses of an owner change: a fix, a move, an annotation, REST. It is
 * one transaction, and may be repeated.
 *
 * A running holder keeps what it has until its DEL; the next ADD takes what the owner has then. So
 * an address that is given to an owner with a holder waits (`next`), one that is taken from it stays
 * with the holder (`leaving`), and the transaction that ends the holder frees that. At every moment
 * each address is recorded for exactly one owner, so none is handed out twice and none is lost.
 *
 * @module
 */

import { FabricError } from "../error.ts";
import type { Compare, KeyValue, Operation } from "../etcd/store.ts";
import { type Address, formatAddress, parseAddress } from "../ip/address.ts";
import { rangeContains } from "../ip/range.ts";
import { formatOwner, type Holder, type OwnerRef, sameOwner } from "../model/identity.ts";
import { coolingSeconds, type Network } from "../model/network.ts";
import {
  type AddressRecord,
  AddressRecordSchema,
  MacRecordSchema,
  type OwnedAddress,
  type OwnerRecord,
  OwnerRecordSchema,
} from "../model/records.ts";
import { keysOf } from "./allocate_state.ts";
import { type IpamContext, timestamp } from "./context.ts";
import { singleKey } from "./free.ts";
import { addressKey, macKey, META_ERA, networkKey, ownerKey } from "./keys.ts";
import { withLeases } from "./lease.ts";
import { checkRecovered } from "./meta.ts";
import { findOwned, keptAddresses, letGo } from "./owned.ts";
import { networkPools, poolOf } from "./pool.ts";
import { decodeRecord, decodeResource, SCHEMA } from "./stored.ts";
import { describeUser } from "./taken.ts";

/** Addresses that one owner may have. */
export const MAX_OWNED = 16;
const MAX_ATTEMPTS = 32;

export interface OwnerChange {
  readonly network: string;
  readonly owner: OwnerRef;
  /**
   * Given what the owner's next ADD would get, what it shall get; none: the owner goes. Called again
   * whenever somebody else was faster.
   */
  readonly decide: (current: readonly Address[]) => readonly Address[];
  /** Written into a new owner. */
  readonly tenant?: string;
  /** Also in a store that is being recovered; for the recovery itself. Default false. */
  readonly recovering?: boolean;
  /** What must hold as well; where it does not, nothing is tried again. */
  readonly guard?: readonly Compare[];
}

/** What the change came to. */
export interface OwnerChanged {
  readonly outcome: "created" | "changed" | "removed" | "unchanged";
  /** What the owner's next ADD gets. */
  readonly addresses: readonly string[];
  /** What the running holder keeps until it ends. */
  readonly leaving: readonly string[];
  /** What became free by this call. */
  readonly released: readonly string[];
  readonly holder: Holder | undefined;
  /** Revision of the store at which it stands. */
  readonly revision: number;
}

interface Base {
  readonly revision: number;
  readonly era: number;
  readonly network: Network;
  readonly networkRevision: number;
  readonly owner: OwnerRecord | undefined;
  readonly ownerRevision: number;
}

/**
 * Changes the addresses of an owner.
 *
 * @throws {FabricError} `not-found`: no such network; `invalid`: an address that no host of the
 * network may have; `in-use`: somebody else has it, or it is reserved; `internal`: owner and address
 * disagree; `try-again`; `store-changed`; `unavailable`; `unknown-outcome` (say it again).
 */
export async function changeOwner(
  context: IpamContext,
  change: OwnerChange,
): Promise<OwnerChanged> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const base = await readBase(context, change);
    const current = keptAddresses(base.owner ?? { addresses: [] }).map((one) =>
      parseAddress(one.address)
    );
    const wanted = checkWanted(base.network, change.decide(current));
    const done = await attemptChange(context, { change, base, wanted });
    if (done !== undefined) return done;
  }
  throw new FabricError(
    "try-again",
    `Lost ${MAX_ATTEMPTS} races for ${formatOwner(change.owner)}`,
    {
      remedy: "run it again",
    },
  );
}

async function readBase(context: IpamContext, change: OwnerChange): Promise<Base> {
  const { network: name, owner: ref } = change;
  const keys = [META_ERA, networkKey(name), ownerKey(name, ref)];
  const read = await context.store.txn({ success: keys.map((key) => ({ range: { key } })) });
  const [era, network, owner] = keys.map((_, index) => keysOf(read.results[index])[0]);
  if (era !== undefined && change.recovering !== true) checkRecovered(era);
  if (network === undefined) {
    throw new FabricError("not-found", `Network ${name} does not exist`, {
      field: "network",
      value: name,
    });
  }
  return {
    revision: read.header.revision,
    era: era?.modRevision ?? 0,
    network: decodeResource(network, "Network"),
    networkRevision: network.modRevision,
    owner: owner === undefined ? undefined : decodeRecord(OwnerRecordSchema, owner),
    ownerRevision: owner?.modRevision ?? 0,
  };
}

/** Each once, IPv4 first, and all such as a host of the network may have. */
function checkWanted(network: Network, wanted: readonly Address[]): readonly Address[] {
  const unique = [...new Map(wanted.map((address) => [formatAddress(address), address])).values()]
    .sort((a, b) => a.family - b.family);
  if (unique.length > MAX_OWNED) {
    throw new FabricError("invalid", `An owner has at most ${MAX_OWNED} addresses`, {
      field: "ip",
      value: String(unique.length),
      remedy: "name fewer",
    });
  }
  const { name } = network.metadata;
  const pools = networkPools(network.spec);
  for (const address of unique) {
    const pool = poolOf(name, pools, address);
    if (pool.usable.some((range) => rangeContains(range, address))) continue;
    const text = formatAddress(address);
    throw new FabricError(
      "invalid",
      `Address ${text} of network ${name} is a gateway, excluded, or the subnet's own`,
      { field: "ip", value: text, remedy: "choose an address that a host may have" },
    );
  }
  return unique;
}

interface Attempt {
  readonly change: OwnerChange;
  readonly base: Base;
  readonly wanted: readonly Address[];
}

/** What is read of the addresses concerned, and of the owner's MAC. */
interface Records {
  readonly addresses: ReadonlyMap<string, KeyValue>;
  readonly mac: KeyValue | undefined;
}

async function readRecords(
  context: IpamContext,
  { change, base, wanted }: Attempt,
): Promise<Records> {
  const name = change.network;
  const { physicalNetwork, vlan } = base.network.spec;
  const listed = (base.owner?.addresses ?? []).map(({ address }) => parseAddress(address));
  const keys = [...new Set([...listed, ...wanted].map((address) => addressKey(name, address)))];
  const mac = base.owner?.mac;
  const read = await context.store.txn({
    success: [
      ...mac === undefined ? [] : [{ range: { key: macKey(physicalNetwork, vlan, mac) } }],
      ...keys.map((key): Operation => ({ range: { key } })),
    ],
  });
  const found = read.results.flatMap(keysOf);
  return {
    addresses: new Map(found.map((kv) => [kv.key, kv])),
    mac: found.find(({ key }) => key.startsWith("macs/")),
  };
}

/** Undefined when something changed between reading and committing. */
async function attemptChange(
  context: IpamContext,
  attempt: Attempt,
): Promise<OwnerChanged | undefined> {
  const { change, base } = attempt;
  const records = await readRecords(context, attempt);
  const plan = planChange(attempt, records);
  const answer = {
    addresses: plan.next.filter(({ stage }) => stage !== "leaving").map(({ address }) => address),
    leaving: plan.next.filter(({ stage }) => stage === "leaving").map(({ address }) => address),
    released: plan.released.map(formatAddress),
    holder: base.owner?.holder,
  };
  if (plan.outcome === "unchanged") {
    return { outcome: "unchanged", ...answer, revision: base.revision };
  }
  const seconds = plan.rests ? [coolingSeconds(base.network.spec)] : [];
  const response = await withLeases(context, seconds, ([lease]) => {
    const { compare, success } = transactionOf(context, { ...attempt, records, plan, lease });
    return context.store.txn({ compare: [...compare, ...change.guard ?? []], success });
  });
  if (!response.succeeded) {
    if (change.guard !== undefined) throw changedMeanwhile(change.owner);
    await checkAgreement(context, change);
    return undefined;
  }
  return { outcome: plan.outcome, ...answer, revision: response.header.revision };
}

function changedMeanwhile(owner: OwnerRef): FabricError {
  return new FabricError("try-again", `${formatOwner(owner)} is not as it was seen any more`, {
    remedy: "look again",
    details: { reason: "guard" },
  });
}

interface Plan {
  readonly outcome: OwnerChanged["outcome"];
  /** The owner's list; empty: the owner goes. */
  readonly next: readonly OwnedAddress[];
  /** Of these, what nobody has yet. */
  readonly taken: readonly Address[];
  readonly released: readonly Address[];
  /** Something becomes free that somebody may have used. */
  readonly rests: boolean;
}

function planChange(attempt: Attempt, records: Records): Plan {
  const { change, base, wanted } = attempt;
  const { owner } = base;
  const held = owner?.holder !== undefined;
  const taken: Address[] = [];
  const next: OwnedAddress[] = wanted.map((address) => {
    const text = formatAddress(address);
    const listed = owner === undefined ? undefined : findOwned(owner, address);
    if (listed !== undefined) {
      // What the holder has already, the next one gets as well.
      const { stage, ...plain } = listed;
      return stage === "next" && held ? listed : plain;
    }
    checkFree(change, { address, kv: records.addresses.get(addressKey(change.network, address)) });
    taken.push(address);
    return { address: text, ...(held ? { stage: "next" as const } : {}) };
  });
  const released: Address[] = [];
  let rests = false;
  for (const listed of owner?.addresses ?? []) {
    if (next.some(({ address }) => address === listed.address)) continue;
    if (held && listed.stage !== "next") {
      next.push({ ...listed, stage: "leaving" });
      continue;
    }
    released.push(parseAddress(listed.address));
    rests ||= listed.stage !== "next" && coolingSeconds(base.network.spec) > 0;
  }
  const same = JSON.stringify(next) === JSON.stringify(owner?.addresses ?? []);
  const outcome = same
    ? "unchanged"
    : owner === undefined
    ? "created"
    : next.length === 0
    ? "removed"
    : "changed";
  return { outcome, next, taken, released, rests };
}

function checkFree(
  { network, owner }: OwnerChange,
  { address, kv }: { readonly address: Address; readonly kv: KeyValue | undefined },
): void {
  if (kv === undefined) return;
  const record = decodeRecord(AddressRecordSchema, kv);
  const text = formatAddress(address);
  if (record.owner !== undefined && sameOwner(record.owner, owner)) throw disagreement(text, owner);
  throw new FabricError(
    "in-use",
    `Address ${text} of network ${network} is taken (${describeUser(record)})`,
    {
      field: "ip",
      value: text,
      remedy: record.state === "reserved"
        ? "choose another, or unreserve it first"
        : "choose another, or release it first",
      details: { state: record.state, owner: record.owner, holder: record.holder },
    },
  );
}

function disagreement(address: string, owner: OwnerRef): FabricError {
  return new FabricError(
    "internal",
    `Address ${address} and its owner ${formatOwner(owner)} disagree`,
    { remedy: "run fabric-admin check" },
  );
}

function transactionOf(
  context: IpamContext,
  input: Attempt & {
    readonly records: Records;
    readonly plan: Plan;
    readonly lease: string | undefined;
  },
): { readonly compare: readonly Compare[]; readonly success: readonly Operation[] } {
  const { change, base, records, plan, lease } = input;
  const name = change.network;
  const mod = (key: string, revision: number): Compare => ({
    key,
    target: "mod",
    op: "=",
    revision,
  });
  const key = ownerKey(name, change.owner);
  const compare: Compare[] = [
    mod(META_ERA, base.era),
    mod(networkKey(name), base.networkRevision),
    mod(key, base.ownerRevision),
  ];
  const success: Operation[] = [];
  const since = timestamp(context);
  const owner = base.owner;
  for (const { address: text } of plan.next) {
    const address = parseAddress(text);
    const at = addressKey(name, address);
    const kv = records.addresses.get(at);
    compare.push(mod(at, kv?.modRevision ?? 0));
    if (kv !== undefined) {
      // As it stands: owner and addresses have one revision.
      success.push({ put: at, value: kv.value });
      continue;
    }
    const record: AddressRecord = {
      v: SCHEMA,
      state: "owned",
      id: context.newId(),
      owner: change.owner,
      ...(owner?.mac === undefined ? {} : { mac: owner.mac }),
      since,
    };
    success.push(
      { put: at, value: JSON.stringify(record) },
      { delete: { key: singleKey(name, address) } },
    );
  }
  const network = {
    name,
    revision: base.networkRevision,
    pools: networkPools(base.network.spec),
  };
  for (const address of plan.released) {
    const kv = records.addresses.get(addressKey(name, address));
    if (kv === undefined) continue;
    const releasedAt = plan.rests ? context.now() : undefined;
    const { uses } = decodeRecord(AddressRecordSchema, kv);
    const gone = letGo({ network, address, modRevision: kv.modRevision, releasedAt, lease, uses });
    compare.push(...gone.compare);
    success.push(...gone.success);
  }
  if (plan.next.length === 0) {
    success.push({ delete: { key } });
    const { mac } = records;
    if (mac !== undefined && isMacOf(mac, change.owner)) {
      compare.push(mod(mac.key, mac.modRevision));
      success.push({ delete: { key: mac.key } });
    }
    return { compare, success };
  }
  const { tenant } = change;
  const record: OwnerRecord = {
    ...owner,
    v: SCHEMA,
    owner: change.owner,
    network: { name, uid: base.network.metadata.uid ?? "" },
    addresses: [...plan.next],
    ...(tenant === undefined ? {} : { tenant }),
    since: owner?.since ?? since,
  };
  success.push({ put: key, value: JSON.stringify(record) });
  return { compare, success };
}

function isMacOf(kv: KeyValue, owner: OwnerRef): boolean {
  const { owner: of } = decodeRecord(MacRecordSchema, kv);
  return of !== undefined && sameOwner(of, owner);
}

/**
 * A commit that failed although the owner is as it was: its addresses are not at its revision.
 *
 * @throws {FabricError} `internal`.
 */
async function checkAgreement(context: IpamContext, change: OwnerChange): Promise<void> {
  const { owner, ownerRevision } = await readBase(context, change);
  const listed = owner?.addresses.map(({ address }) => address) ?? [];
  if (listed.length === 0) return;
  const read = await context.store.txn({
    success: listed.map((text): Operation => ({
      range: { key: addressKey(change.network, parseAddress(text)) },
    })),
  });
  for (const [index, text] of listed.entries()) {
    const kv = keysOf(read.results[index])[0];
    if (kv === undefined || kv.modRevision < ownerRevision) throw disagreement(text, change.owner);
  }
}
