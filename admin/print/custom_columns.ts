/**
 * `-o custom-columns=NAME:.metadata.name,...`: a table of the fields that the user names.
 *
 * @module
 */

import { parseCustomColumns } from "../../mod/select/custom_columns.ts";
import { parseArgument } from "../exit.ts";
import type { Print } from "../printable.ts";
import { printRows } from "./table.ts";

/**
 * The printer of the columns.
 *
 * @throws {FabricError} a usage error.
 */
export function customColumns(text: string): Print {
  const columns = parseArgument(() => parseCustomColumns(text));
  return (items, listing) =>
    printRows(items, listing, {
      header: columns.map(({ header }) => header),
      cells: ({ object }) => columns.map(({ cell }) => cell(object)),
    });
}
