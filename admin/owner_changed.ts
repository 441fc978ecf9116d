/**
 * What became of an owner's addresses, in words.
 *
 * @module
 */

import type { OwnerChanged } from "../mod/ipam/owner_addresses.ts";
import { formatHolder, formatOwner, type OwnerRef } from "../mod/model/identity.ts";

/** Lines for people, each with its line break. */
export function ownerChangedText(
  { network, owner }: { readonly network: string; readonly owner: OwnerRef },
  changed: OwnerChanged,
  { dryRun }: { readonly dryRun: boolean },
): string {
  const { outcome, addresses, leaving, released, holder } = changed;
  const has = addresses.length === 0 ? "no address" : addresses.join(", ");
  const word = outcome === "unchanged" ? "unchanged" : outcome === "created" ? "fixed" : outcome;
  const lines = [
    `${formatOwner(owner)} has ${has} in network ${network}: ${word}${dryRun ? " (dry run)" : ""}`,
    ...holder === undefined || leaving.length === 0 ? [] : [
      `  ${formatHolder(holder)} keeps ${leaving.join(", ")} until it ends; ` +
      (addresses.length === 0 ? "then it is free" : "the next one has the new"),
    ],
    ...released.length === 0 ? [] : [`  free again: ${released.join(", ")}`],
  ];
  return lines.map((line) => `${line}\n`).join("");
}
