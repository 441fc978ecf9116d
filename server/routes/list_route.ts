/**
 * The route of a list that the mirror keeps, and of its watch.
 *
 * @module
 */

import { isKind } from "../../mod/error.ts";
import { escapeSegment } from "../../mod/ipam/keys.ts";
import { parseLabelSelector } from "../../mod/select/label_selector.ts";
import type { ParamValues } from "../http/param.ts";
import { flag, text } from "../http/param.ts";
import { httpError } from "../http/http_error.ts";
import { listMirror, objectSatisfies } from "../http/list.ts";
import { LIST_PARAMS, parseList, pickFields } from "../http/list_query.ts";
import { KIND_NAMES, OBJECT_SCHEMAS } from "../http/object_schemas.ts";
import {
  type Call,
  defineRoute,
  type Reply,
  type Route,
  type TenantAccess,
} from "../http/route.ts";
import { parsePlace, type WatchPlace } from "../http/watches.ts";
import {
  type ApiObject,
  type MirroredKind,
  networkOf,
  type Row,
  type Values,
  type WatchedKind,
} from "../mirror/kinds.ts";

/** Parameters of a watch. */
export const WATCH_PARAMS = {
  watch: flag("Answer with the changes as Server-Sent Events, without end"),
  resourceVersion: text("With `watch`: tell what changed behind this revision", { maxLength: 20 }),
  lastEventId: text("With `watch`: as the header `Last-Event-ID`, which counts first", {
    maxLength: 80,
  }),
} as const;

const NETWORK_PARAMS = {
  network: text("Only of this network", { maxLength: 63 }),
} as const;

/** Parameters of all lists; those that mean nothing for a kind are not offered for it. */
const ALL_PARAMS = {
  ...LIST_PARAMS,
  ...WATCH_PARAMS,
  labelSelector: text("Only objects with these labels: app=web,tier!=db,env in (a,b),!legacy"),
} as const;

/** The schema of a list. */
export function listSchema(kind: WatchedKind): Readonly<Record<string, unknown>> {
  return {
    type: "object",
    required: ["apiVersion", "kind", "metadata", "items"],
    properties: {
      apiVersion: { type: "string" },
      kind: { const: `${KIND_NAMES[kind]}List` },
      metadata: { $ref: "#/components/schemas/ListMetadata" },
      items: { type: "array", items: { type: "object" } },
    },
  };
}

/**
 * Where a watch begins.
 *
 * @throws {FabricError} 400.
 */
export function placeOf(
  call: Pick<Call, "request" | "context">,
  values: ParamValues<typeof WATCH_PARAMS>,
): WatchPlace | undefined {
  const given = call.request.headers.get("last-event-id") ?? values.lastEventId;
  if (given !== undefined && given !== "") {
    const place = parsePlace(given);
    if (place !== undefined) return place;
    throw httpError(400, "Last-Event-ID is no id of an event", {
      field: "last-event-id",
      value: given.slice(0, 80),
      remedy: "send back the id of the last event, or metadata.lastEventId of a list",
    });
  }
  if (values.resourceVersion === undefined) return undefined;
  if (!/^\d{1,15}$/.test(values.resourceVersion)) {
    throw httpError(400, "Parameter resourceVersion is no revision", {
      field: "resourceVersion",
      value: values.resourceVersion,
      remedy: "send back metadata.resourceVersion of a list",
    });
  }
  const { era } = call.context.mirror;
  return { era, revision: Number(values.resourceVersion), index: Infinity };
}

/** What answers a watch. */
export async function replyWatch(
  call: Call,
  watch: {
    readonly kinds: readonly WatchedKind[];
    readonly from: WatchPlace | undefined;
    readonly wants: (object: ApiObject) => boolean;
    readonly show?: ((object: ApiObject) => unknown) | undefined;
  },
): Promise<Reply> {
  const { context, principal } = call;
  const stream = await context.watches.open({
    kinds: watch.kinds,
    from: watch.from,
    show: watch.show,
    wantsGone: principal.scope === undefined,
    wants: (object) => mayShow(object, call) && watch.wants(object),
  });
  return {
    status: 200,
    headers: { "x-accel-buffering": "no" },
    raw: { type: "text/event-stream; charset=utf-8", content: stream },
  };
}

/** What is of no network is shared, except nodes, which a tenant does not see. */
function mayShow(object: ApiObject, { principal, sees }: Call): boolean {
  if (principal.scope === undefined) return true;
  const network = networkOf(object);
  return network === undefined ? object.kind !== "Node" : sees(network);
}

/** A route that lists and watches a kind that the mirror keeps. */
export function listRoute(spec: {
  readonly kind: MirroredKind;
  readonly tag: string;
  readonly summary: string;
  readonly tenant: TenantAccess;
}): Route {
  const { kind } = spec;
  const head = {
    ...spec,
    method: "GET",
    path: `/api/v1/${kind}`,
    id: `list${listName(kind)}`,
    access: "viewer",
    answers: {
      200: { description: "A page, or with `watch` the changes", schema: listSchema(kind) },
    },
    problems: [410],
  } as const;
  if (kind === "addresses" || kind === "owners") {
    return defineRoute({
      ...head,
      query: { ...ALL_PARAMS, ...NETWORK_PARAMS },
      handle: (call) => answerList(call, kind, call.query.network),
    });
  }
  return defineRoute({
    ...head,
    query: ALL_PARAMS,
    handle: (call) => answerList(call, kind, undefined),
  });
}

/** `listNetworks`, `listPhysicalNetworks`, `listAddresses`: the plural as an operation's id. */
function listName(kind: MirroredKind): string {
  const name = KIND_NAMES[kind];
  return name === "Address" ? "Addresses" : `${name}s`;
}

async function answerList<K extends MirroredKind>(
  call: Call<typeof ALL_PARAMS>,
  kind: K,
  network: string | undefined,
): Promise<Reply> {
  const { context, query } = call;
  const { labelSelector } = query;
  const list = parseList(query, {
    schema: OBJECT_SCHEMAS[kind],
    narrowed: [network, labelSelector],
  });
  const selected = badRequest(() => parseLabelSelector(labelSelector));
  if (query.watch === true) {
    return await replyWatch(call, {
      kinds: [kind],
      from: placeOf(call, query),
      wants: (object) =>
        (network === undefined || networkOf(object) === network) &&
        selected(object.metadata.labels) && objectSatisfies(list, object),
      show: list.fields.length === 0 ? undefined : (object) => pickFields(object, list.fields),
    });
  }
  await context.mirror.fresh();
  const body = listMirror(context.mirror, {
    kind,
    query: list,
    ...(network === undefined ? {} : { prefix: `${escapeSegment(network)}/` }),
    wants: (row) => {
      if (!rowVisible(kind, row, call)) return false;
      return labelSelector === undefined || selected(LABELS[kind](row.value));
    },
  });
  return { status: 200, body };
}

type Labels = Readonly<Record<string, string>> | undefined;

/** Records of IPAM have no labels. */
const LABELS: { readonly [K in MirroredKind]: (value: Values[K]) => Labels } = {
  physicalnetworks: ({ metadata }) => metadata.labels,
  zones: ({ metadata }) => metadata.labels,
  nodes: ({ metadata }) => metadata.labels,
  networks: ({ metadata }) => metadata.labels,
  addresses: () => undefined,
  owners: () => undefined,
};

/** True where the caller may see the row. */
function rowVisible<K extends MirroredKind>(
  kind: K,
  row: Row<Values[K]>,
  { principal, sees }: Pick<Call, "principal" | "sees">,
): boolean {
  if (principal.scope === undefined) return true;
  return NETWORKS[kind](row.value, sees);
}

const NETWORKS: {
  readonly [K in MirroredKind]: (value: Values[K], sees: Call["sees"]) => boolean;
} = {
  physicalnetworks: () => true,
  zones: () => true,
  nodes: () => false,
  networks: ({ metadata }, sees) => sees(metadata.name),
  addresses: ({ network }, sees) => sees(network),
  owners: ({ network }, sees) => sees(network.name),
};

/** What the parser refuses is a fault of the query, not of a document. */
function badRequest<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!isKind(error, "invalid")) throw error;
    const { field, value, remedy } = error;
    throw httpError(400, error.message, {
      ...(field === undefined ? {} : { field }),
      ...(value === undefined ? {} : { value }),
      ...(remedy === undefined ? {} : { remedy }),
    });
  }
}
