/**
 * The records that IPAM writes: addresses, owners, attachments, history.
 *
 * @module
 */

import { FabricError } from "../../mod/error.ts";
import { underPrefix } from "../../mod/etcd/store.ts";
import { type Address, formatAddress, tryParseAddress } from "../../mod/ip/address.ts";
import { historyOf, whoHeld } from "../../mod/ipam/history.ts";
import {
  addressKey,
  attachmentKey,
  coolingKey,
  escapeSegment,
  nodeAttachmentPrefix,
  PREFIXES,
} from "../../mod/ipam/keys.ts";
import {
  decodeAddress,
  decodeAttachment,
  decodeHistory,
  historyObject,
} from "../../mod/ipam/objects.ts";
import { etagOf } from "../http/etag.ts";
import { httpError } from "../http/http_error.ts";
import { listBody, objectSatisfies } from "../http/list.ts";
import { LIST_PARAMS, parseList, pickFields } from "../http/list_query.ts";
import { OBJECT_SCHEMAS } from "../http/object_schemas.ts";
import { integer, text, time } from "../http/param.ts";
import { type Call, defineRoute, type Reply, type Route } from "../http/route.ts";
import { listStore } from "../http/store_list.ts";
import { listRoute, listSchema } from "./list_route.ts";

/** @throws {FabricError} 400. */
export function addressOf(text: string, field: string): Address {
  const address = tryParseAddress(text);
  if (address !== undefined) return address;
  throw httpError(400, `${JSON.stringify(text.slice(0, 60))} is no address`, {
    field,
    value: text.slice(0, 60),
    remedy: "write it like 10.0.0.5 or 2001:db8::5",
  });
}

const NETWORK_ADDRESS = {
  network: { description: "Network of the address", example: "pods" },
  address: { description: "The address", example: "10.100.0.5" },
} as const;

/** A free address has no record: it answers as one without a state, so that its page can be shown. */
async function getAddress(call: Call): Promise<Reply> {
  const { context, path, sees } = call;
  const { network = "" } = path;
  const address = addressOf(path["address"] ?? "", "address");
  await context.mirror.fresh();
  const known = context.mirror.tables.networks.get(escapeSegment(network));
  if (known === undefined || !sees(network)) {
    throw httpError(404, `Network ${network} does not exist`, { field: "network", value: network });
  }
  const read = await context.store.txn({
    success: [
      { range: { key: addressKey(network, address) } },
      { range: { key: coolingKey(network, address), keysOnly: true } },
    ],
  });
  const [record, cooling] = read.results.map((result) =>
    result.kind === "range" ? result.response.kvs[0] : undefined
  );
  if (record === undefined) {
    throw httpError(404, `Address ${formatAddress(address)} of network ${network} has no record`, {
      field: "address",
      value: formatAddress(address),
      remedy: cooling === undefined ? "it is free" : "it was released a moment ago, and cools",
      type: cooling === undefined ? "not-found" : "cooling",
    });
  }
  const object = decodeAddress(record);
  return {
    status: 200,
    headers: { etag: etagOf(context.mirror.era, record.modRevision) },
    body: object,
  };
}

const OWNER_PARTS = [
  "network",
  "cluster",
  "group",
  "kind",
  "namespace",
  "name",
  "slot",
  "ifname",
] as const;

async function getOwner(call: Call): Promise<Reply> {
  const { context, path, sees } = call;
  await context.mirror.fresh();
  const key = OWNER_PARTS.map((part) => escapeSegment(fromPath(path[part] ?? ""))).join("/");
  const row = sees(path["network"]) ? context.mirror.tables.owners.get(key) : undefined;
  if (row === undefined) {
    throw httpError(404, "There is no such owner", { field: "path", remedy: "see /api/v1/owners" });
  }
  const { ownerObject } = await import("../../mod/ipam/objects.ts");
  return {
    status: 200,
    headers: { etag: etagOf(context.mirror.era, row.revision) },
    body: ownerObject(row.value, row.revision),
  };
}

/** An empty part of a path is written `-`. */
function fromPath(part: string): string {
  return part === "-" ? "" : part;
}

const ATTACHMENT_PARAMS = {
  ...LIST_PARAMS,
  network: text("Only of this network", { maxLength: 63 }),
  cluster: text("Only of this cluster", { maxLength: 253 }),
  node: text("Only on this node; with its cluster", { maxLength: 253 }),
} as const;

async function listAttachments(call: Call<typeof ATTACHMENT_PARAMS>): Promise<Reply> {
  const { context, query, sees } = call;
  const { network, cluster, node } = query;
  const list = parseList(query, {
    schema: OBJECT_SCHEMAS.attachments,
    narrowed: [network, cluster, node],
  });
  await context.mirror.fresh();
  const prefix = cluster === undefined
    ? PREFIXES.attachments
    : node === undefined
    ? `${PREFIXES.attachments}${escapeSegment(cluster)}/`
    : nodeAttachmentPrefix(cluster, node);
  const body = await listStore(context.store, {
    kind: "Attachment",
    query: list,
    range: underPrefix(prefix),
    era: context.mirror.era,
    decode: decodeAttachment,
    wants: (object) => {
      if (object.kind !== "Attachment") return false;
      const { spec } = object;
      return sees(spec.network.name) && (network === undefined || spec.network.name === network) &&
        (node === undefined || spec.node === node);
    },
    onDamage: (error) => context.log.write("warning", error.message),
  });
  return { status: 200, body };
}

async function getAttachment(call: Call): Promise<Reply> {
  const { context, path, sees } = call;
  const { cluster = "", node = "", container = "", ifname = "" } = path;
  await context.mirror.fresh();
  const key = attachmentKey({ cluster, node, containerId: container, ifname });
  const { kvs: [kv] } = await context.store.range({ key });
  const object = kv === undefined ? undefined : decodeAttachment(kv);
  if (kv === undefined || object === undefined || !sees(object.spec.network.name)) {
    throw httpError(404, "There is no such attachment", {
      field: "path",
      remedy: "see /api/v1/attachments",
    });
  }
  return {
    status: 200,
    headers: { etag: etagOf(context.mirror.era, kv.modRevision) },
    body: object,
  };
}

const HISTORY_PARAMS = {
  ...LIST_PARAMS,
  address: text("Only of this address, in whatever network, oldest first", { maxLength: 45 }),
  network: text("Only of this network", { maxLength: 63 }),
  at: time("With `address`: who had it at this time"),
  skew: integer("With `at`: how many seconds clocks of nodes may differ; default 5", {
    min: 0,
    max: 86_400,
  }),
} as const;

async function listHistory(call: Call<typeof HISTORY_PARAMS>): Promise<Reply> {
  const { context, query, sees } = call;
  const { address, network, at, skew } = query;
  const list = parseList(query, { schema: OBJECT_SCHEMAS.history, narrowed: [address, network] });
  if (address === undefined && (at !== undefined || skew !== undefined)) {
    throw httpError(400, "A time needs an address", {
      field: "at",
      remedy: "add address, or ask /api/v1/search first",
    });
  }
  const revision = await context.mirror.fresh();
  const { era } = context.mirror;
  if (address === undefined) {
    const body = await listStore(context.store, {
      kind: "History",
      query: list,
      range: underPrefix(PREFIXES.history),
      era,
      decode: decodeHistory,
      wants: (object) =>
        object.kind === "History" && sees(object.spec.network.name) &&
        (network === undefined || object.spec.network.name === network),
      onDamage: (error: FabricError) => context.log.write("warning", error.message),
    });
    return { status: 200, body };
  }
  const parsed = addressOf(address, "address");
  const intervals = at === undefined
    ? await historyOf(context.store, parsed)
    : await whoHeld(context.store, parsed, at, {
      ...(skew === undefined ? {} : { skewMs: skew * 1000 }),
      ...(network === undefined ? {} : { network }),
    });
  const objects = intervals.map(historyObject).filter((object) =>
    sees(object.spec.network.name) &&
    (network === undefined || object.spec.network.name === network) &&
    objectSatisfies(list, object)
  );
  // One address has a few records a day at most: they are one page.
  const items = objects.slice(-list.limit).map((object) => pickFields(object, list.fields));
  return { status: 200, body: listBody("History", { items, revision, era }) };
}

/** Routes of the records. */
export const RECORD_ROUTES: readonly Route[] = [
  listRoute({
    kind: "addresses",
    tag: "addresses",
    summary: "List addresses that have a record: used, owned, reserved",
    tenant: "own",
  }),
  defineRoute({
    method: "GET",
    path: "/api/v1/addresses/{network}/{address}",
    id: "getAddress",
    tag: "addresses",
    summary: "Get the record of an address",
    access: "viewer",
    tenant: "own",
    pathParams: NETWORK_ADDRESS,
    answers: { 200: { description: "The address", schema: OBJECT_SCHEMAS.addresses } },
    problems: [404],
    handle: getAddress,
  }),
  listRoute({
    kind: "owners",
    tag: "owners",
    summary: "List workloads' slots that keep their addresses",
    tenant: "own",
  }),
  defineRoute({
    method: "GET",
    path: `/api/v1/owners/${OWNER_PARTS.map((part) => `{${part}}`).join("/")}`,
    id: "getOwner",
    tag: "owners",
    summary: "Get an owner",
    description: "An empty part, such as the core group, is written `-`.",
    access: "viewer",
    tenant: "own",
    pathParams: Object.fromEntries(
      OWNER_PARTS.map((part) => [part, { description: `The owner's ${part}` }]),
    ),
    answers: { 200: { description: "The owner", schema: OBJECT_SCHEMAS.owners } },
    problems: [404],
    handle: getOwner,
  }),
  defineRoute({
    method: "GET",
    path: "/api/v1/attachments",
    id: "listAttachments",
    tag: "attachments",
    summary: "List interfaces of sandboxes on nodes",
    access: "viewer",
    tenant: "own",
    query: ATTACHMENT_PARAMS,
    answers: { 200: { description: "A page", schema: listSchema("attachments") } },
    problems: [410],
    handle: listAttachments,
  }),
  defineRoute({
    method: "GET",
    path: "/api/v1/attachments/{cluster}/{node}/{container}/{ifname}",
    id: "getAttachment",
    tag: "attachments",
    summary: "Get one interface of a sandbox",
    access: "viewer",
    tenant: "own",
    pathParams: {
      cluster: { description: "Cluster of the node" },
      node: { description: "The node" },
      container: { description: "The sandbox's container id" },
      ifname: { description: "The interface" },
    },
    answers: { 200: { description: "The attachment", schema: OBJECT_SCHEMAS.attachments } },
    problems: [404],
    handle: getAttachment,
  }),
  defineRoute({
    method: "GET",
    path: "/api/v1/history",
    id: "listHistory",
    tag: "history",
    summary: "List who had which address and when; with `address` and `at`, who had it then",
    access: "viewer",
    tenant: "own",
    query: HISTORY_PARAMS,
    answers: { 200: { description: "A page", schema: listSchema("history") } },
    problems: [410],
    handle: listHistory,
  }),
];
