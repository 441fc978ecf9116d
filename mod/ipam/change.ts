/**
 * Creating an object that must not exist yet, and changing one that must: what `create`, `edit`,
 * `patch`, `label` and their kin are made of.
 *
 * @module
 */

import { FabricError } from "../error.ts";
import type { WrittenResource } from "../model/kinds.ts";
import { readHead } from "../model/validate.ts";
import { type Applied, type ApplyOptions, writeResource } from "./apply.ts";
import type { IpamContext } from "./context.ts";
import { describeRef, notFound, objectKey, type ObjectRef } from "./kinds.ts";

/**
 * Creates the object that the document declares, and nothing else.
 *
 * @throws {FabricError} as {@linkcode applyResource}; `conflict` where the object exists.
 */
export async function createResource(
  context: IpamContext,
  document: unknown,
  options: ApplyOptions = {},
): Promise<Applied> {
  const ref = readHead(document);
  const wanted = (stored: WrittenResource | undefined): unknown => {
    if (stored === undefined) return document;
    throw new FabricError("conflict", `${describeRef(ref)} exists already`, {
      field: "metadata.name",
      value: ref.name,
      remedy: "change it with apply, edit or patch, or choose another name",
    });
  };
  return await writeResource(context, { ref, wanted, options });
}

/**
 * Changes an object that exists: `change` gets it as it stands, and again whenever somebody else was
 * faster, and answers the whole document that it should be. A `metadata.resourceVersion` or `uid`
 * other than the present one refuses the change.
 *
 * @throws {FabricError} as {@linkcode applyResource}; `not-found`; `invalid` where the document is
 * another object.
 */
export async function changeResource(
  context: IpamContext,
  ref: ObjectRef,
  { change, ...options }: ApplyOptions & {
    readonly change: (current: WrittenResource) => unknown;
  },
): Promise<Applied> {
  const wanted = async (stored: WrittenResource | undefined): Promise<unknown> => {
    if (stored === undefined) throw await notFound(context.store, ref);
    const document = change(stored);
    checkSameObject(ref, document);
    return document;
  };
  return await writeResource(context, { ref, wanted, options });
}

/** A change may not make another object of it: its key in the store is its name. */
function checkSameObject(ref: ObjectRef, document: unknown): void {
  const head = readHead(document);
  if (objectKey(head) === objectKey(ref)) return;
  const field = head.kind !== ref.kind
    ? "kind"
    : head.name !== ref.name
    ? "metadata.name"
    : "spec.cluster";
  throw new FabricError("invalid", `${describeRef(ref)}: ${field} cannot be changed`, {
    field,
    value: describeRef(head),
    remedy: "create the other one, and delete this one when nobody uses it",
  });
}
