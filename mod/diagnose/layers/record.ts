/**
 * Layer `record`: what the store says of the pod, and whether it says it twice.
 *
 * @module
 */

import { formatHolder, sameAttachment } from "../../model/identity.ts";
import type { Network } from "../../model/network.ts";
import type { AddressRecord, AttachmentRecord } from "../../model/records.ts";
import type { Evidence, Verdict } from "../layer.ts";
import { bare, list, vlanText } from "../words.ts";

export interface RecordFacts {
  readonly record: AttachmentRecord;
  /** Key of the attachment. */
  readonly key: string;
  /** Undefined: the store does not answer, and the switch's port told of the attachment. */
  readonly store: StoreFacts | undefined;
  /** Why the store did not answer. */
  readonly silent?: string;
}

export interface StoreFacts {
  /** Mod revision of the attachment; undefined: it is not recorded, a port told of it. */
  readonly revision: number | undefined;
  /** The record of each of its addresses; undefined where there is none. */
  readonly addresses: readonly {
    readonly key: string;
    readonly address: string;
    readonly record: AddressRecord | undefined;
  }[];
  /** Undefined: it does not exist. */
  readonly network: Network | undefined;
}

/** Judges it. */
export function judgeRecord({ record, key, store, silent }: RecordFacts): Verdict {
  const has = `${list(record.addresses.map(({ address }) => address))} of network ` +
    `${record.network.name} (${vlanText(record.vlan)} of ${record.physicalNetwork})`;
  if (store === undefined) {
    return {
      status: "unknown",
      says: `etcd does not answer; the switch's port says ${has}`,
      evidence: [{ source: "etcd", says: silent ?? "no answer" }],
      remedy: "running pods do not need etcd; new ones wait until it answers",
    };
  }
  const { revision, addresses, network } = store;
  const evidence: Evidence[] = [{
    source: key,
    says: revision === undefined ? "missing" : `at revision ${revision}`,
  }];
  const proof = `fabric-admin describe attachment ${key.slice(key.indexOf("/") + 1)}`;
  if (revision === undefined) {
    return {
      status: "broken",
      says: `etcd has no attachment for it, though the switch's port says ${has}: ` +
        "its addresses may be given to others",
      evidence,
      proof,
      remedy: "run fabric-admin check, and recover where the store was restored from a backup",
    };
  }
  for (const { key, address, record: other } of addresses) {
    const own = record.addresses.find((one) => bare(one.address) === address);
    const held = other?.holder !== undefined && sameAttachment(other.holder, record);
    if (held && other.id === own?.id) continue;
    const who = other === undefined
      ? "nobody"
      : other.holder === undefined
      ? `nobody (${other.state})`
      : held
      ? "it under another allocation"
      : formatHolder(other.holder);
    return {
      status: "broken",
      says: `etcd gives ${address} to ${who}, though the attachment names it`,
      evidence: [...evidence, { source: key, says: other === undefined ? "missing" : who }],
      proof: `fabric-admin describe address ${record.network.name}/${address}`,
      remedy: "run fabric-admin check",
    };
  }
  const notes = network === undefined
    ? [`network ${record.network.name} does not exist any more`]
    : network.spec.vlan === record.vlan
    ? []
    : [`network ${record.network.name} has ${vlanText(network.spec.vlan)} by now`];
  return { status: "ok", says: has, evidence, proof, notes };
}
