/**
 * Parameters of queries and paths: how the text is parsed, and what the API's description says.
 *
 * @module
 */

import { didYouMean } from "../../mod/nearest.ts";
import { httpError } from "./http_error.ts";

/** JSON Schema as OpenAPI 3.1 takes it. */
export type JsonSchema = Readonly<Record<string, unknown>>;

export interface Param<T = unknown> {
  readonly description: string;
  readonly schema: JsonSchema;
  readonly example?: string;
  /** May be given more than once. */
  readonly repeat?: boolean;
  /** @throws {FabricError} 400. */
  readonly parse: (text: string, name: string) => T;
}

/** Parameters by name. */
export type Params = Readonly<Record<string, Param>>;

/** The values of parameters; undefined where one is absent. */
export type ParamValues<P extends Params> = {
  readonly [K in keyof P]: P[K] extends Param<infer T> ? T | undefined : never;
};

/** Longest text of one parameter. */
const MAX_TEXT = 2048;

/** Any text. */
export function text(
  description: string,
  options: { readonly example?: string; readonly maxLength?: number } = {},
): Param<string> {
  const { maxLength = MAX_TEXT, example } = options;
  return {
    description,
    schema: { type: "string", minLength: 1, maxLength },
    ...(example === undefined ? {} : { example }),
    parse(text, name) {
      if (text.length >= 1 && text.length <= maxLength) return text;
      const why = text === "" ? "is empty" : `is longer than ${maxLength} characters`;
      throw httpError(400, `Parameter ${name} ${why}`, { field: name });
    },
  };
}

/** A whole number within bounds. */
export function integer(
  description: string,
  { min, max }: { readonly min: number; readonly max: number },
): Param<number> {
  return {
    description,
    schema: { type: "integer", minimum: min, maximum: max },
    parse(text, name) {
      const value = Number(text);
      if (/^\d{1,15}$/.test(text) && value >= min && value <= max) return value;
      throw httpError(400, `Parameter ${name} is not a whole number from ${min} to ${max}`, {
        field: name,
        value: text.slice(0, 100),
        remedy: `give a number from ${min} to ${max}`,
      });
    },
  };
}

/** `true` or `false`. */
export function flag(description: string): Param<boolean> {
  return {
    description,
    schema: { type: "boolean" },
    parse(text, name) {
      if (text === "true" || text === "false") return text === "true";
      throw httpError(400, `Parameter ${name} is neither true nor false`, {
        field: name,
        value: text.slice(0, 100),
        remedy: "write true or false",
      });
    },
  };
}

/** One of some words. */
export function choice<T extends string>(
  description: string,
  choices: readonly T[],
): Param<T> {
  return {
    description,
    schema: { type: "string", enum: choices },
    parse(text, name) {
      const found = choices.find((one) => one === text);
      if (found !== undefined) return found;
      throw httpError(400, `Parameter ${name} cannot be ${JSON.stringify(text.slice(0, 100))}`, {
        field: name,
        value: text.slice(0, 100),
        remedy: didYouMean(text.slice(0, 100), choices, `use one of ${choices.join(", ")}`),
      });
    },
  };
}

/** A point in time by RFC 3339; the value in milliseconds since the epoch. */
export function time(description: string): Param<number> {
  return {
    description,
    schema: { type: "string", format: "date-time" },
    example: "2026-01-31T12:00:00Z",
    parse(text, name) {
      const shape = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/;
      const value = Date.parse(text);
      if (shape.test(text) && !Number.isNaN(value)) return value;
      throw httpError(400, `Parameter ${name} is no time`, {
        field: name,
        value: text.slice(0, 100),
        remedy: "write it by RFC 3339, e.g. 2026-01-31T12:00:00Z",
      });
    },
  };
}

/**
 * The values of a query. What is not known is an error, so that a filter that is misspelt never
 * gives everything.
 *
 * @throws {FabricError} 400.
 */
export function parseQuery<P extends Params>(
  query: URLSearchParams,
  params: P,
): ParamValues<P> {
  const known = Object.keys(params);
  const values: Record<string, unknown> = {};
  for (const name of new Set(query.keys())) {
    const param = Object.hasOwn(params, name) ? params[name] : undefined;
    if (param === undefined) {
      throw httpError(400, `Parameter ${JSON.stringify(name.slice(0, 100))} is not known here`, {
        field: name.slice(0, 100),
        remedy: known.length === 0
          ? "leave it out"
          : didYouMean(name.slice(0, 100), known, `known here: ${known.join(", ")}`),
      });
    }
    const texts = query.getAll(name);
    if (texts.length > 1) {
      throw httpError(400, `Parameter ${name} is given ${texts.length} times`, {
        field: name,
        remedy: "give it once",
      });
    }
    values[name] = param.parse(texts[0] ?? "", name);
  }
  return withNames(values, params);
}

/** The values under the names of the parameters, all of which exist. */
function withNames<P extends Params>(
  values: Readonly<Record<string, unknown>>,
  params: P,
): ParamValues<P> {
  const named: Record<string, unknown> = {};
  for (const name of Object.keys(params)) named[name] = values[name];
  return trustNames(named, params);
}

// Each value came from the parser of its own name above, which TypeScript cannot follow.
function trustNames<P extends Params>(
  values: Readonly<Record<string, unknown>>,
  params: P,
): ParamValues<P>;
function trustNames(values: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return values;
}
