/**
 * What becomes of an owner's addresses when its holder ends, and how an address becomes free.
 *
 * An owner lists every address that is recorded for it, all at one mod revision. While its addresses
 * change under a running sandbox the list says of each how it stands to the holder (`OWNED_STAGES`):
 * the holder keeps what it has until it ends, and the next ADD takes what is the owner's then.
 *
 * @module
 */

import type { Compare, Operation } from "../etcd/store.ts";
import { type Address, formatAddress, parseAddress } from "../ip/address.ts";
import type { OwnedAddress, OwnerRecord } from "../model/records.ts";
import { putReleased } from "./free.ts";
import { addressKey, coolingKey, networkKey } from "./keys.ts";
import { isAllocatable, type SubnetPool } from "./pool.ts";

/** What stays the owner's when its holder has ended. */
export function keptAddresses(owner: Pick<OwnerRecord, "addresses">): OwnedAddress[] {
  return owner.addresses.filter(({ stage }) => stage !== "leaving").map((one) => {
    const { stage: _, ...kept } = one;
    return kept;
  });
}

/** Addresses that end with the owner's holder. */
export function leavingAddresses(owner: Pick<OwnerRecord, "addresses">): readonly Address[] {
  return owner.addresses.filter(({ stage }) => stage === "leaving").map(({ address }) =>
    parseAddress(address)
  );
}

/** How the owner lists the address; undefined where it does not. */
export function findOwned(
  owner: Pick<OwnerRecord, "addresses">,
  address: Address,
): OwnedAddress | undefined {
  const text = formatAddress(address);
  return owner.addresses.find((one) => one.address === text);
}

/** What a transaction compares and does to make an address free. */
export interface LettingGo {
  readonly compare: readonly Compare[];
  readonly success: readonly Operation[];
}

/** Makes an address free, which nobody holds or whose holder ends in the same transaction. */
export function letGo(input: {
  readonly network: {
    readonly name: string;
    readonly revision: number;
    readonly pools: readonly SubnetPool[];
  };
  readonly address: Address;
  /** Of the address's record. */
  readonly modRevision: number;
  /** Milliseconds since the epoch; undefined: it counts as never used. */
  readonly releasedAt: number | undefined;
  /** Of the cooling key; undefined: the address does not rest. */
  readonly lease: string | undefined;
  /** Keys that count it, of its record. */
  readonly uses: readonly string[] | undefined;
}): LettingGo {
  const { network, address, modRevision, releasedAt, lease, uses = [] } = input;
  const key = addressKey(network.name, address);
  const compare: Compare[] = [{ key, target: "mod", op: "=", revision: modRevision }];
  const success: Operation[] = [key, ...uses].map((gone) => ({ delete: { key: gone } }));
  if (isAllocatable(network.pools, address)) {
    success.push(putReleased(network.name, address, releasedAt));
  } else {
    // Not to be handed out: unless an edit says otherwise meanwhile, then it must be findable.
    const { name, revision } = network;
    compare.push({ key: networkKey(name), target: "mod", op: "=", revision });
  }
  if (lease !== undefined) {
    success.push({ put: coolingKey(network.name, address), value: "{}", lease });
  }
  return { compare, success };
}
