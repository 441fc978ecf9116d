/**
 * Label selectors as Kubernetes writes them: `app=web,tier!=db,env in (prod,test),!legacy`.
 *
 * @module
 */

import { FabricError } from "../error.ts";

export type Labels = Readonly<Record<string, string>>;

/** True where the labels satisfy every term. */
export type LabelSelector = (labels: Labels | undefined) => boolean;

const KEY = "[A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9])?";
const VALUE = "[A-Za-z0-9._-]*";
const EQUALITY = new RegExp(`^(${KEY})\\s*(==|=|!=)\\s*(${VALUE})$`);
const SET = new RegExp(`^(${KEY})\\s+(in|notin)\\s*\\(([^()]*)\\)$`);
const EXISTS = new RegExp(`^(!?)\\s*(${KEY})$`);

/** The terms; a comma in parentheses belongs to its term. */
function splitTerms(text: string): readonly string[] {
  return text.split(/,(?![^()]*\))/).map((term) => term.trim());
}

function valueOf(labels: Labels | undefined, key: string): string | undefined {
  return labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined;
}

function parseTerm(term: string): LabelSelector {
  const equality = EQUALITY.exec(term);
  if (equality !== null) {
    const [, key = "", operator, value] = equality;
    return (labels) => (valueOf(labels, key) === value) === (operator !== "!=");
  }
  const set = SET.exec(term);
  if (set !== null) {
    const [, key = "", operator, list = ""] = set;
    const values = list.split(",").map((value) => value.trim());
    if (values.every((value) => new RegExp(`^${VALUE}$`).test(value))) {
      return (labels) => {
        const value = valueOf(labels, key);
        return (value !== undefined && values.includes(value)) === (operator === "in");
      };
    }
  }
  const existence = EXISTS.exec(term);
  if (existence !== null) {
    const [, not, key = ""] = existence;
    return (labels) => (valueOf(labels, key) === undefined) === (not === "!");
  }
  throw new FabricError("invalid", `Cannot parse selector term "${term}"`, {
    field: "selector",
    value: term,
    remedy: "write key=value, key!=value, key in (a,b), key notin (a,b), key or !key, " +
      "joined by commas",
  });
}

/**
 * Parses a selector; without a text it selects everything. As in Kubernetes, `!=` and `notin` also
 * select what does not have the label.
 *
 * @throws {FabricError} `invalid`.
 */
export function parseLabelSelector(text: string | undefined): LabelSelector {
  if (text === undefined) return () => true;
  const terms = splitTerms(text).map(parseTerm);
  return (labels) => terms.every((term) => term(labels));
}
