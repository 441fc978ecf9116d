/**
 * Damages for the blind test: each on a victim of its own, in network `quiet`, which nobody else
 * uses. Every one is of exactly one kind.
 *
 * @module
 */

import type { Change } from "../../mod/ipam/repair/store_action.ts";
import { type Address, parseAddress } from "../../mod/ip/address.ts";
import { allocate } from "../../mod/ipam/allocate.ts";
import type { Allocation } from "../../mod/ipam/allocation.ts";
import { singleKey } from "../../mod/ipam/free.ts";
import {
  addressKey,
  attachmentKey,
  coolingKey,
  historyKey,
  macKey,
  ownerKey,
  reservedKey,
  tombstoneKey,
} from "../../mod/ipam/keys.ts";
import { release } from "../../mod/ipam/release.ts";
import { reserve } from "../../mod/ipam/reserve.ts";
import type { AttachmentRef, OwnerRef } from "../../mod/model/identity.ts";
import { addRequest, applyNetwork } from "../ipam_fixture.ts";
import type { Bed } from "./bed.ts";

const QUIET = "quiet";
const VLAN = 600;

/** Somebody with addresses in network quiet. */
export interface Victim {
  readonly ref: AttachmentRef;
  readonly owner: OwnerRef | undefined;
  readonly v4: Address;
  readonly v6: Address;
  readonly ids: readonly [v4: string, v6: string];
  readonly mac: string;
}

/** Who is there to be damaged; each is used once. */
export interface Victims {
  /** Ephemeral pods. */
  readonly pods: Victim[];
  /** Owners with a holder. */
  readonly held: Victim[];
  /** Owners without one. */
  readonly idle: Victim[];
  readonly reserved: Address[];
  /** Free addresses without any record. */
  readonly free: Address[];
}

function ownerOf(name: string): OwnerRef {
  return {
    cluster: "local",
    group: "apps",
    kind: "StatefulSet",
    namespace: "quiet",
    name,
    slot: "0",
    ifname: "eth0",
  };
}

function victimOf(allocation: Allocation, ref: AttachmentRef): Victim {
  const [v4, v6] = allocation.addresses;
  if (v4 === undefined || v6 === undefined) throw new Error("not of both families");
  return {
    ref,
    owner: allocation.owner,
    v4: v4.address,
    v6: v6.address,
    ids: [v4.id, v6.id],
    mac: allocation.mac,
  };
}

/** Makes network quiet and all who are in it. */
export async function makeVictims(bed: Bed, each = 12): Promise<Victims> {
  const { context } = bed;
  await applyNetwork(context, QUIET, {
    vlan: VLAN,
    subnets: [{ cidr: "10.60.0.0/24", gateway: "10.60.0.1" }, { cidr: "2001:db8:60::/64" }],
  });
  const free = Array.from({ length: each }, (_, i) => parseAddress(`10.60.0.${240 - i}`));
  const reserved = Array.from({ length: each }, (_, i) => parseAddress(`10.60.0.${220 - i}`));
  const last = reserved[0]?.value ?? 0n;
  await reserve(context, {
    network: QUIET,
    range: { family: 4, first: last - BigInt(each - 1), last },
    reason: "firewall",
  });
  const add = async (name: string, owner?: OwnerRef): Promise<Victim> => {
    const request = addRequest(name, {
      networks: [QUIET],
      pod: { namespace: "quiet", name },
      ...(owner === undefined ? {} : { owner }),
    });
    // Those that are to stay free are not asked for: others are, one by one.
    const used = parseAddress(`10.60.0.${2 + serial++}`);
    return victimOf(
      await allocate(context, { ...request, addresses: [used] }),
      request.attachment,
    );
  };
  let serial = 0;
  const pods: Victim[] = [];
  const held: Victim[] = [];
  const idle: Victim[] = [];
  for (let i = 0; i < each; i++) {
    pods.push(await add(`pod-${i}`));
    held.push(await add(`held-${i}`, ownerOf(`held-${i}`)));
    const one = await add(`idle-${i}`, ownerOf(`idle-${i}`));
    await release(context, one.ref, { endedBy: "del" });
    idle.push(one);
  }
  return { pods, held, idle, reserved, free };
}

/** One damage; takes its victim away, so that no other damage meets it. */
export interface Damage {
  readonly code: string;
  readonly name: string;
  readonly cause: (bed: Bed, victims: Victims) => Promise<void>;
}

function take<T>(list: T[]): T {
  const one = list.shift();
  if (one === undefined) throw new Error("no victim is left");
  return one;
}

const quiet = (address: Address): string => addressKey(QUIET, address);
const ID = "01J8ZQ4T6V9X0Y2B3C4D5E6F7G";

function onPod(
  code: string,
  name: string,
  changes: (victim: Victim) => readonly Change[],
): Damage {
  return {
    code,
    name,
    cause: (bed, { pods }) => bed.damage(...changes(take(pods))),
  };
}

function altering(
  code: string,
  name: string,
  input: {
    readonly of: "pods" | "held" | "idle";
    readonly key: (victim: Victim) => string;
    readonly fields: Readonly<Record<string, unknown>>;
  },
): Damage {
  return {
    code,
    name,
    cause: (bed, victims) => bed.alter(input.key(take(victims[input.of])), input.fields),
  };
}

const ownersKey = ({ owner }: Victim): string => owner === undefined ? "" : ownerKey(QUIET, owner);

/** The catalogue: damages that repair mends by itself. */
export const CATALOGUE: readonly Damage[] = [
  onPod("F-A-08", "attachment lost", ({ ref }) => [{ delete: attachmentKey(ref) }]),
  onPod("F-T-01", "IPv4 address lost", ({ v4 }) => [{ delete: quiet(v4) }]),
  onPod("F-T-01", "IPv6 address lost", ({ v6 }) => [{ delete: quiet(v6) }]),
  onPod("F-S-04", "address malformed", ({ v4 }) => [{ put: quiet(v4), value: "{" }]),
  onPod("F-S-04", "attachment malformed", ({ ref }) => [{ put: attachmentKey(ref), value: "" }]),
  onPod("F-S-04", "MAC malformed", ({ mac }) => [{ put: macKey("prod", VLAN, mac), value: "1" }]),
  onPod("F-S-04", "history malformed", ({ v4, ids }) => [
    { put: historyKey(v4, ids[0]), value: "{}" },
  ]),
  onPod("F-M-01", "MAC lost", ({ mac }) => [{ delete: macKey("prod", VLAN, mac) }]),
  onPod("F-H-02", "history lost", ({ v6, ids }) => [{ delete: historyKey(v6, ids[1]) }]),
  onPod("F-I-02", "taken address offered", ({ v4 }) => [
    { put: singleKey(QUIET, v4), value: "{}" },
  ]),
  onPod("F-R-03", "used address marked as reserved", ({ v4 }) => [
    { put: reservedKey(QUIET, v4), value: "{}" },
  ]),
  altering("F-A-06", "holder lost", {
    of: "held",
    key: ({ v4 }) => quiet(v4),
    fields: { holder: undefined },
  }),
  altering("F-A-09", "another id", { of: "pods", key: ({ v6 }) => quiet(v6), fields: { id: ID } }),
  altering("F-H-03", "history ended", {
    of: "pods",
    key: ({ v4, ids }) => historyKey(v4, ids[0]),
    fields: { end: "2026-01-01T00:00:00.000Z", endedBy: "del" },
  }),
  altering("F-H-08", "another MAC in the history", {
    of: "held",
    key: ({ v4, ids }) => historyKey(v4, ids[0]),
    fields: { mac: "0a:58:00:00:00:01" },
  }),
  altering("F-T-08", "another network's uid", {
    of: "pods",
    key: ({ ref }) => attachmentKey(ref),
    fields: { network: { name: QUIET, uid: "another" } },
  }),
  altering("F-S-11", "attachment of another name", {
    of: "pods",
    key: ({ ref }) => attachmentKey(ref),
    fields: { ifname: "eth9" },
  }),
  altering("F-M-03", "MAC of another", {
    of: "pods",
    key: ({ mac }) => macKey("prod", VLAN, mac),
    fields: { holder: addRequest("nobody").attachment },
  }),
  altering("F-O-07", "address written alone", {
    of: "idle",
    key: ({ v4 }) => quiet(v4),
    fields: {},
  }),
  altering("F-O-07", "owner written alone", { of: "held", key: ownersKey, fields: {} }),
  {
    code: "F-O-04",
    name: "owner lost",
    cause: (bed, { held }) => bed.damage({ delete: ownersKey(take(held)) }),
  },
  {
    code: "F-O-01",
    name: "kept address lost",
    cause: (bed, { idle }) => bed.damage({ delete: quiet(take(idle).v6) }),
  },
  {
    code: "F-O-09",
    name: "owner under another slot",
    cause: async (bed, { idle }) => {
      const key = ownersKey(take(idle));
      const value = (await bed.read(key))?.value ?? "";
      await bed.damage({ put: key.replace(/\/0\/eth0$/, "/9/eth0"), value });
    },
  },
  {
    code: "F-H-01",
    name: "history open again",
    cause: async (bed, { idle }) => {
      const { v4, ids } = take(idle);
      await bed.alter(historyKey(v4, ids[0]), { end: undefined, endedBy: undefined });
    },
  },
  {
    code: "F-H-05",
    name: "entry by owner lost",
    cause: async (bed, { held }) => {
      const { ids } = take(held);
      const entry = (await bed.keys("history-by-owner/local/apps/StatefulSet/quiet/"))
        .find(({ key }) => key.endsWith(ids[0]));
      await bed.damage({ delete: entry?.key ?? "" });
    },
  },
  {
    code: "F-R-01",
    name: "mark lost",
    cause: (bed, { reserved }) => bed.damage({ delete: reservedKey(QUIET, take(reserved)) }),
  },
  {
    code: "F-R-02",
    name: "reservation lost",
    cause: (bed, { reserved }) => bed.damage({ delete: quiet(take(reserved)) }),
  },
  {
    code: "F-I-01",
    name: "free address not offered",
    cause: (bed, { free }) => bed.damage({ delete: singleKey(QUIET, take(free)) }),
  },
  {
    code: "F-L-03",
    name: "cooling for ever",
    cause: (bed, { free }) => bed.damage({ put: coolingKey(QUIET, take(free)), value: "{}" }),
  },
  {
    code: "F-L-01",
    name: "tombstone for ever",
    cause: (bed, { idle }) => {
      const { ref } = take(idle);
      const at = new Date(Date.now() - 7200_000).toISOString();
      const key = tombstoneKey({ ...ref, containerId: `old-${ref.containerId}` });
      return bed.damage({ put: key, value: JSON.stringify({ v: 1, at }) });
    },
  },
  {
    code: "F-M-02",
    name: "MAC of nobody",
    cause: (bed, { idle }) => {
      const { ref } = take(idle);
      const value = JSON.stringify({
        v: 1,
        network: QUIET,
        holder: { ...ref, containerId: "none" },
      });
      return bed.damage({ put: macKey("prod", VLAN, "0a:58:de:ad:00:01"), value });
    },
  },
  {
    code: "F-A-07",
    name: "address of nobody",
    cause: (bed, { free }) => {
      const address = take(free);
      const value = JSON.stringify({ v: 1, state: "used", id: ID, since: "2026-01-01T00:00:00Z" });
      return bed.damage({ put: quiet(address), value }, { delete: singleKey(QUIET, address) });
    },
  },
  {
    code: "F-S-07",
    name: "key that is none",
    cause: (bed) => bed.damage({ put: `attachments/local/${QUIET}`, value: "{}" }),
  },
];
