/**
 * What a port says about its attachment, in `external_ids`: a few facts each by itself, to search
 * by and for people, and the whole record, from which the attachment could be written again if the
 * store lost it.
 *
 * @module
 */

import { formatAddress } from "../ip/address.ts";
import { formatInterfaceAddress } from "../ip/prefix.ts";
import type { AllocateRequest, Allocation } from "../ipam/allocation.ts";
import { type AttachmentRecord, AttachmentRecordSchema } from "../model/records.ts";
import type { ExternalIds } from "../ovsdb/external_ids.ts";
import * as v from "valibot";

/** The facts of a port. */
export function portFacts(record: AttachmentRecord): ExternalIds {
  const { pod } = record;
  return {
    ...nodeFacts(record),
    "conf-name": record.confName,
    "container-id": record.containerId,
    "ifname": record.ifname,
    "network": record.network.name,
    "addresses": record.addresses.map(({ address }) => address).join(","),
    "mac": record.mac,
    ...(pod === undefined ? {} : { "pod": `${pod.namespace}/${pod.name}` }),
    "record": JSON.stringify(record),
  };
}

/** The facts that all ports of a node share. */
export function nodeFacts(node: { readonly cluster: string; readonly node: string }): ExternalIds {
  return { "cluster": node.cluster, "node": node.node };
}

/** The record in a port's facts; undefined where it is none of ours, or damaged. */
export function recordInFacts(facts: ExternalIds): AttachmentRecord | undefined {
  try {
    return v.parse(AttachmentRecordSchema, JSON.parse(facts["record"] ?? ""));
  } catch {
    return undefined;
  }
}

/** The attachment as the store has it recorded. `now` in milliseconds since the epoch. */
export function recordOf(
  request: AllocateRequest,
  { network, addresses, mac, owner }: Allocation,
  now: number,
): AttachmentRecord {
  const { attachment, confName, pod, netns, machineId, bootId, bandwidth } = request;
  const { physicalNetwork, vlan } = network.spec;
  return {
    v: 1,
    ...attachment,
    confName,
    ...(pod === undefined ? {} : { pod }),
    netns,
    machineId,
    bootId,
    network: { name: network.metadata.name, uid: network.metadata.uid ?? "" },
    physicalNetwork,
    vlan,
    mac,
    ...(owner === undefined ? {} : { owner }),
    addresses: addresses.map(({ gateway, id, ...address }) => ({
      address: formatInterfaceAddress(address),
      id,
      ...(gateway === undefined ? {} : { gateway: formatAddress(gateway) }),
    })),
    ...(bandwidth === undefined ? {} : { bandwidth }),
    since: new Date(now).toISOString(),
  };
}
