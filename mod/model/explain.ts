/**
 * The fields of a schema, for people: their types, whether they must be there, and what they are.
 * The schema is the one that documents are validated by, so both always say the same.
 *
 * @module
 */

import * as v from "valibot";
import { FabricError } from "../error.ts";
import { didYouMean } from "../nearest.ts";

/** A field, and those below it. */
export interface ExplainedField {
  readonly name: string;
  /** `string`, `number`, `[]string`, `map[string]string`, `Object`, `[]Object`. */
  readonly type: string;
  readonly required: boolean;
  readonly text: string | undefined;
  /** The only values allowed. */
  readonly values: readonly string[];
  readonly fields: readonly ExplainedField[];
}

/** What the walk needs of any schema. */
interface AnySchema {
  readonly type: string;
  readonly wrapped?: unknown;
  readonly item?: unknown;
  readonly value?: unknown;
  readonly entries?: unknown;
  readonly options?: unknown;
  readonly literal?: unknown;
}

function isSchema(value: unknown): value is v.GenericSchema & AnySchema {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "schema";
}

function isOptional(schema: AnySchema): boolean {
  return schema.type === "optional";
}

function unwrap(schema: v.GenericSchema & AnySchema): v.GenericSchema & AnySchema {
  return isOptional(schema) && isSchema(schema.wrapped) ? unwrap(schema.wrapped) : schema;
}

const SCALARS: Readonly<Record<string, string>> = {
  string: "string",
  number: "number",
  boolean: "boolean",
  picklist: "string",
};

function typeOf(schema: v.GenericSchema & AnySchema): string {
  if (schema.type === "array" && isSchema(schema.item)) return `[]${typeOf(unwrap(schema.item))}`;
  if (schema.type === "record" && isSchema(schema.value)) {
    return `map[string]${typeOf(unwrap(schema.value))}`;
  }
  if (schema.type === "literal") return typeof schema.literal;
  if (schema.type === "union" && Array.isArray(schema.options)) {
    const options: readonly unknown[] = schema.options;
    const types = options.filter(isSchema).map((option) => typeOf(unwrap(option)));
    return [...new Set(types)].join(" or ");
  }
  return SCALARS[schema.type] ?? "Object";
}

function valuesOf(schema: v.GenericSchema & AnySchema): readonly string[] {
  if (schema.type === "literal") return [String(schema.literal)];
  const { options } = schema;
  if (schema.type !== "picklist" || !Array.isArray(options)) return [];
  const all: readonly unknown[] = options;
  return all.map(String);
}

/** The object that a field is, or is a list or map of. */
function innermost(schema: v.GenericSchema & AnySchema): v.GenericSchema & AnySchema {
  const inner = schema.type === "array" ? schema.item : schema.type === "record" ? schema.value : 0;
  return isSchema(inner) ? innermost(unwrap(inner)) : schema;
}

function textOf(schema: v.GenericSchema & AnySchema): string | undefined {
  return v.getDescription(schema) ?? v.getDescription(unwrap(schema));
}

function explain(name: string, schema: v.GenericSchema & AnySchema): ExplainedField {
  const inner = unwrap(schema);
  const { entries } = innermost(inner);
  const below = typeof entries === "object" && entries !== null ? Object.entries(entries) : [];
  return {
    name,
    type: typeOf(inner),
    required: !isOptional(schema),
    text: textOf(schema),
    values: valuesOf(inner),
    fields: below.flatMap(([field, value]) => isSchema(value) ? [explain(field, value)] : []),
  };
}

/**
 * The field at a path such as `spec.subnets.cidr` (indices are allowed and mean nothing); no path:
 * the object itself.
 *
 * @throws {FabricError} `invalid`, with the nearest field.
 */
export function explainField(
  schema: v.GenericSchema,
  path: readonly string[],
  { name }: { readonly name: string },
): ExplainedField {
  if (!isSchema(schema)) throw new TypeError("not a schema");
  let field = explain(name, schema);
  const gone: string[] = [];
  for (const step of path) {
    const next = field.fields.find((candidate) => candidate.name === step);
    if (next === undefined) {
      const names = field.fields.map((candidate) => candidate.name);
      const where = gone.length === 0 ? name : `${name}.${gone.join(".")}`;
      throw new FabricError("invalid", `${where} has no field ${step}`, {
        field: [...gone, step].join("."),
        value: step,
        remedy: names.length === 0
          ? `it is of type ${field.type}`
          : didYouMean(step, names, `it has ${names.join(", ")}`),
      });
    }
    gone.push(step);
    field = next;
  }
  return field;
}
