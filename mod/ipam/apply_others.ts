/**
 * What edits of PhysicalNetworks, Zones and Nodes need: what they refer to, and nobody under what
 * they take away.
 *
 * @module
 */

import { type Compare, type Store, underPrefix } from "../etcd/store.ts";
import { type FieldError, invalidDocument } from "../model/field_error.ts";
import { DEFAULT_MTU, type Node, type PhysicalNetwork, type Zone } from "../model/network.ts";
import { formatHolder } from "../model/identity.ts";
import type { AttachmentRecord } from "../model/records.ts";
import { listAll, reachedZones } from "./apply_network.ts";
import type { EditBase, EditPlan } from "./edit.ts";
import {
  addressesUnchanged,
  inUse,
  joinUsers,
  namedUsers,
  NOBODY,
  unchanged,
  type Users,
} from "./in_use.ts";
import { nodeAttachmentPrefix, PREFIXES } from "./keys.ts";
import { listNames } from "./kinds.ts";
import { noSuch } from "./references.ts";
import { listNodeAttachments } from "./release.ts";

const NOTHING: EditPlan = { compare: [], success: [] };

/** More networks than that are compared as one range. */
const MAX_NETWORKS = 96;

/** A physical network's MTU bounds those of its networks. */
export async function planPhysicalNetwork(
  store: Store,
  physical: PhysicalNetwork,
): Promise<EditPlan> {
  const name = physical.metadata.name;
  const most = physical.spec.mtu ?? DEFAULT_MTU;
  const over = (await listAll(store, "Network")).filter(({ spec }) =>
    spec.physicalNetwork === name && (spec.mtu ?? DEFAULT_MTU) > most
  );
  if (over.length === 0) return NOTHING;
  const names = over.map(({ metadata, spec }) => `${metadata.name} (${spec.mtu})`);
  throw inUse(
    `MTU ${most} of PhysicalNetwork ${name} is below that of`,
    namedUsers("Network", names),
    {
      field: "spec.mtu",
      value: String(most),
      remedy: "lower the MTU of these networks first",
    },
  );
}

/** A zone may lose a physical network that no network and no node of it uses. */
export async function planZone(
  store: Store,
  zone: Zone,
  edit: { readonly stored: Zone | undefined; readonly base: EditBase },
): Promise<EditPlan> {
  const name = zone.metadata.name;
  const names = await listNames(store, "PhysicalNetwork");
  const { physicalNetworks } = zone.spec;
  const faults = physicalNetworks.flatMap((physical, index): readonly FieldError[] =>
    names.includes(physical)
      ? []
      : [noSuch("PhysicalNetwork", physical, { field: `spec.physicalNetworks[${index}]`, names })]
  );
  if (faults.length > 0) throw invalidDocument(`Zone ${name}`, faults);
  const lost = edit.stored?.spec.physicalNetworks.filter((p) => !physicalNetworks.includes(p)) ??
    [];
  if (edit.stored === undefined || lost.length === 0) return NOTHING;
  return { compare: await compareLost(store, edit.stored, { lost, base: edit.base }), success: [] };
}

async function compareLost(
  store: Store,
  zone: Zone,
  edit: { readonly lost: readonly string[]; readonly base: EditBase },
): Promise<readonly Compare[]> {
  const { lost, base } = edit;
  const name = zone.metadata.name;
  const options = { field: "spec.physicalNetworks", value: lost.join(",") };
  const networks = (await listAll(store, "Network")).filter((network) =>
    lost.includes(network.spec.physicalNetwork) && reachedZones(network, [zone]).length > 0
  );
  const named = networks.filter(({ spec }) => spec.zones !== undefined);
  if (named.length > 0) {
    const users = namedUsers("Network", named.map(({ metadata }) => metadata.name));
    throw inUse(`Zone ${name} cannot lose ${lost.join(", ")}, these networks name it`, users, {
      ...options,
      remedy: `remove ${name} from spec.zones of these networks first`,
    });
  }
  const users = await usersInZone(store, name, lost);
  if (users.count > 0) {
    throw inUse(`Zone ${name} cannot lose ${lost.join(", ")}, its nodes use it`, users, {
      ...options,
      remedy: "end these pods first",
    });
  }
  if (networks.length > MAX_NETWORKS) {
    return [unchanged(underPrefix(PREFIXES.addresses), base.revision)];
  }
  return networks.map(({ metadata }) => addressesUnchanged(metadata.name, base.revision));
}

/** Attachments to the physical networks on nodes of the zone. */
async function usersInZone(
  store: Store,
  zone: string,
  physicalNetworks: readonly string[],
): Promise<Users> {
  let users = NOBODY;
  for (const { metadata, spec } of await listAll(store, "Node")) {
    if (spec.zone !== zone) continue;
    const found = await usersOnNode(
      store,
      { cluster: spec.cluster, node: metadata.name },
      (record) => physicalNetworks.includes(record.physicalNetwork),
    );
    users = joinUsers(users, found);
  }
  return users;
}

/** Attachments of the node that satisfy the predicate. */
export async function usersOnNode(
  store: Store,
  node: { readonly cluster: string; readonly node: string },
  predicate: (record: AttachmentRecord) => boolean = () => true,
): Promise<Users> {
  let users = NOBODY;
  for await (const record of listNodeAttachments(store, node.cluster, node.node)) {
    if (!predicate(record)) continue;
    const addresses = record.addresses.map(({ address }) => address.split("/")[0]).join(", ");
    users = joinUsers(users, { count: 1, first: [`${addresses} (${formatHolder(record)})`] });
  }
  return users;
}

/** A node may move to another zone while nothing is attached on it. */
export async function planNode(
  store: Store,
  node: Node,
  stored: Node | undefined,
): Promise<EditPlan> {
  const { zone, cluster } = node.spec;
  const name = node.metadata.name;
  const names = await listNames(store, "Zone");
  if (!names.includes(zone)) {
    const fault = noSuch("Zone", zone, { field: "spec.zone", names });
    throw invalidDocument(`Node ${cluster}/${name}`, [fault]);
  }
  if (stored === undefined || stored.spec.zone === zone) return NOTHING;
  const users = await usersOnNode(store, { cluster, node: name });
  if (users.count > 0) {
    throw inUse(`Node ${cluster}/${name} cannot leave zone ${stored.spec.zone}, it has`, users, {
      field: "spec.zone",
      value: zone,
      remedy: "end these pods first",
    });
  }
  return { compare: [noAttachments(cluster, name)], success: [] };
}

/** Holds while nothing is attached on the node. */
export function noAttachments(cluster: string, node: string): Compare {
  const range = underPrefix(nodeAttachmentPrefix(cluster, node));
  return { ...range, target: "create", op: "=", revision: 0 };
}
