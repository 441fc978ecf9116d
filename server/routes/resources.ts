/**
 * The kinds that administrators write: lists, watches, and changes by the same rules as the command
 * line's, since it is the same code that checks and commits.
 *
 * @module
 */

import { asFabricError, type FabricError, isKind } from "../../mod/error.ts";
import { applyResource } from "../../mod/ipam/apply.ts";
import { createResource } from "../../mod/ipam/change.ts";
import { deleteResource } from "../../mod/ipam/delete.ts";
import { getResource, type ObjectRef } from "../../mod/ipam/kinds.ts";
import type { WrittenKind, WrittenResource } from "../../mod/model/kinds.ts";
import { API_VERSION } from "../../mod/model/resource.ts";
import { isFields } from "../../mod/model/validate_shape.ts";
import { applyMergePatch } from "../../mod/select/merge_patch.ts";
import { fieldError, invalidDocument } from "../../mod/model/field_error.ts";
import { documentBody } from "../http/body.ts";
import { checkIfMatch, etagOf } from "../http/etag.ts";
import { httpError } from "../http/http_error.ts";
import { OBJECT_SCHEMAS } from "../http/object_schemas.ts";
import { flag } from "../http/param.ts";
import { type Call, defineBodyRoute, defineRoute, type Reply, type Route } from "../http/route.ts";
import type { MirroredKind } from "../mirror/kinds.ts";
import { listRoute } from "./list_route.ts";

type ResourceKind = Extract<MirroredKind, "physicalnetworks" | "zones" | "nodes" | "networks">;

interface ResourceSpec<K extends WrittenKind> {
  readonly plural: ResourceKind;
  readonly kind: K;
  /** Parts of the path behind the plural. */
  readonly parts: readonly ("cluster" | "name")[];
  readonly summary: string;
  readonly example: unknown;
}

const IF_MATCH = {
  "if-match": { description: "ETag of the object as it was read, or `*`", required: true },
} as const;

const DRY_RUN = { dryRun: flag("Check everything and write nothing") } as const;

function refOf<K extends WrittenKind>(
  spec: ResourceSpec<K>,
  path: Readonly<Record<string, string>>,
): ObjectRef<K> {
  const { name = "", cluster } = path;
  return spec.kind === "Node"
    ? { kind: spec.kind, name, cluster: cluster ?? "" }
    : { kind: spec.kind, name };
}

/** The object as it stands, whoever may see it; another's does not exist for a tenant. */
async function readOwn<K extends WrittenKind>(
  call: Pick<Call, "context" | "sees">,
  spec: ResourceSpec<K>,
  ref: ObjectRef<K>,
): Promise<WrittenResource<K>> {
  const { context, sees } = call;
  await context.mirror.fresh();
  if (spec.kind === "Network" && !sees(ref.name)) {
    throw httpError(404, `Network ${ref.name} does not exist`, { field: "name", value: ref.name });
  }
  return await getResource(context.store, ref);
}

function revisionOf(resource: WrittenResource): number {
  return Number(resource.metadata.resourceVersion ?? 0);
}

function replyWith(
  call: Pick<Call, "context">,
  resource: WrittenResource,
  status: number,
  headers: Readonly<Record<string, string>> = {},
): Reply {
  const etag = etagOf(call.context.mirror.era, revisionOf(resource));
  return { status, headers: { etag, ...headers }, body: resource };
}

/** The document must be about the object of the path. */
function checkName(document: unknown, spec: ResourceSpec<WrittenKind>, ref: ObjectRef): void {
  if (!isFields(document)) return;
  const metadata = isFields(document["metadata"]) ? document["metadata"] : {};
  const errors = [
    ...(metadata["name"] === ref.name ? [] : [fieldError("metadata.name", "it is not the path's", {
      value: metadata["name"],
      remedy: `write ${ref.name}; an object cannot be renamed`,
    })]),
    ...(document["kind"] === spec.kind ? [] : [fieldError("kind", "it is not the path's", {
      value: document["kind"],
      remedy: `write ${spec.kind}`,
    })]),
  ];
  if (errors.length > 0) throw invalidDocument(`${spec.kind} ${ref.name}`, errors);
}

/** Somebody changed it between our read and the commit. */
function asPrecondition(cause: unknown): FabricError {
  const error = asFabricError(cause);
  const stale = isKind(error, "conflict") && error.field === "metadata.resourceVersion";
  if (!stale) return error;
  return httpError(412, error.message, {
    field: "if-match",
    ...(error.remedy === undefined ? {} : { remedy: "get it again and edit that" }),
  });
}

/** The object that a change is about, as it is stored; `If-Match` must allow the change. */
async function namedByIfMatch<K extends WrittenKind>(call: Call, spec: ResourceSpec<K>) {
  const { context, request, note } = call;
  const ref = refOf(spec, call.path);
  const stored = await readOwn(call, spec, ref);
  const object = `${spec.kind} ${ref.cluster === undefined ? "" : `${ref.cluster}/`}${ref.name}`;
  note({ object, before: stored });
  const { revision } = checkIfMatch(request, {
    era: context.mirror.era,
    revision: revisionOf(stored),
    object,
  });
  return { ref, stored, object, revision };
}

/** Writes the document over the object that `If-Match` names. */
async function change<K extends WrittenKind>(
  call: Call<typeof DRY_RUN>,
  spec: ResourceSpec<K>,
  next: (stored: WrittenResource<K>) => unknown,
): Promise<Reply> {
  const { context, query, note } = call;
  const { ref, stored, object, revision } = await namedByIfMatch(call, spec);
  const document = next(stored);
  checkName(document, spec, ref);
  const guarded = withVersion(document, revision ?? stored.metadata.resourceVersion ?? "");
  try {
    const dryRun = query.dryRun ?? false;
    const { outcome, resource } = await applyResource(context.ipam, guarded, { dryRun });
    note({
      object,
      before: stored,
      after: resource,
      unchanged: dryRun || outcome === "unchanged",
    });
    return replyWith(call, resource, 200, {
      "x-outcome": dryRun ? `${outcome} (dry run)` : outcome,
    });
  } catch (error) {
    throw asPrecondition(error);
  }
}

function withVersion(document: unknown, resourceVersion: string): unknown {
  if (!isFields(document)) return document;
  const metadata = isFields(document["metadata"]) ? document["metadata"] : {};
  return { ...document, metadata: { ...metadata, resourceVersion } };
}

function routesOf<K extends WrittenKind>(spec: ResourceSpec<K>): readonly Route[] {
  const { plural, kind, parts, summary, example } = spec;
  const schema = OBJECT_SCHEMAS[plural];
  const collection = `/api/v1/${plural}`;
  const path = `${collection}/${parts.map((part) => `{${part}}`).join("/")}`;
  const pathParams = {
    ...(parts.includes("cluster")
      ? { cluster: { description: "Cluster of the node", example: "local" } }
      : {}),
    name: { description: `Name of the ${kind}`, example: exampleName(example) },
  };
  const tenant = plural === "networks" ? "own" : plural === "nodes" ? "none" : "shared";
  const object = { description: `The ${kind}`, schema, example };
  return [
    listRoute({ kind: plural, tag: plural, summary: `List ${summary}`, tenant }),
    defineRoute({
      method: "GET",
      path,
      id: `get${kind}`,
      tag: plural,
      summary: `Get a ${kind}`,
      access: "viewer",
      tenant,
      pathParams,
      answers: { 200: object },
      problems: [404],
      handle: async (call) => {
        const resource = await readOwn(call, spec, refOf(spec, call.path));
        return replyWith(call, resource, 200);
      },
    }),
    defineBodyRoute({
      method: "POST",
      path: collection,
      id: `create${kind}`,
      tag: plural,
      summary: `Create a ${kind}`,
      access: "operator",
      tenant: "none",
      query: DRY_RUN,
      body: documentBody(`The ${kind}`, { schema, example }),
      answers: { 201: { ...object, description: `The ${kind}, created` }, 200: object },
      problems: [409],
      handle: (call) => create(call, spec),
    }),
    defineBodyRoute({
      method: "PUT",
      path,
      id: `replace${kind}`,
      tag: plural,
      summary: `Replace a ${kind}`,
      access: "operator",
      tenant: "none",
      pathParams,
      headers: IF_MATCH,
      query: DRY_RUN,
      body: documentBody(`The ${kind}, whole: what it leaves out is unset`, { schema, example }),
      answers: { 200: object },
      problems: [404, 409, 412, 428],
      handle: (call) => change(call, spec, () => call.body),
    }),
    defineBodyRoute({
      method: "PATCH",
      path,
      id: `patch${kind}`,
      tag: plural,
      summary: `Change fields of a ${kind}`,
      description: "A merge patch (RFC 7396): null unsets a field, a list is replaced whole.",
      access: "operator",
      tenant: "none",
      pathParams,
      headers: IF_MATCH,
      query: DRY_RUN,
      body: documentBody("The fields to change", {
        types: ["application/merge-patch+json", "application/json"],
        schema: { type: "object" },
        example: { spec: { description: "changed" } },
      }),
      answers: { 200: object },
      problems: [404, 409, 412, 428],
      handle: (call) => change(call, spec, (stored) => applyMergePatch(stored, call.body)),
    }),
    defineRoute({
      method: "DELETE",
      path,
      id: `delete${kind}`,
      tag: plural,
      summary: `Delete a ${kind}`,
      access: "operator",
      tenant: "none",
      pathParams,
      headers: IF_MATCH,
      query: DRY_RUN,
      answers: { 200: { ...object, description: `The ${kind} as it was` } },
      problems: [404, 409, 412, 428],
      handle: (call) => remove(call, spec),
    }),
  ];
}

async function create<K extends WrittenKind>(
  call: Call<typeof DRY_RUN, unknown>,
  spec: ResourceSpec<K>,
): Promise<Reply> {
  const { context, query, body, note } = call;
  const { kind, plural } = spec;
  const metadata = isFields(body) && isFields(body["metadata"]) ? body["metadata"] : {};
  const name = typeof metadata["name"] === "string" ? metadata["name"] : "";
  note({ object: `${kind} ${name}` });
  if (isFields(body) && body["kind"] !== undefined && body["kind"] !== kind) {
    throw invalidDocument(`${kind} ${name}`, [
      fieldError("kind", "it is not the path's", { value: body["kind"], remedy: `write ${kind}` }),
    ]);
  }
  if (metadata["resourceVersion"] !== undefined || metadata["uid"] !== undefined) {
    throw invalidDocument(`${kind} ${name}`, [
      fieldError("metadata", "a new object has neither resourceVersion nor uid", {
        remedy: "leave them out; to change what exists, use PUT or PATCH",
      }),
    ]);
  }
  await context.mirror.fresh();
  const document = isFields(body) ? { apiVersion: API_VERSION, kind, ...body } : body;
  const dryRun = query.dryRun ?? false;
  const { resource } = await createResource(context.ipam, document, { dryRun });
  if (dryRun) {
    note({ object: `${kind} ${name}`, after: resource, unchanged: true });
    return { status: 200, body: resource };
  }
  note({ object: `${kind} ${name}`, after: resource });
  const at = resource.kind === "Node" ? `${resource.spec.cluster}/${name}` : name;
  return replyWith(call, resource, 201, { location: `/api/v1/${plural}/${at}` });
}

async function remove<K extends WrittenKind>(
  call: Call<typeof DRY_RUN>,
  spec: ResourceSpec<K>,
): Promise<Reply> {
  const { context, query, note } = call;
  const { ref, object, revision } = await namedByIfMatch(call, spec);
  try {
    const dryRun = query.dryRun ?? false;
    const deleted = await deleteResource(context.ipam, ref, {
      dryRun,
      ...(revision === undefined ? {} : { resourceVersion: revision }),
    });
    note({ object, before: deleted, unchanged: dryRun });
    return { status: 200, body: deleted };
  } catch (error) {
    throw asPrecondition(error);
  }
}

function exampleName(example: unknown): string {
  const metadata = isFields(example) ? example["metadata"] : undefined;
  const name = isFields(metadata) ? metadata["name"] : undefined;
  return typeof name === "string" ? name : "prod";
}

function example(kind: WrittenKind, name: string, spec: unknown): unknown {
  return { apiVersion: API_VERSION, kind, metadata: { name }, spec };
}

/** Routes of PhysicalNetwork, Zone, Node and Network. */
export const RESOURCE_ROUTES: readonly Route[] = [
  ...routesOf({
    plural: "physicalnetworks",
    kind: "PhysicalNetwork",
    parts: ["name"],
    summary: "layer-2 domains",
    example: example("PhysicalNetwork", "prod", { mtu: 1500 }),
  }),
  ...routesOf({
    plural: "zones",
    kind: "Zone",
    parts: ["name"],
    summary: "partitions of the data centre",
    example: example("Zone", "zone1", { physicalNetworks: ["prod"] }),
  }),
  ...routesOf({
    plural: "nodes",
    kind: "Node",
    parts: ["cluster", "name"],
    summary: "hosts that run pods",
    example: example("Node", "node7", { cluster: "local", zone: "zone1" }),
  }),
  ...routesOf({
    plural: "networks",
    kind: "Network",
    parts: ["name"],
    summary: "VLANs with their subnets",
    example: example("Network", "pods", {
      physicalNetwork: "prod",
      vlan: 100,
      subnets: [{ cidr: "10.100.0.0/24", gateway: "10.100.0.1" }],
    }),
  }),
];
