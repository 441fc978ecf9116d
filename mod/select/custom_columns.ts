/**
 * Columns that the user names: `NAME:.metadata.name,VLAN:.spec.vlan`.
 *
 * @module
 */

import { FabricError } from "../error.ts";
import { findValues, parseFieldPath, valueAsText } from "./json_path.ts";

export interface CustomColumn {
  readonly header: string;
  /** The cell of an object; several values are joined by commas, none is the empty text. */
  readonly cell: (object: unknown) => string;
}

/**
 * Parses columns.
 *
 * @throws {FabricError} `invalid`.
 */
export function parseCustomColumns(text: string): readonly CustomColumn[] {
  return text.split(/,(?![^[\]]*\])/).map((column) => {
    const colon = column.indexOf(":");
    const header = column.slice(0, colon).trim();
    if (colon < 0 || header === "") {
      throw new FabricError("invalid", `Cannot parse column "${column}"`, {
        field: "custom-columns",
        value: column,
        remedy: "write HEADER:PATH, joined by commas, e.g. NAME:.metadata.name,VLAN:.spec.vlan",
      });
    }
    const path = parseFieldPath(column.slice(colon + 1), { field: "custom-columns" });
    return { header, cell: (object) => findValues(path, object).map(valueAsText).join(",") };
  });
}
