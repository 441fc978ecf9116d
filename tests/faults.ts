/**
 * Documents with one fault, and what validation says of it, for tests.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { FabricError } from "../mod/error.ts";
import { type FieldError, fieldErrorsOf } from "../mod/model/field_error.ts";
import { API_VERSION } from "../mod/model/resource.ts";
import { validateResource } from "../mod/model/validate.ts";

export type Fields = Readonly<Record<string, unknown>>;

/** What every document begins with. */
export const HEAD = { apiVersion: API_VERSION, metadata: { name: "prod" } };

/** The spec of a network that is right. */
export const PLAIN: Fields = {
  physicalNetwork: "wire",
  vlan: 10,
  subnets: [{ cidr: "10.0.0.0/24" }],
};

/** A network that is right but for these fields. */
export function networkWith(spec: Fields, metadata: Fields = { name: "prod" }): Fields {
  return { ...HEAD, kind: "Network", metadata, spec: { ...PLAIN, ...spec } };
}

/** The same with one subnet, right but for these fields. */
export function subnetWith(fields: Fields): Fields {
  return networkWith({ subnets: [{ cidr: "10.0.0.0/24", ...fields }] });
}

/** All faults of the document. */
export function errorsOf(document: unknown, stored?: unknown): readonly FieldError[] {
  try {
    validateResource(document, { stored });
    return [];
  } catch (error) {
    assert(error instanceof FabricError, String(error));
    assertEquals(error.kind, "invalid");
    return fieldErrorsOf(error);
  }
}

/** The one fault that a document has. */
export function onlyErrorOf(document: unknown): FieldError {
  const errors = errorsOf(document);
  assertEquals(errors.length, 1, JSON.stringify(errors));
  const [error] = errors;
  assert(error?.remedy !== undefined);
  return error;
}

/** What is written, the field at fault, a part of the message, a part of the remedy. */
export type Row = readonly [document: unknown, field: string, message: string, remedy: string];

/** Fails where a document has another fault than its row says, or more. */
export function assertFaults(rows: readonly Row[]): void {
  for (const [document, field, message, remedy] of rows) {
    const error = onlyErrorOf(document);
    assertEquals(error.field, field);
    assert(error.message.includes(message), `${field}: ${error.message}`);
    assert(error.remedy?.includes(remedy), `${field}: ${error.remedy}`);
  }
}
