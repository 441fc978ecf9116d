/**
 * Deletes what administrators declared, unless somebody refers to it or uses it.
 *
 * @module
 */

import { type Compare, type Operation, type Store, underPrefix } from "../etcd/store.ts";
import { formatOwner } from "../model/identity.ts";
import type { WrittenResource } from "../model/kinds.ts";
import { OwnerRecordSchema } from "../model/records.ts";
import { type ApplyOptions, checkGuards, type Guards } from "./apply.ts";
import { listAll } from "./apply_network.ts";
import { noAttachments, usersOnNode } from "./apply_others.ts";
import type { IpamContext } from "./context.ts";
import { type Decision, type EditBase, type EditPlan, runEdit } from "./edit.ts";
import { inUse, joinUsers, namedUsers, unchanged, type Users, usersOfNetwork } from "./in_use.ts";
import { freePrefix, freeSizeKey, networkAddressPrefix, ownerPrefix, PREFIXES } from "./keys.ts";
import { describeRef, notFound, objectKey, type ObjectRef } from "./kinds.ts";
import { decodeRecord, decodeResource } from "./stored.ts";

export interface DeleteOptions extends Guards, ApplyOptions {}

/**
 * Deletes the object; answers how it stood. What IPAM recorded in a network's history stays.
 *
 * @throws {FabricError} `not-found`; `in-use`, naming the first five who refer to it or use it;
 * `conflict` where it is not the one of `resourceVersion` or `uid`; and as `runEdit`.
 */
export async function deleteResource(
  context: IpamContext,
  ref: ObjectRef,
  options: DeleteOptions = {},
): Promise<WrittenResource> {
  const key = objectKey(ref);
  const decide = async (base: EditBase): Promise<Decision<WrittenResource>> => {
    if (base.object === undefined) throw await notFound(context.store, ref);
    const stored = decodeResource(base.object, ref.kind);
    checkGuards(ref, options, stored);
    const plan = await planDelete(context.store, stored, base);
    if (options.dryRun === true) return { done: stored };
    return {
      plan: { ...plan, success: [{ delete: { key } }, ...plan.success] },
      result: () => stored,
    };
  };
  return await runEdit(context, { key, decide, claimPatienceMs: options.claimPatienceMs });
}

async function planDelete(
  store: Store,
  object: WrittenResource,
  base: EditBase,
): Promise<EditPlan> {
  switch (object.kind) {
    case "PhysicalNetwork":
      return await planPhysicalNetwork(store, object.metadata.name);
    case "Zone":
      return await planZone(store, object.metadata.name, base);
    case "Node":
      return await planNode(store, object.spec.cluster, object.metadata.name);
    case "Network":
      return await planNetwork(store, object.metadata.name);
  }
}

function refuse(ref: ObjectRef, users: Users, remedy: string): void {
  if (users.count === 0) return;
  const what = `${describeRef(ref)} cannot be deleted, it is in use`;
  throw inUse(what, users, { field: "metadata.name", value: ref.name, remedy });
}

function names(objects: readonly WrittenResource[]): readonly string[] {
  return objects.map(({ metadata }) => metadata.name);
}

async function planPhysicalNetwork(store: Store, name: string): Promise<EditPlan> {
  const networks = (await listAll(store, "Network")).filter((n) => n.spec.physicalNetwork === name);
  const zones = (await listAll(store, "Zone")).filter((z) =>
    z.spec.physicalNetworks.includes(name)
  );
  const users = joinUsers(namedUsers("Network", names(networks)), namedUsers("Zone", names(zones)));
  refuse({ kind: "PhysicalNetwork", name }, users, "delete these networks, and edit these zones");
  return { compare: [], success: [] };
}

async function planZone(store: Store, name: string, base: EditBase): Promise<EditPlan> {
  const networks = (await listAll(store, "Network")).filter((n) => n.spec.zones?.includes(name));
  const nodes = (await listAll(store, "Node")).filter((n) => n.spec.zone === name);
  const users = joinUsers(
    namedUsers("Network", names(networks)),
    namedUsers("Node", nodes.map(({ metadata, spec }) => `${spec.cluster}/${metadata.name}`)),
  );
  refuse({ kind: "Zone", name }, users, "remove it from these networks and nodes first");
  // A node registers itself without the serialisation of edits.
  return { compare: [unchanged(underPrefix(PREFIXES.nodes), base.revision)], success: [] };
}

async function planNode(store: Store, cluster: string, name: string): Promise<EditPlan> {
  const users = await usersOnNode(store, { cluster, node: name });
  refuse({ kind: "Node", name, cluster }, users, "end these pods first");
  return { compare: [noAttachments(cluster, name)], success: [] };
}

/** Owners without an address: nobody should have left them, but they are a reference. */
async function ownersOf(store: Store, network: string): Promise<Users> {
  const { kvs, count } = await store.range({ ...underPrefix(ownerPrefix(network)), limit: 5 });
  const first = kvs.map((kv) => `owner ${formatOwner(decodeRecord(OwnerRecordSchema, kv).owner)}`);
  return { count, first };
}

async function planNetwork(store: Store, name: string): Promise<EditPlan> {
  const holders = await usersOfNetwork(store, name, () => true);
  const users = holders.count > 0 ? holders : await ownersOf(store, name);
  refuse(
    { kind: "Network", name },
    users,
    "end these pods, release or unreserve the addresses first",
  );
  const unused = (prefix: string): Compare => ({
    ...underPrefix(prefix),
    target: "create",
    op: "=",
    revision: 0,
  });
  return {
    compare: [unused(networkAddressPrefix(name)), unused(ownerPrefix(name))],
    success: ([4, 6] as const).flatMap((family): readonly Operation[] => [
      { delete: underPrefix(freePrefix(name, family)) },
      { delete: { key: freeSizeKey(name, family) } },
    ]),
  };
}
