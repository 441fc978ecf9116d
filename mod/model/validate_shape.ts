/**
 * Walks a document along its schema and finds what the schema, lenient by design, lets pass:
 * unknown fields. It also says what is missing or of the wrong type, and runs the checks of a kind
 * where they belong, so that one pass finds every fault.
 *
 * @module
 */

import * as v from "valibot";
import { didYouMean } from "../nearest.ts";
import { type FieldError, fieldError } from "./field_error.ts";

/** Looks at a value of the right type; `field` is its path. */
export type Check = (value: unknown, field: string) => Iterable<FieldError>;

/** Checks by the path of their field: `spec.vlan`, `spec.subnets[].cidr`, `metadata.labels`. */
export type Checks = Readonly<Record<string, Check>>;

/** A check that runs where the value has the shape of the schema. */
export function checkAs<T>(
  schema: v.GenericSchema<unknown, T>,
  check: (value: T, field: string) => Iterable<FieldError>,
): Check {
  return function* (value, field) {
    const result = v.safeParse(schema, value, { abortEarly: true });
    if (result.success) yield* check(result.output, field);
  };
}

interface Place {
  /** For people: `spec.subnets[0].cidr`. */
  readonly field: string;
  /** For the table of checks: `spec.subnets[].cidr`. */
  readonly pattern: string;
  /** The same place in the stored document: unknown fields that stand there are kept. */
  readonly stored: unknown;
}

type ObjectSchema = v.LooseObjectSchema<v.ObjectEntries, undefined>;
type ArraySchema = v.ArraySchema<v.GenericSchema, undefined>;
type RecordSchema = v.RecordSchema<v.GenericSchema<string, string>, v.GenericSchema, undefined>;
type OptionalSchema = v.OptionalSchema<v.GenericSchema, undefined>;

const isObject = (schema: v.GenericSchema): schema is ObjectSchema =>
  schema.type === "loose_object";
const isArray = (schema: v.GenericSchema): schema is ArraySchema => schema.type === "array";
const isRecord = (schema: v.GenericSchema): schema is RecordSchema => schema.type === "record";
const isOptional = (schema: v.GenericSchema): schema is OptionalSchema =>
  schema.type === "optional";

/** True for a JSON object. */
export function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * All faults of the value, in the order of the document.
 *
 * @param options.stored what stands in the store: fields of it that nobody here knows were written
 * by a newer version, and are no fault.
 */
export function walkShape(
  schema: v.GenericSchema,
  value: unknown,
  options: { readonly field: string; readonly checks: Checks; readonly stored?: unknown },
): readonly FieldError[] {
  const { field, checks, stored } = options;
  return [...walk(schema, value, { place: { field, pattern: field, stored }, checks })];
}

interface Walk {
  readonly place: Place;
  readonly checks: Checks;
}

function* walk(given: v.GenericSchema, value: unknown, at: Walk): Generator<FieldError> {
  const schema = isOptional(given) ? given.wrapped : given;
  const { field, pattern } = at.place;
  const wrong = wrongType(schema, value, field);
  if (wrong !== undefined) {
    yield wrong;
    return;
  }
  if (isObject(schema) && isFields(value)) yield* walkObject(schema, value, at);
  else if (isRecord(schema) && isFields(value)) yield* walkRecord(schema, value, at);
  else if (isArray(schema) && Array.isArray(value)) yield* walkArray(schema, value, at);
  const check = at.checks[pattern];
  if (check !== undefined) yield* check(value, field);
}

function* walkObject(
  schema: ObjectSchema,
  value: Readonly<Record<string, unknown>>,
  { place, checks }: Walk,
): Generator<FieldError> {
  const stored = isFields(place.stored) ? place.stored : {};
  const known = Object.keys(schema.entries);
  for (const [name, inner] of Object.entries(value)) {
    const next = within(place, name, stored[name]);
    const entry = Object.hasOwn(schema.entries, name) ? schema.entries[name] : undefined;
    if (entry !== undefined) {
      if (inner !== undefined) yield* walk(entry, inner, { place: next, checks });
    } else if (!Object.hasOwn(stored, name)) {
      yield fieldError(next.field, "this field is not known", {
        value: inner,
        remedy: didYouMean(name, known, `known here: ${known.join(", ")}`),
      });
    }
  }
  for (const [name, entry] of Object.entries(schema.entries)) {
    if (isOptional(entry) || value[name] !== undefined) continue;
    const meaning = v.getDescription(entry);
    yield fieldError(within(place, name, undefined).field, "this field is missing", {
      remedy: meaning === undefined ? "add it" : `add it: ${meaning}`,
    });
  }
}

function* walkRecord(
  schema: RecordSchema,
  value: Readonly<Record<string, unknown>>,
  { place, checks }: Walk,
): Generator<FieldError> {
  for (const [name, inner] of Object.entries(value)) {
    const field = `${place.field}[${JSON.stringify(name)}]`;
    yield* walk(schema.value, inner, {
      place: { field, pattern: `${place.pattern}.*`, stored: undefined },
      checks,
    });
  }
}

function* walkArray(
  schema: ArraySchema,
  value: readonly unknown[],
  { place, checks }: Walk,
): Generator<FieldError> {
  for (const [index, inner] of value.entries()) {
    yield* walk(schema.item, inner, {
      place: {
        field: `${place.field}[${index}]`,
        pattern: `${place.pattern}[]`,
        stored: sameItem(schema.item, inner, place.stored),
      },
      checks,
    });
  }
}

function within(place: Place, name: string, stored: unknown): Place {
  const join = (path: string): string => path === "" ? name : `${path}.${name}`;
  return { field: join(place.field), pattern: join(place.pattern), stored };
}

/** The item of the stored list that is the same thing: its first field (cidr, to) is equal. */
export function sameItem(schema: v.GenericSchema, item: unknown, stored: unknown): unknown {
  if (!isObject(schema) || !isFields(item) || !Array.isArray(stored)) return undefined;
  const [identity] = Object.keys(schema.entries);
  if (identity === undefined) return undefined;
  return stored.find((other) => isFields(other) && other[identity] === item[identity]);
}

/** What a schema's type is called, and how to write a value of it. */
const TYPES: Readonly<Record<string, { readonly name: string; readonly remedy: string }>> = {
  string: { name: "text", remedy: "write text" },
  number: { name: "a number", remedy: "write a number" },
  boolean: { name: "true or false", remedy: "write true or false, without quotes" },
  array: { name: "a list", remedy: "write a list, also for one item" },
  loose_object: { name: "an object", remedy: "write fields with their values" },
  record: { name: "an object", remedy: "write names with their values" },
};

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return "array";
  return typeof value === "object" ? "loose_object" : typeof value;
}

function wrongType(schema: v.GenericSchema, value: unknown, field: string): FieldError | undefined {
  const wanted = TYPES[schema.type];
  if (wanted === undefined) return undefined;
  if (value === null) {
    return fieldError(field, "it has no value", { value, remedy: "give it one, or leave it out" });
  }
  const found = typeOf(value);
  if (TYPES[found]?.name === wanted.name) return undefined;
  const shown = fieldError(field, "", { value }).value ?? "";
  const quoted = typeof value === "string" ? JSON.stringify(shown) : shown;
  return fieldError(field, `${quoted} is ${TYPES[found]?.name ?? found}, not ${wanted.name}`, {
    value,
    remedy: typeRemedy(schema.type, value) ?? wanted.remedy,
  });
}

function typeRemedy(wanted: string, value: unknown): string | undefined {
  if (wanted === "string" && (typeof value === "number" || typeof value === "boolean")) {
    return `write it in quotes: "${value}"`;
  }
  if (wanted === "number" && typeof value === "string" && /^-?\d+$/.test(value)) {
    return `write it without quotes: ${value}`;
  }
  return undefined;
}

/**
 * The value with those fields of the stored one that the schema does not know: what a newer
 * version wrote survives an older one's edit.
 */
export function keepUnknown(given: v.GenericSchema, value: unknown, stored: unknown): unknown {
  const schema = isOptional(given) ? given.wrapped : given;
  if (isArray(schema) && Array.isArray(value)) {
    return value.map((item) => keepUnknown(schema.item, item, sameItem(schema.item, item, stored)));
  }
  if (!isObject(schema) || !isFields(value) || !isFields(stored)) return value;
  const { entries } = schema;
  const kept = Object.entries(stored).filter(([name]) =>
    !Object.hasOwn(entries, name) && !Object.hasOwn(value, name)
  );
  const written = Object.entries(value).map(([name, inner]): [string, unknown] => {
    const entry = Object.hasOwn(entries, name) ? entries[name] : undefined;
    return [name, entry === undefined ? inner : keepUnknown(entry, inner, stored[name])];
  });
  return Object.fromEntries([...written, ...kept]);
}
