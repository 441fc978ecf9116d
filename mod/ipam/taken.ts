/**
 * Why an address that an ADD must have cannot be had.
 *
 * @module
 */

import { FabricError } from "../error.ts";
import { type Address, formatAddress } from "../ip/address.ts";
import { formatHolder, formatOwner, type OwnerRef } from "../model/identity.ts";
import { type AddressRecord, AddressRecordSchema } from "../model/records.ts";
import { type AddState, keysOf } from "./allocate_state.ts";
import type { IpamContext } from "./context.ts";
import { addressKey, coolingKey, ownerKey } from "./keys.ts";
import { decodeRecord } from "./stored.ts";

interface Which {
  readonly network: string;
  readonly address: Address;
}

/** Who has an address, for people. */
export function describeUser(record: AddressRecord): string {
  if (record.state === "reserved") return `reserved: ${record.reason ?? "no reason given"}`;
  if (record.holder !== undefined) return formatHolder(record.holder);
  return record.owner === undefined ? "nobody that is recorded" : formatOwner(record.owner);
}

/** The error for an address that was asked for and is taken, or cooling. */
export async function takenAddress(context: IpamContext, which: Which): Promise<FabricError> {
  const { network, address } = which;
  const text = formatAddress(address);
  const read = await context.store.txn({
    success: [
      { range: { key: addressKey(network, address) } },
      { range: { key: coolingKey(network, address) } },
    ],
  });
  const kv = keysOf(read.results[0])[0];
  if (kv !== undefined) {
    const record = decodeRecord(AddressRecordSchema, kv);
    return new FabricError(
      "conflict",
      `Address ${text} of network ${network} is taken (${describeUser(record)})`,
      { field: "ips", value: text, remedy: "ask for another, or release it first" },
    );
  }
  const cooling = keysOf(read.results[1]).length > 0;
  return new FabricError(
    "try-again",
    cooling
      ? `Address ${text} of network ${network} was released a moment ago and is cooling`
      : `Address ${text} of network ${network} was released just now`,
    { field: "ips", value: text, remedy: "try again when its cooling time is over" },
  );
}

/**
 * An owner's commit may fail because the owner changed: that is a race. If it did not change and
 * its address is not at the owner's revision, the two disagree.
 *
 * @throws {FabricError} `internal`.
 */
export async function checkOwned(
  context: IpamContext,
  input: Which & { readonly owner: OwnerRef; readonly state: AddState },
): Promise<void> {
  const { network, address, owner, state } = input;
  const read = await context.store.txn({
    success: [
      { range: { key: addressKey(network, address), keysOnly: true } },
      { range: { key: ownerKey(network, owner), keysOnly: true } },
    ],
  });
  const at = keysOf(read.results[0])[0]?.modRevision ?? 0;
  const ownerAt = keysOf(read.results[1])[0]?.modRevision ?? 0;
  if (ownerAt !== state.owner.modRevision || at === ownerAt) return;
  const text = formatAddress(address);
  throw new FabricError(
    "internal",
    `Address ${text} of network ${network} and its owner ${formatOwner(owner)} disagree`,
    { remedy: "run fabric-admin check", details: { addressRevision: at, ownerRevision: ownerAt } },
  );
}
