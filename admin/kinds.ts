/**
 * The table of kinds: a new one is a file in `kinds/` and a row here.
 *
 * @module
 */

import { didYouMean } from "../mod/nearest.ts";
import { usageError } from "./exit.ts";
import type { KindRow } from "./kind.ts";
import { ADDRESS } from "./kinds/address.ts";
import { ATTACHMENT } from "./kinds/attachment.ts";
import { HISTORY } from "./kinds/history.ts";
import { NETWORK } from "./kinds/network.ts";
import { NODE } from "./kinds/node.ts";
import { OWNER } from "./kinds/owner.ts";
import { POD } from "./kinds/pod.ts";
import { PORT } from "./kinds/port.ts";
import { PHYSICAL_NETWORK } from "./kinds/physical_network.ts";
import { WORKLOAD } from "./kinds/workload.ts";
import { ZONE } from "./kinds/zone.ts";

/** All kinds, those that administrators write first. */
export const KIND_ROWS: readonly KindRow[] = [
  PHYSICAL_NETWORK,
  ZONE,
  NODE,
  NETWORK,
  ADDRESS,
  OWNER,
  WORKLOAD,
  ATTACHMENT,
  POD,
  PORT,
  HISTORY,
];

/** Every word that means the kind. */
function wordsOf(row: KindRow): readonly string[] {
  return [row.singular, row.plural, ...row.shortNames];
}

/**
 * The kind of a word: singular, plural or short, in any case.
 *
 * @throws {FabricError} a usage error with the nearest kind.
 */
export function findKind(word: string): KindRow {
  const wanted = word.toLowerCase();
  const row = KIND_ROWS.find((candidate) => wordsOf(candidate).includes(wanted));
  if (row !== undefined) return row;
  const all = KIND_ROWS.map(({ plural }) => plural).join(", ");
  throw usageError(`Unknown kind "${word}"`, {
    field: "KIND",
    value: word,
    remedy: didYouMean(wanted, KIND_ROWS.flatMap(wordsOf), `use one of ${all}`),
  });
}
