/**
 * An administrator takes an address from whoever has it. Nothing is ever taken from something that
 * may live: a holder must have ended first (rule 7), by its DEL or by an administrator's word about
 * its node.
 *
 * @module
 */

import { FabricError } from "../error.ts";
import { type Address, formatAddress } from "../ip/address.ts";
import { rangeOf } from "../ip/range.ts";
import { formatHolder, type Holder, type OwnerRef } from "../model/identity.ts";
import { type AddressRecord, AddressRecordSchema } from "../model/records.ts";
import type { IpamContext } from "./context.ts";
import { unfixAddresses } from "./fix.ts";
import { whyEnded } from "./holder.ts";
import { addressKey } from "./keys.ts";
import { release } from "./release.ts";
import { unreserve } from "./reserve.ts";
import { decodeRecord } from "./stored.ts";

export interface AddressRef {
  readonly network: string;
  readonly address: Address;
}

/** Who loses what when an address is given back. */
export interface Loss {
  readonly address: Address;
  /** `free`: nobody has it. */
  readonly state: "free" | AddressRecord["state"];
  /** Names this very use of the address; `giveBack` does nothing to another one. */
  readonly id: string | undefined;
  readonly owner: OwnerRef | undefined;
  readonly holder: Holder | undefined;
  readonly reason: string | undefined;
  /** Why the holder counts as ended; undefined: it may live, and the address cannot be taken. */
  readonly ended: string | undefined;
}

/** Looks at who has the address. */
export async function whoLoses(context: IpamContext, ref: AddressRef): Promise<Loss> {
  const { network, address } = ref;
  const { kvs } = await context.store.range({ key: addressKey(network, address) });
  const [kv] = kvs;
  const none = { id: undefined, owner: undefined, holder: undefined, reason: undefined };
  if (kv === undefined) return { address, state: "free", ...none, ended: undefined };
  const { state, id, owner, holder, reason } = decodeRecord(AddressRecordSchema, kv);
  const ended = holder === undefined ? undefined : await whyEnded(context, holder);
  return { address, state, id, owner, holder, reason, ended: ended?.why };
}

/**
 * Makes the address free. Said again after it was done, it changes nothing.
 *
 * @param expected what `whoLoses` told; absent: whoever has it.
 * @returns false where it was free already.
 * @throws {FabricError} `in-use`: its holder may live; `conflict`: somebody else has it meanwhile.
 */
export async function giveBack(
  context: IpamContext,
  ref: AddressRef,
  expected?: Pick<Loss, "id">,
): Promise<boolean> {
  const { network, address } = ref;
  const loss = await whoLoses(context, ref);
  const text = formatAddress(address);
  if (loss.state === "free") return false;
  if (expected !== undefined && expected.id !== loss.id) {
    throw new FabricError("conflict", `Somebody else has ${text} of network ${network} by now`, {
      field: "address",
      value: text,
      remedy: "look again who loses it",
    });
  }
  const { holder, owner } = loss;
  if (loss.state === "reserved") {
    await unreserve(context, { network, range: rangeOf(address) });
    return true;
  }
  if (holder !== undefined) {
    if (loss.ended === undefined) {
      throw new FabricError(
        "in-use",
        `Address ${text} of network ${network} is used by ${formatHolder(holder)}`,
        {
          field: "address",
          value: text,
          remedy: "end that pod, or fence its node if it is dead",
          details: { holder },
        },
      );
    }
    await release(context, holder, { endedBy: "admin" });
  }
  if (owner !== undefined) await unfixAddresses(context, { network, owner, addresses: [address] });
  const after = await whoLoses(context, ref);
  if (after.state === "free" || after.id !== loss.id) return true;
  // The record contradicts itself: no attachment and no owner's list has it.
  throw new FabricError(
    "internal",
    `Address ${text} of network ${network} is nobody's, and stays`,
    {
      remedy: "run fabric-admin check",
    },
  );
}
