/**
 * Field selectors: `spec.vlan=100,metadata.name!=pods`. Any field may be named, by a path; where a
 * path finds several values, one of them must be equal, and none for `!=`.
 *
 * @module
 */

import { FabricError } from "../error.ts";
import { findValues, parseFieldPath, valueAsText } from "./json_path.ts";

/** True where the object satisfies every term. */
export type FieldSelector = (object: unknown) => boolean;

interface Term {
  readonly path: string;
  readonly isEqual: boolean;
  readonly value: string;
}

function fault(term: string): FabricError {
  return new FabricError("invalid", `Cannot parse field selector term "${term}"`, {
    field: "field-selector",
    value: term,
    remedy: "write path=value or path!=value, joined by commas, e.g. spec.vlan=100",
  });
}

/** Splits at the separator where it stands outside of brackets, and behind no backslash. */
function splitOutside(text: string, separator: RegExp): readonly string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const letter = text[i];
    if (letter === "\\") i++;
    else if (letter === "[") depth++;
    else if (letter === "]") depth--;
    else if (depth === 0) {
      separator.lastIndex = i;
      const found = separator.exec(text)?.[0];
      if (found === undefined) continue;
      parts.push(text.slice(start, i), found);
      i += found.length - 1;
      start = i + 1;
    }
  }
  return [...parts, text.slice(start)];
}

function parseTerm(text: string): Term {
  const [path = "", operator, ...value] = splitOutside(text, /!=|==?/y);
  if (operator === undefined || path.trim() === "") throw fault(text);
  return {
    path: path.trim(),
    isEqual: operator !== "!=",
    value: value.join("").trim().replace(/\\(.)/g, "$1"),
  };
}

/**
 * Parses a field selector; without a text it selects everything. A field that is absent is like an
 * empty one. Commas and backslashes in values are written behind a backslash.
 *
 * @throws {FabricError} `invalid`.
 */
export function parseFieldSelector(text: string | undefined): FieldSelector {
  if (text === undefined) return () => true;
  const terms = splitOutside(text, /,/y).filter((_, i) => i % 2 === 0).map(parseTerm);
  const tests = terms.map(({ path, isEqual, value }) => {
    const parsed = parseFieldPath(path, { field: "field-selector" });
    return (object: unknown): boolean => {
      const found = findValues(parsed, object).map(valueAsText);
      return (found.includes(value) || (found.length === 0 && value === "")) === isEqual;
    };
  });
  return (object) => tests.every((test) => test(object));
}
