/**
 * What is wrong with a document, a field at a time, and the one error that carries all of it.
 *
 * @module
 */

import * as v from "valibot";
import { FabricError } from "../error.ts";

const FieldErrorSchema = v.object({
  /** Path of the field, e.g. `spec.subnets[0].cidr`. */
  field: v.string(),
  /** The value at fault as text, shortened; absent where the field is missing. */
  value: v.optional(v.string()),
  /** What is wrong, with the value, without the field. */
  message: v.string(),
  /** What would be right, or what to do. */
  remedy: v.optional(v.string()),
});
/** One fault of one field. */
export type FieldError = v.InferOutput<typeof FieldErrorSchema>;

const VALUE_LENGTH = 100;

/** A value for people: text as it is, anything else as JSON, shortened. */
export function valueText(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value) ?? String(value);
  return text.length <= VALUE_LENGTH ? text : `${text.slice(0, VALUE_LENGTH)}...`;
}

/** Makes a {@linkcode FieldError}. */
export function fieldError(
  field: string,
  message: string,
  options: { readonly value?: unknown; readonly remedy?: string | undefined } = {},
): FieldError {
  return {
    field,
    message,
    ...(options.value === undefined ? {} : { value: valueText(options.value) }),
    ...(options.remedy === undefined ? {} : { remedy: options.remedy }),
  };
}

/**
 * The error for all faults of a document: it speaks of the first, says how many more there are, and
 * holds them all for {@linkcode fieldErrorsOf}. `subject` is e.g. `Network prod`; `conflict` means that
 * somebody else has what is wanted.
 */
export function invalidDocument(
  subject: string,
  errors: readonly FieldError[],
  { kind = "invalid" }: { readonly kind?: "invalid" | "conflict" } = {},
): FabricError {
  const [first] = errors;
  const more = errors.length - 1;
  const rest = more <= 0 ? "" : ` (and ${more} more ${more === 1 ? "error" : "errors"})`;
  return new FabricError(kind, `${subject}: ${first?.field}: ${first?.message}${rest}`, {
    ...(first === undefined ? {} : { field: first.field }),
    ...(first?.value === undefined ? {} : { value: first.value }),
    ...(first?.remedy === undefined ? {} : { remedy: first.remedy }),
    details: { subject, errors },
  });
}

const DetailsSchema = v.object({ errors: v.array(FieldErrorSchema) });

/** All faults that the error carries; empty where it is not about fields of a document. */
export function fieldErrorsOf(error: FabricError): readonly FieldError[] {
  const details = v.safeParse(DetailsSchema, error.details);
  return details.success ? details.output.errors : [];
}

/** Runs a parser; its error becomes one of the field, with the parser's message and remedy. */
export function tryField<T>(
  field: string,
  parse: () => T,
): { readonly value: T } | { readonly error: FieldError } {
  try {
    return { value: parse() };
  } catch (error) {
    if (!(error instanceof FabricError)) throw error;
    const { message, value, remedy } = error;
    return { error: fieldError(field, message, { value, remedy }) };
  }
}
