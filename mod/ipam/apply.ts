/**
 * Writes what administrators declare. A document is applied whole: what it leaves out is not set
 * (any more). Nothing is taken away from under those who use it.
 *
 * @module
 */

import * as v from "valibot";
import { FabricError } from "../error.ts";
import { RESOURCE_SCHEMAS, type WrittenKind, type WrittenResource } from "../model/kinds.ts";
import { readHead, validateResource } from "../model/validate.ts";
import { isFields } from "../model/validate_shape.ts";
import { completeNetwork, planNetwork } from "./apply_network.ts";
import { planNode, planPhysicalNetwork, planZone } from "./apply_others.ts";
import { type IpamContext, timestamp } from "./context.ts";
import { type Decision, type EditBase, type EditPlan, runEdit } from "./edit.ts";
import { describeRef, objectKey, type ObjectRef } from "./kinds.ts";
import { decodeResource, encodeResource } from "./stored.ts";

export interface ApplyOptions {
  /** Checks everything and writes nothing. Default false. */
  readonly dryRun?: boolean;
  /** After that an edit of somebody who died is finished in his place. Default: `runEdit`'s. */
  readonly claimPatienceMs?: number;
}

/** What became of a document. */
export interface Applied {
  readonly outcome: "created" | "configured" | "unchanged";
  /** As it stands in the store now; after a dry run of a change, as it would stand. */
  readonly resource: WrittenResource;
  /** As it stood before; undefined where there was none. */
  readonly before: WrittenResource | undefined;
}

/**
 * Creates or changes the object that the document declares. `metadata.resourceVersion` and `uid`,
 * where the document has them, guard the edit.
 *
 * @param document as parsed from YAML or JSON; anything else than a valid document is refused.
 * @throws {FabricError} `invalid`: the document, `fieldErrorsOf` gives all faults; `conflict`: VLAN
 * or subnet of another network, or changed since `resourceVersion`; `in-use`: it would take away
 * what is used, naming the first five who use it; and as `runEdit`.
 */
export async function applyResource(
  context: IpamContext,
  document: unknown,
  options: ApplyOptions = {},
): Promise<Applied> {
  return await writeResource(context, { ref: readHead(document), wanted: () => document, options });
}

/** One write of one object. */
export interface Write {
  readonly ref: ObjectRef;
  /** The document by what stands in the store. */
  readonly wanted: (stored: WrittenResource | undefined) => unknown;
  readonly options: ApplyOptions;
}

/** The way of every write: decide by what stands in the store, and commit under that. */
export async function writeResource(
  context: IpamContext,
  { ref, wanted: wantedOf, options }: Write,
): Promise<Applied> {
  const fresh = { uid: crypto.randomUUID(), creationTimestamp: timestamp(context) };
  const key = objectKey(ref);
  const decide = async (base: EditBase): Promise<Decision<Applied>> => {
    const stored = base.object === undefined ? undefined : decodeResource(base.object, ref.kind);
    const written = validateResource(await wantedOf(stored), { stored });
    checkGuards(ref, written.metadata, stored);
    const wanted = await complete(context, withIdentity(written, stored, fresh));
    if (stored !== undefined && encodeSorted(wanted) === encodeSorted(stored)) {
      return { done: { outcome: "unchanged", resource: stored, before: stored } };
    }
    const plan = await planOf(context, { wanted, stored, base });
    const outcome = stored === undefined ? "created" : "configured";
    if (options.dryRun === true) return { done: { outcome, resource: wanted, before: stored } };
    const put = { put: key, value: encodeResource(wanted) };
    return {
      plan: { ...plan, success: [put, ...plan.success] },
      result: (revision) => ({
        outcome,
        resource: withVersion(wanted, revision),
        before: stored,
      }),
    };
  };
  return await runEdit(context, { key, decide, claimPatienceMs: options.claimPatienceMs });
}

/** What a caller knows of the object that it edits or deletes. */
export interface Guards {
  readonly resourceVersion?: string | undefined;
  readonly uid?: string | undefined;
}

/**
 * Refuses the edit where the object is not the one that the caller saw.
 *
 * @throws {FabricError} `conflict`.
 */
export function checkGuards(
  ref: ObjectRef,
  guards: Guards,
  stored: WrittenResource | undefined,
): void {
  const { resourceVersion, uid } = guards;
  const now = stored?.metadata;
  if (resourceVersion !== undefined && resourceVersion !== now?.resourceVersion) {
    const what = now === undefined
      ? "does not exist (any more)"
      : `was changed meanwhile: it is at revision ${now.resourceVersion}`;
    throw new FabricError("conflict", `${describeRef(ref)} ${what}`, {
      field: "metadata.resourceVersion",
      value: resourceVersion,
      remedy: now === undefined
        ? "leave metadata.resourceVersion out to create it"
        : "get it again and edit that, or leave metadata.resourceVersion out",
    });
  }
  if (uid !== undefined && now !== undefined && uid !== now.uid) {
    throw new FabricError("conflict", `${describeRef(ref)} is another one: its uid is ${now.uid}`, {
      field: "metadata.uid",
      value: uid,
      remedy: "get it again and edit that, or leave metadata.uid out",
    });
  }
}

function rebuild(kind: WrittenKind, fields: unknown): WrittenResource {
  return v.parse(RESOURCE_SCHEMAS[kind], fields);
}

/** The document with what only the store gives: uid, time of creation, status. */
function withIdentity(
  written: WrittenResource,
  stored: WrittenResource | undefined,
  fresh: { readonly uid: string; readonly creationTimestamp: string },
): WrittenResource {
  const { status: _, ...fields } = written;
  const { uid = fresh.uid, creationTimestamp = fresh.creationTimestamp } = stored?.metadata ?? {};
  const { resourceVersion: __, ...metadata } = written.metadata;
  return rebuild(written.kind, {
    ...fields,
    metadata: { ...metadata, uid, creationTimestamp },
    ...(stored?.status === undefined ? {} : { status: stored.status }),
  });
}

function withVersion(resource: WrittenResource, revision: number): WrittenResource {
  const metadata = { ...resource.metadata, resourceVersion: String(revision) };
  return rebuild(resource.kind, { ...resource, metadata });
}

/** The stored text with all fields in order, so that equal documents have equal texts. */
function encodeSorted(resource: WrittenResource): string {
  const sort = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(sort);
    if (!isFields(value)) return value;
    const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
    entries.sort(([a], [b]) => a < b ? -1 : 1);
    return Object.fromEntries(entries.map(([name, inner]) => [name, sort(inner)]));
  };
  return JSON.stringify(sort(JSON.parse(encodeResource(resource))));
}

/** Fills in what the document leaves to others. */
async function complete(context: IpamContext, wanted: WrittenResource): Promise<WrittenResource> {
  return wanted.kind === "Network" ? await completeNetwork(context.store, wanted) : wanted;
}

interface PlanInput {
  readonly wanted: WrittenResource;
  readonly stored: WrittenResource | undefined;
  readonly base: EditBase;
}

async function planOf(
  context: IpamContext,
  { wanted, stored, base }: PlanInput,
): Promise<EditPlan> {
  const { store } = context;
  switch (wanted.kind) {
    case "PhysicalNetwork":
      return await planPhysicalNetwork(store, wanted);
    case "Zone":
      return await planZone(store, wanted, {
        stored: stored?.kind === "Zone" ? stored : undefined,
        base,
      });
    case "Node":
      return await planNode(store, wanted, stored?.kind === "Node" ? stored : undefined);
    case "Network":
      return await planNetwork(store, wanted, {
        stored: stored?.kind === "Network" ? stored : undefined,
        base,
      });
  }
}
