/**
 * Checks of names and other single values, each with what would be right.
 *
 * @module
 */

import { type FieldError, fieldError } from "./field_error.ts";
import { type Check, isFields } from "./validate_shape.ts";

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const QUALIFIED = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;

/** A DNS-1123 label: at most 63 of a-z, 0-9 and `-`. */
export function isLabel(text: string): boolean {
  return text.length <= 63 && LABEL.test(text);
}

/** A DNS-1123 subdomain: labels joined by dots, at most 253 characters. */
export function isSubdomain(text: string): boolean {
  return text.length <= 253 && text.split(".").every(isLabel);
}

/** The nearest text that is right, undefined where there is none. */
function suggest(text: string, isRight: (text: string) => boolean): string | undefined {
  const near = text.toLowerCase().trim().replace(/[^a-z0-9.-]+/g, "-").replace(
    /^[-.]+|[-.]+$/g,
    "",
  );
  const candidates = [near, near.replaceAll(".", "-"), near.slice(0, 63).replace(/[-.]+$/, "")];
  const right = candidates.find(isRight);
  return right === undefined || right === text ? undefined : `did you mean ${right}`;
}

/** A name that is one DNS-1123 label. */
export function* checkLabel(value: unknown, field: string): Generator<FieldError> {
  if (typeof value !== "string" || isLabel(value)) return;
  const rule = "lower-case letters, digits and -, at most 63, no - at either end";
  yield fieldError(field, `${JSON.stringify(value)} is not a DNS-1123 label (${rule})`, {
    value,
    remedy: suggest(value, isLabel) ?? "choose a name like prod-1",
  });
}

/** A name that is a DNS-1123 subdomain. */
export function* checkSubdomain(value: unknown, field: string): Generator<FieldError> {
  if (typeof value !== "string" || isSubdomain(value)) return;
  const rule = "labels of lower-case letters, digits and -, joined by dots, at most 253";
  yield fieldError(field, `${JSON.stringify(value)} is not a DNS-1123 subdomain (${rule})`, {
    value,
    remedy: suggest(value, isSubdomain) ?? "choose a name like node-1.example.com",
  });
}

function isLabelKey(text: string): boolean {
  const slash = text.indexOf("/");
  const name = text.slice(slash + 1);
  return name.length <= 63 && QUALIFIED.test(name) &&
    (slash < 0 || isSubdomain(text.slice(0, slash)));
}

/** Keys as Kubernetes has them: an optional DNS prefix and `/`, then a name of at most 63. */
export function* checkLabelKeys(value: unknown, field: string): Generator<FieldError> {
  if (!isFields(value)) return;
  for (const name of Object.keys(value)) {
    if (isLabelKey(name)) continue;
    yield fieldError(`${field}[${JSON.stringify(name)}]`, `${JSON.stringify(name)} is no key`, {
      value: name,
      remedy: "write name or prefix.example.com/name, the name of letters, digits, -, _ and .",
    });
  }
}

/** A value of a label: empty, or at most 63 letters, digits, `-`, `_` and `.`. */
export function* checkLabelValue(value: unknown, field: string): Generator<FieldError> {
  if (typeof value !== "string" || value === "") return;
  if (value.length <= 63 && QUALIFIED.test(value)) return;
  yield fieldError(field, `${JSON.stringify(value)} cannot be the value of a label`, {
    value,
    remedy: "use at most 63 letters, digits, -, _ and .; longer text goes into annotations",
  });
}

/** A whole number from `min` to `max`; `why` explains the bounds. */
export function checkInteger(
  bounds: { readonly min: number; readonly max: number; readonly why?: string },
): Check {
  const { min, max, why } = bounds;
  const because = why === undefined ? "" : ` (${why})`;
  return function* (value, field) {
    if (typeof value !== "number") return;
    const remedy = `use a whole number from ${min} to ${max}${because}`;
    if (!Number.isInteger(value)) {
      yield fieldError(field, `${value} is not a whole number`, { value, remedy });
    } else if (value < min) {
      yield fieldError(field, `${value} is below ${min}`, { value, remedy });
    } else if (value > max) {
      yield fieldError(field, `${value} is over ${max}`, { value, remedy });
    }
  };
}

/** A list without repetition and, where it is given at all, with something in it. */
export function checkList(
  options: { readonly whenEmpty: string | undefined },
): Check {
  return function* (value, field) {
    if (!Array.isArray(value)) return;
    if (value.length === 0 && options.whenEmpty !== undefined) {
      yield fieldError(field, "the list is empty", { value, remedy: options.whenEmpty });
    }
    yield* repeated(value, field);
  };
}

function* repeated(values: readonly unknown[], field: string): Generator<FieldError> {
  for (const [index, value] of values.entries()) {
    const first = values.indexOf(value);
    if (first === index || typeof value !== "string") continue;
    yield fieldError(
      `${field}[${index}]`,
      `${JSON.stringify(value)} stands in ${field}[${first}]`,
      {
        value,
        remedy: "write it once",
      },
    );
  }
}

/** Text of at least one character, without white space. */
export function* checkWord(value: unknown, field: string): Generator<FieldError> {
  if (typeof value !== "string" || /^\S+$/.test(value)) return;
  yield fieldError(field, `${JSON.stringify(value)} is empty or holds white space`, {
    value,
    remedy: "write one word",
  });
}

/** Runs several checks on the same value. */
export function checkAll(...checks: readonly Check[]): Check {
  return function* (value, field) {
    for (const check of checks) yield* check(value, field);
  };
}
