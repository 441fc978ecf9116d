/**
 * Fixed addresses: an administrator says which addresses a slot of a workload has, before its first
 * ADD or while it runs.
 *
 * @module
 */

import { FabricError } from "../error.ts";
import type { Compare } from "../etcd/store.ts";
import { type Address, compareAddresses, formatAddress } from "../ip/address.ts";
import { formatOwner, type OwnerRef } from "../model/identity.ts";
import type { IpamContext } from "./context.ts";
import { changeOwner, type OwnerChanged } from "./owner_addresses.ts";

export interface FixRequest {
  readonly network: string;
  readonly owner: OwnerRef;
  /** They take the place of what the owner has of their families; other families stay. */
  readonly addresses: readonly Address[];
  readonly tenant?: string;
}

/**
 * Gives the owner these addresses. Its running holder keeps what it has until its DEL.
 *
 * @throws {FabricError} As `changeOwner`; `invalid` without an address.
 */
export async function fixAddresses(
  context: IpamContext,
  request: FixRequest,
): Promise<OwnerChanged> {
  const { addresses, ...rest } = request;
  if (addresses.length === 0) {
    throw new FabricError("invalid", "No address is named", {
      field: "ip",
      remedy: "name at least one",
    });
  }
  const families = new Set(addresses.map(({ family }) => family));
  return await changeOwner(context, {
    ...rest,
    decide: (current) => [
      ...current.filter(({ family }) => !families.has(family)),
      ...addresses,
    ],
  });
}

export interface UnfixRequest {
  readonly network: string;
  readonly owner: OwnerRef;
  /** Default: all. */
  readonly addresses?: readonly Address[];
  /** As in `OwnerChange`. */
  readonly recovering?: boolean;
  /** As in `OwnerChange`. */
  readonly guard?: readonly Compare[];
}

/**
 * Takes addresses from the owner; what its running holder has, it keeps until its DEL. With its
 * last address the owner goes. What it does not have is no error.
 *
 * @throws {FabricError} As `changeOwner`.
 */
export async function unfixAddresses(
  context: IpamContext,
  request: UnfixRequest,
): Promise<OwnerChanged> {
  const { addresses, ...rest } = request;
  return await changeOwner(context, {
    ...rest,
    decide: (current) => addresses === undefined ? [] : without(current, addresses),
  });
}

function without(current: readonly Address[], gone: readonly Address[]): readonly Address[] {
  return current.filter((one) => !gone.some((other) => compareAddresses(one, other) === 0));
}

export interface MoveRequest {
  readonly network: string;
  readonly owner: OwnerRef;
  readonly from: Address;
  readonly to: Address;
}

/**
 * Puts one address in the place of another. Said again after it was done, it changes nothing.
 *
 * @throws {FabricError} As `changeOwner`; `invalid`: not of one family; `not-found`: the owner has
 * neither of the two.
 */
export async function moveAddress(
  context: IpamContext,
  request: MoveRequest,
): Promise<OwnerChanged> {
  const { from, to, ...rest } = request;
  if (from.family !== to.family) {
    throw new FabricError(
      "invalid",
      `${formatAddress(from)} and ${formatAddress(to)} are not of one family`,
      { field: "to", value: formatAddress(to), remedy: "move IPv4 to IPv4, and IPv6 to IPv6" },
    );
  }
  return await changeOwner(context, {
    ...rest,
    decide(current) {
      const has = (address: Address): boolean =>
        current.some((one) => compareAddresses(one, address) === 0);
      if (!has(from) && has(to)) return current;
      if (!has(from)) {
        throw new FabricError(
          "not-found",
          `${formatOwner(request.owner)} does not have ${formatAddress(from)}`,
          {
            field: "from",
            value: formatAddress(from),
            remedy: current.length === 0
              ? "fix gives it an address"
              : `it has ${current.map(formatAddress).join(", ")}`,
          },
        );
      }
      return current.map((one) => compareAddresses(one, from) === 0 ? to : one);
    },
  });
}
