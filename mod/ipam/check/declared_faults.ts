/**
 * What is wrong with a stored document by the rules for documents.
 *
 * @module
 */

import { FabricError } from "../../error.ts";
import { fieldErrorsOf } from "../../model/field_error.ts";
import type { WrittenResource } from "../../model/kinds.ts";
import { validateResource } from "../../model/validate.ts";
import { nodeKey } from "../keys.ts";
import type { AnyDeclared } from "./declared_row.ts";

/** What apply would say of the document, and whether it is the one of its key. */
export function faultsOf(declared: AnyDeclared, resource: WrittenResource): readonly string[] {
  const faults: string[] = [];
  const { metadata, kind } = resource;
  if (metadata.name !== declared.name) {
    faults.push(`metadata.name: ${metadata.name} stands under the key of ${declared.name}`);
  }
  const key = kind === "Node" ? nodeKey(resource.spec.cluster, declared.name) : declared.kv.key;
  if (key !== declared.kv.key) faults.push("spec.cluster: it is not that of the key");
  if (metadata.uid === undefined || metadata.uid === "") {
    faults.push("metadata.uid: this field is missing");
  }
  const { resourceVersion: _, ...plain } = metadata;
  const { status: __, ...document } = { ...resource, metadata: plain };
  try {
    validateResource(document, { stored: document });
  } catch (error) {
    if (!(error instanceof FabricError)) throw error;
    const fields = fieldErrorsOf(error).map(({ field, message }) => `${field}: ${message}`);
    faults.push(...fields.length > 0 ? fields : [error.message]);
  }
  return faults;
}
