/**
 * Label selectors of `-l`: `app=web,tier!=db,critical,!legacy`.
 *
 * @module
 */

import { usageError } from "./exit.ts";

export type Labels = Readonly<Record<string, string>>;

/** True where the labels satisfy every term. */
export type Selector = (labels: Labels | undefined) => boolean;

const KEY = "[A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9])?";
const TERM = new RegExp(`^(${KEY})\\s*(==|=|!=)\\s*([A-Za-z0-9._-]*)$`);
const EXISTS = new RegExp(`^(!?)\\s*(${KEY})$`);

function parseTerm(term: string): Selector {
  const comparison = TERM.exec(term);
  if (comparison !== null) {
    const [, key = "", operator, value] = comparison;
    return operator === "!="
      ? (labels) => labels?.[key] !== value
      : (labels) => labels?.[key] === value;
  }
  const existence = EXISTS.exec(term);
  if (existence !== null) {
    const [, not, key = ""] = existence;
    return (labels) => (labels?.[key] === undefined) === (not === "!");
  }
  throw usageError(`Cannot parse selector term "${term}"`, {
    field: "--selector",
    value: term,
    remedy: "write key=value, key!=value, key or !key, joined by commas",
  });
}

/** @throws {FabricError} a usage error. */
export function parseSelector(text: string | undefined): Selector {
  if (text === undefined) return () => true;
  const terms = text.split(",").map((term) => parseTerm(term.trim()));
  return (labels) => terms.every((term) => term(labels));
}
