/**
 * Roles for etcd's own auth: what each part of fabric may read and write. They are data; etcd
 * itself enforces them, so that a node whose password is stolen can change addresses, but no
 * network.
 *
 * @module
 */
import { isKind } from "../error.ts";
import type { Client } from "./client.ts";
import { openGateway } from "./gateway.ts";
import { openClient } from "./open_client.ts";
import type { StoreOptions } from "./options.ts";
import { prefixEnd } from "./store.ts";
import { asRecord, type Codec } from "./wire.ts";

export type Access = "read" | "write" | "readwrite";

/** Access to one key, or to all keys that begin with `prefix`; both without the store's prefix. */
export type Permission =
  & { readonly access: Access }
  & ({ readonly key: string } | { readonly prefix: string });

export interface Role {
  /** The role's name in etcd. */
  readonly name: string;
  /** For whom it is. */
  readonly summary: string;
  readonly permissions: readonly Permission[];
}

/** What administrators decide: the plugin reads it and compares it in every transaction. */
const DECIDED = [
  "clusters/",
  "physicalnetworks/",
  "zones/",
  "networks/",
  "quotas/",
  "reserved/",
  "freesize/",
] as const;

/** What ADD and DEL write. */
const LIVED = [
  "nodes/",
  "addresses/",
  "owners/",
  "attachments/",
  "tombstones/",
  "macs/",
  "cooling/",
  "free/",
  "uses/",
  "history/",
  "history-by-owner/",
  // What a node's check found, told with the credentials that the node has.
  "findings/",
] as const;

/** What nodes have no business with: accounts, tokens, the audit, who reclaims. */
const GUARDED = ["access/", "audit/", "idempotency/", "reclaimers/"] as const;

function all(prefixes: readonly string[], access: Access): readonly Permission[] {
  return prefixes.map((prefix) => ({ prefix, access }));
}

/** The roles by the part of fabric that they are for. */
export const ROLES: Readonly<Record<"plugin" | "server" | "admin", Role>> = {
  plugin: {
    name: "fabric-plugin",
    summary: "the CNI plugin on every node",
    permissions: [
      { prefix: "meta/", access: "read" },
      ...all(DECIDED, "read"),
      ...all(LIVED, "readwrite"),
      // What it tells the audit; it cannot read or change what stands there.
      { prefix: "audit/inbox/", access: "write" },
    ],
  },
  server: {
    name: "fabric-server",
    summary: "fabric-ctl, which changes networks for the administrators that it has checked",
    permissions: [
      { prefix: "meta/", access: "read" },
      { key: "meta/edit", access: "readwrite" },
      { key: "meta/exported", access: "readwrite" },
      { key: "meta/fence", access: "readwrite" },
      ...all(DECIDED, "readwrite"),
      ...all(LIVED, "readwrite"),
      ...all(GUARDED, "readwrite"),
    ],
  },
  admin: {
    name: "fabric-admin",
    summary: "fabric-admin, which also migrates and recovers the store",
    permissions: [{ prefix: "", access: "readwrite" }],
  },
};

/** One change of a role, as etcd is asked for it. */
export interface RoleRequest {
  readonly method: "roleAdd" | "roleGrant" | "roleRevoke";
  readonly payload: unknown;
  /** In words, e.g. `fabric-plugin: grant read on /beyondfabric.io/networks/`. */
  readonly summary: string;
}

/** `authpb.Permission.Type`. */
const ACCESS = ["read", "write", "readwrite"] as const;

interface Grant {
  readonly access: Access;
  readonly key: string;
  readonly end: string;
}

/**
 * Makes etcd's roles what {@linkcode ROLES} says: missing ones are added, permissions granted and
 * those that are too many taken back. `options` name a user who may do that (root), or an etcd
 * whose auth is still off. What was changed, in words; nothing when all was right. Users are not
 * touched: `etcdctl user grant-role USER fabric-plugin` gives one the role.
 */
export async function applyRoles(
  options: StoreOptions,
  roles: readonly Role[] = Object.values(ROLES),
): Promise<readonly string[]> {
  await using client = openClient(options, openGateway);
  const { codec } = client;
  const done: string[] = [];
  for (const role of roles) {
    const present = await readRole(client, role.name);
    for (const request of planRole(role, { codec, present })) {
      await client.ask(request.method, request.payload);
      done.push(request.summary);
    }
  }
  return done;
}

async function readRole(client: Client<string>, name: string): Promise<unknown> {
  try {
    return await client.ask("roleGet", { role: name });
  } catch (error) {
    if (isKind(error, "not-found")) return undefined;
    throw error;
  }
}

/**
 * The requests that turn what etcd has of a role (its answer to `roleGet`; undefined: it has none)
 * into the role, in the order in which they are to be made.
 */
export function planRole<Bytes>(
  role: Role,
  { codec, present }: { readonly codec: Codec<Bytes>; readonly present: unknown },
): readonly RoleRequest[] {
  const { name } = role;
  const { prefix } = codec;
  const wanted = role.permissions.map((permission): Grant => {
    if ("key" in permission) {
      return { access: permission.access, key: prefix + permission.key, end: "" };
    }
    const key = prefix + permission.prefix;
    return { access: permission.access, key, end: prefixEnd(key) };
  });
  const granted = present === undefined ? [] : readGrants(present, codec);
  const isSame = (a: Grant, b: Grant) => a.key === b.key && a.end === b.end;
  const requests: RoleRequest[] = [];
  if (present === undefined) {
    requests.push({ method: "roleAdd", payload: { name }, summary: `${name}: add the role` });
  }
  for (const grant of wanted) {
    if (granted.some((one) => isSame(one, grant) && one.access === grant.access)) continue;
    const perm = {
      permType: ACCESS.indexOf(grant.access),
      key: codec.encode(grant.key),
      range_end: codec.encode(grant.end),
    };
    const summary = `${name}: grant ${grant.access} on ${grant.key}`;
    requests.push({ method: "roleGrant", payload: { name, perm }, summary });
  }
  for (const grant of granted) {
    if (wanted.some((one) => isSame(one, grant))) continue;
    requests.push({
      method: "roleRevoke",
      payload: { role: name, key: codec.encode(grant.key), range_end: codec.encode(grant.end) },
      summary: `${name}: revoke ${grant.access} on ${grant.key}`,
    });
  }
  return requests;
}

function readGrants<Bytes>(present: unknown, codec: Codec<Bytes>): Grant[] {
  const { perm } = asRecord(present, "role");
  return (Array.isArray(perm) ? perm : []).map((value: unknown) => {
    const { permType, key, range_end } = asRecord(value, "permission");
    const type = typeof permType === "number" ? ACCESS[permType] : undefined;
    const named = ACCESS.find((access) => access === String(permType ?? "READ").toLowerCase());
    return {
      access: type ?? named ?? "read",
      key: codec.decode(key),
      end: codec.decode(range_end),
    };
  });
}
