/**
 * What administrators do with addresses. Each is asked twice: once to see what would happen, once
 * to do it.
 *
 * @module
 */

import * as v from "valibot";
import { HolderSchema, type OwnerRef } from "../../../../mod/model/identity.ts";
import { ask } from "./request.ts";

const OwnerChangeSchema = v.looseObject({
  outcome: v.picklist(["created", "changed", "removed", "unchanged"]),
  addresses: v.array(v.string()),
  leaving: v.array(v.string()),
  released: v.array(v.string()),
  holder: v.optional(HolderSchema),
});
/** What a change of an owner's addresses comes to. */
export type OwnerChange = v.InferOutput<typeof OwnerChangeSchema>;

const ReleaseSchema = v.looseObject({ released: v.boolean() });
const ReservationSchema = v.looseObject({
  changed: v.array(v.string()),
  unchanged: v.array(v.string()),
});

/** Checks only, and tells what would happen. */
export interface Trial {
  readonly dryRun?: boolean;
}

interface Slot {
  readonly network: string;
  readonly owner: OwnerRef;
}

function run<T>(
  name: string,
  schema: v.GenericSchema<unknown, T>,
  { body, dryRun = false }: { readonly body: unknown } & Trial,
): Promise<T> {
  return ask(`/operations/${name}`, schema, {
    method: "POST",
    body,
    query: dryRun ? { dryRun } : {},
  });
}

export function fix(
  body: Slot & { readonly addresses: readonly string[] },
  trial: Trial = {},
): Promise<OwnerChange> {
  return run("fix", OwnerChangeSchema, { body, ...trial });
}

export function unfix(
  body: Slot & { readonly addresses?: readonly string[] },
  trial: Trial = {},
): Promise<OwnerChange> {
  return run("unfix", OwnerChangeSchema, { body, ...trial });
}

export function move(
  body: Slot & { readonly from: string; readonly to: string },
  trial: Trial = {},
): Promise<OwnerChange> {
  return run("move", OwnerChangeSchema, { body, ...trial });
}

/** Any free address of each family. */
export function allocate(body: Slot, trial: Trial = {}): Promise<OwnerChange> {
  return run("allocate", OwnerChangeSchema, { body, ...trial });
}

export function release(
  body: { readonly network: string; readonly address: string; readonly id?: string },
  trial: Trial = {},
): Promise<v.InferOutput<typeof ReleaseSchema>> {
  return run("release", ReleaseSchema, { body, ...trial });
}

export function reserve(
  body: { readonly network: string; readonly range: string; readonly reason: string },
  trial: Trial = {},
): Promise<v.InferOutput<typeof ReservationSchema>> {
  return run("reserve", ReservationSchema, { body, ...trial });
}

export function unreserve(
  body: { readonly network: string; readonly range: string },
  trial: Trial = {},
): Promise<v.InferOutput<typeof ReservationSchema>> {
  return run("unreserve", ReservationSchema, { body, ...trial });
}
