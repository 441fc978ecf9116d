/**
 * What an ADD asks of IPAM and what it gets.
 *
 * @module
 */

import type { Header } from "../etcd/store.ts";
import { type Address, parseAddress } from "../ip/address.ts";
import { parseMac } from "../ip/mac.ts";
import { parseInterfaceAddress } from "../ip/prefix.ts";
import type { AttachmentRef, Holder, OwnerRef, Pod } from "../model/identity.ts";
import { DEFAULT_MTU, type Network } from "../model/network.ts";
import type { AttachmentRecord, Bandwidth } from "../model/records.ts";
import type { NetworkUser } from "./allowed.ts";
import { networkPools, poolOf } from "./pool.ts";

export interface AllocateRequest {
  readonly attachment: AttachmentRef;
  /** `name` of the CNI conf. */
  readonly confName: string;
  readonly pod?: Pod;
  readonly netns: string;
  readonly machineId: string;
  readonly bootId: string;
  /** Zone of the node. */
  readonly zone: string;
  /** Names of networks; the first that reaches the zone is taken. */
  readonly networks: readonly string[];
  /** The workload's slot that the addresses belong to; undefined: they are ephemeral. */
  readonly owner?: OwnerRef;
  readonly tenant?: string;
  /** Limits of its traffic: IPAM records them. */
  readonly bandwidth?: Bandwidth;
  /** On whose behalf; it counts towards the network's quotas. Absent: nobody's that has any. */
  readonly user?: NetworkUser;
  /** The user named the network: then `spec.allowed` has to name the user. Default false. */
  readonly mustBeAllowed?: boolean;
  /** How long a new ownership outlives its workload, in seconds. */
  readonly reclaim?: number | "never";
  /** Addresses asked for; a family without any gets one chosen. */
  readonly addresses?: readonly Address[];
  readonly mac?: string;
  /** The store as this node knew it (rule 10). */
  readonly known?: { readonly clusterId: string; readonly revision: number };
  /** How long to wait for an owner's old holder to end; default 0: answer `try-again` at once. */
  readonly waitForHolderMs?: number;
  /** Why an old holder has ended, by what others than the store know; undefined: it may live. */
  readonly whyOver?: (holder: Holder) => Promise<string | undefined>;
  readonly fabricVersion?: string;
}

export interface AllocatedAddress {
  readonly address: Address;
  readonly length: number;
  readonly gateway: Address | undefined;
  readonly id: string;
}

export interface Allocation {
  readonly network: Network;
  readonly mtu: number;
  readonly addresses: readonly AllocatedAddress[];
  readonly mac: string;
  readonly owner: OwnerRef | undefined;
  /** The attachment was recorded before this call: an ADD whose answer was lost. */
  readonly existing: boolean;
  /** It existed, or ended only a few minutes ago: the host may still be busy with that life. */
  readonly again: boolean;
  /**
   * The owner is new to this network. For its first few ADDs: what follows the first one was perhaps
   * cut short.
   */
  readonly youngOwner: boolean;
  readonly header: Header;
  /** Commits that it took. */
  readonly transactions: number;
}

/** The allocation that a record stands for. */
export function allocationOf(
  network: Network,
  record: AttachmentRecord,
  rest: Pick<Allocation, "existing" | "again" | "youngOwner" | "header" | "transactions">,
): Allocation {
  return {
    network,
    mtu: network.spec.mtu ?? DEFAULT_MTU,
    addresses: addressesOf(network, record),
    mac: parseMac(record.mac),
    owner: record.owner,
    ...rest,
  };
}

function addressesOf(network: Network, record: AttachmentRecord): readonly AllocatedAddress[] {
  const pools = networkPools(network.spec);
  return record.addresses.map(({ address: text, id, gateway }) => {
    const { address, length } = parseInterfaceAddress(text);
    const known = gateway === undefined
      ? poolOf(network.metadata.name, pools, address).gateway
      : parseAddress(gateway);
    return { address, length, gateway: known, id };
  });
}
