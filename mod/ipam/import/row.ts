/**
 * Lines of a spreadsheet that name addresses: things outside that use them, or slots of workloads
 * that shall have them.
 *
 * @module
 */

import { FabricError } from "../../error.ts";
import { parseAddress } from "../../ip/address.ts";
import { parseRange, type Range, rangeSize } from "../../ip/range.ts";
import type { OwnerRef } from "../../model/identity.ts";
import { parseWorkload } from "../../model/workload.ts";

/** A line as it was read: its cells by column. */
export interface InputRow {
  /** `FILE:LINE`. */
  readonly place: string;
  readonly cells: Readonly<Record<string, string>>;
}

/** Columns of a table of addresses; an export has them in this order. */
export const ADDRESS_COLUMNS = [
  "network",
  "address",
  "reason",
  "workload",
  "slot",
  "interface",
  "cluster",
  "tenant",
] as const;

/** What a line wants. */
export type Wish =
  & { readonly place: string; readonly network: string; readonly range: Range }
  & (
    | { readonly kind: "reserve"; readonly reason: string }
    | { readonly kind: "fix"; readonly owner: OwnerRef; readonly tenant: string | undefined }
  );

/** An error about a line. */
export function atPlace(place: string, cause: FabricError): FabricError {
  const { kind, message, field, value, remedy, details } = cause;
  return new FabricError(kind, `${place}: ${message}`, {
    ...(field === undefined ? {} : { field }),
    ...(value === undefined ? {} : { value }),
    ...(remedy === undefined ? {} : { remedy }),
    details,
    cause,
  });
}

function invalid(message: string, field: string, remedy: string): FabricError {
  return new FabricError("invalid", message, { field, remedy });
}

/**
 * Reads a line.
 *
 * @param cluster of workloads whose line names none.
 * @throws {FabricError} `invalid`.
 */
export function parseWish({ place, cells }: InputRow, cluster: string): Wish {
  const cell = (name: typeof ADDRESS_COLUMNS[number]): string => cells[name] ?? "";
  const network = cell("network");
  if (network === "") {
    throw invalid("network is empty", "network", "name the network of the address");
  }
  const text = cell("address");
  if (text === "") throw invalid("address is empty", "address", "write an address or a range");
  const workload = cell("workload");
  const reason = cell("reason");
  if (workload === "") {
    if (reason === "") {
      throw invalid(
        "neither reason nor workload is there",
        "reason",
        "say what uses the address, or which workload shall have it",
      );
    }
    for (const name of ["slot", "interface", "cluster", "tenant"] as const) {
      if (cell(name) !== "") {
        throw invalid(
          `${name} is there without a workload`,
          name,
          "name the workload, or leave it",
        );
      }
    }
    return { kind: "reserve", place, network, range: parseRange(text), reason };
  }
  const range = parseRange(text);
  if (rangeSize(range) !== 1n) {
    throw invalid(`a slot of a workload has one address, not ${text}`, "address", "write one");
  }
  parseAddress(text);
  const owner: OwnerRef = {
    cluster: cell("cluster") || cluster,
    ...parseWorkload(workload),
    slot: cell("slot") || "0",
    ifname: cell("interface") || "eth0",
  };
  const tenant = cell("tenant");
  return { kind: "fix", place, network, range, owner, tenant: tenant === "" ? undefined : tenant };
}
