/**
 * Validation of what administrators write. Everything that can be said of a document without the
 * store is said here, all faults at once, each with field, value and remedy.
 *
 * @module
 */

import * as v from "valibot";
import { FabricError } from "../error.ts";
import { didYouMean } from "../nearest.ts";
import { type FieldError, fieldError, invalidDocument, valueText } from "./field_error.ts";
import {
  RESOURCE_SCHEMAS,
  WRITTEN_KINDS,
  type WrittenKind,
  type WrittenResource,
} from "./kinds.ts";
import { API_VERSION, KINDS } from "./resource.ts";
import {
  checkInteger,
  checkLabel,
  checkLabelKeys,
  checkLabelValue,
  checkList,
  checkSubdomain,
} from "./validate_names.ts";
import { MAX_MTU, MIN_MTU_V6, NETWORK_CHECKS } from "./validate_network.ts";
import { type Checks, isFields, keepUnknown, walkShape } from "./validate_shape.ts";

/** Octets that a document may take in the store: a value, well under etcd's request limit. */
export const MAX_DOCUMENT_BYTES = 128 * 1024;

/** What a document says it is, before anything else of it is looked at. */
export interface DocumentHead {
  readonly kind: WrittenKind;
  readonly name: string;
  /** Of a Node: names of nodes mean nothing without their cluster. */
  readonly cluster: string | undefined;
}

const METADATA_CHECKS: Checks = {
  "metadata.name": checkLabel,
  "metadata.labels": checkLabelKeys,
  "metadata.labels.*": checkLabelValue,
  "metadata.annotations": checkLabelKeys,
  "metadata.resourceVersion": checkResourceVersion,
};

/** A Node is known by its cluster and name, so a cluster is a part of a key like a name. */
const CHECKS: Readonly<Record<WrittenKind, Checks>> = {
  PhysicalNetwork: {
    ...METADATA_CHECKS,
    "spec.mtu": checkInteger({ min: MIN_MTU_V6, max: MAX_MTU }),
  },
  Zone: {
    ...METADATA_CHECKS,
    "spec.physicalNetworks": checkList({ whenEmpty: undefined }),
    "spec.physicalNetworks[]": checkLabel,
  },
  Node: {
    ...METADATA_CHECKS,
    "metadata.name": checkSubdomain,
    "spec.cluster": checkSubdomain,
    "spec.zone": checkLabel,
    "spec.fenced.at": checkTime,
  },
  Network: { ...METADATA_CHECKS, ...NETWORK_CHECKS },
};

function* checkResourceVersion(value: unknown, field: string): Generator<FieldError> {
  if (typeof value !== "string" || /^[1-9]\d{0,15}$/.test(value)) return;
  yield fieldError(field, `${JSON.stringify(value)} is no revision`, {
    value,
    remedy: "leave it out, or send back what fabric-admin get -o yaml showed",
  });
}

function* checkTime(value: unknown, field: string): Generator<FieldError> {
  if (typeof value !== "string") return;
  const shape = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;
  if (shape.test(value) && !Number.isNaN(Date.parse(value))) return;
  yield fieldError(field, `${JSON.stringify(value)} is not a time`, {
    value,
    remedy: "write it by RFC 3339, e.g. 2026-01-31T12:00:00Z",
  });
}

/**
 * Reads which object the document is about.
 *
 * @throws {FabricError} `invalid`: no object, unknown apiVersion or kind, no name.
 */
export function readHead(document: unknown): DocumentHead {
  if (!isFields(document)) {
    throw new FabricError("invalid", `The document is not an object but ${valueText(document)}`, {
      value: valueText(document),
      remedy: "write apiVersion, kind, metadata and spec",
    });
  }
  const { kind, metadata, spec } = document;
  const name = isFields(metadata) ? metadata["name"] : undefined;
  const cluster = isFields(spec) ? spec["cluster"] : undefined;
  const known = WRITTEN_KINDS.find((candidate) => candidate === kind);
  const errors = [...checkApiVersion(document["apiVersion"]), ...checkKind(kind)];
  if (known === undefined || errors.length > 0) {
    const others = known === undefined ? [] : faults(document, known);
    throw invalidDocument(subjectOf(kind, name), [...errors, ...others]);
  }
  if (typeof name !== "string") throw invalidDocument(known, faults(document, known));
  if (known !== "Node") return { kind: known, name, cluster: undefined };
  if (typeof cluster !== "string") {
    throw invalidDocument(`${known} ${name}`, faults(document, known));
  }
  return { kind: known, name, cluster };
}

function subjectOf(kind: unknown, name: unknown): string {
  const what = typeof kind === "string" && kind !== "" ? valueText(kind) : "Document";
  return typeof name === "string" && name !== "" ? `${what} ${valueText(name)}` : what;
}

function* checkApiVersion(value: unknown): Generator<FieldError> {
  if (value === API_VERSION) return;
  const message = value === undefined
    ? "this field is missing"
    : `${valueText(value)} is not served here`;
  yield fieldError("apiVersion", message, { value, remedy: `write ${API_VERSION}` });
}

function* checkKind(value: unknown): Generator<FieldError> {
  if (WRITTEN_KINDS.some((kind) => kind === value)) return;
  const all = `write one of ${WRITTEN_KINDS.join(", ")}`;
  if (value === undefined) {
    yield fieldError("kind", "this field is missing", { remedy: all });
  } else if (KINDS.some((kind) => kind === value)) {
    yield fieldError("kind", `${valueText(value)} records are written by IPAM itself`, {
      value,
      remedy: value === "Address" ? "use fabric-admin reserve to keep an address" : all,
    });
  } else {
    yield fieldError("kind", `${valueText(value)} is not a kind`, {
      value,
      remedy: typeof value === "string" ? didYouMean(value, WRITTEN_KINDS, all) : all,
    });
  }
}

function faults(document: unknown, kind: WrittenKind, stored?: unknown): readonly FieldError[] {
  // What the store says of an object is shown with it, and may come back as it was shown.
  const { status: _, ...written } = isFields(document) ? document : {};
  return walkShape(RESOURCE_SCHEMAS[kind], written, { field: "", checks: CHECKS[kind], stored });
}

/**
 * The document as a resource of its kind.
 *
 * @param options.stored the object as it stands in the store: fields of it that this version does
 * not know were written by a newer one, are no fault in the document, and are kept.
 * @throws {FabricError} `invalid`; `fieldErrorsOf` gives all faults of the document.
 */
export function validateResource(
  document: unknown,
  options: { readonly stored?: unknown } = {},
): WrittenResource {
  const { kind, name } = readHead(document);
  const { stored } = options;
  const errors = faults(document, kind, stored);
  if (errors.length > 0) throw invalidDocument(`${kind} ${name}`, errors);
  const whole = v.parse(
    RESOURCE_SCHEMAS[kind],
    keepUnknown(RESOURCE_SCHEMAS[kind], document, stored),
  );
  const size = new TextEncoder().encode(JSON.stringify(whole)).length;
  if (size >= MAX_DOCUMENT_BYTES) {
    const message = `the document takes ${size} octets, ${MAX_DOCUMENT_BYTES} are too many`;
    throw invalidDocument(`${kind} ${name}`, [
      fieldError("metadata", message, { remedy: "shorten its annotations and descriptions" }),
    ]);
  }
  return whole;
}
