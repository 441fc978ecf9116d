/**
 * A store in use, to be damaged: a real etcd, networks of both families, pods, owners and
 * reservations, made by the library itself. Many beds share one etcd, each under its own prefix.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { ulid } from "@std/ulid";
import { openBulkReader, type RangeReader } from "../../mod/etcd/bulk/bulk.ts";
import { openStore } from "../../mod/etcd/open.ts";
import type { Change } from "../../mod/ipam/repair/store_action.ts";
import type { KeyValue, Store } from "../../mod/etcd/store.ts";
import { formatAddress, parseAddress } from "../../mod/ip/address.ts";
import { allocate } from "../../mod/ipam/allocate.ts";
import type { AllocateRequest, Allocation } from "../../mod/ipam/allocation.ts";
import { type CheckOptions, type CheckReport, checkStore } from "../../mod/ipam/check/check.ts";
import { type IpamContext, memoryLeaseCache } from "../../mod/ipam/context.ts";
import { NO_JOURNAL } from "../../mod/ipam/repair/journal.ts";
import type { Journal } from "../../mod/ipam/repair/journal.ts";
import { applyPlan, planRepair, type Repaired } from "../../mod/ipam/repair/repair.ts";
import { release } from "../../mod/ipam/release.ts";
import { reserve } from "../../mod/ipam/reserve.ts";
import type { OwnerRef } from "../../mod/model/identity.ts";
import { type EtcdFixture, startEtcd } from "../etcd_fixture.ts";
import { addRequest, applyKind, applyNetwork } from "../ipam_fixture.ts";

export interface Bed extends AsyncDisposable {
  readonly etcd: EtcdFixture;
  /** Of all keys, in etcd. */
  readonly prefix: string;
  readonly store: Store;
  readonly reader: RangeReader;
  readonly context: IpamContext;
  /** What stands under the key. */
  read(key: string): Promise<KeyValue | undefined>;
  /** All keys under the prefix. */
  keys(prefix: string): Promise<readonly KeyValue[]>;
  /** Writes past the library, as damage does. */
  damage(...changes: readonly Change[]): Promise<void>;
  /** Changes fields of the record under the key; undefined removes one. */
  alter(key: string, fields: Readonly<Record<string, unknown>>): Promise<void>;
  check(options?: CheckOptions): Promise<CheckReport>;
  /** Checks, and applies the plan. */
  repair(journal?: Journal): Promise<readonly Repaired[]>;
}

/** One etcd for all beds of a file of tests. */
export async function startBeds(): Promise<AsyncDisposable & { bed: () => Promise<Bed> }> {
  const etcd = await startEtcd();
  let serial = 0;
  return {
    bed: () => startBed(etcd, `/bed${serial++}/`),
    [Symbol.asyncDispose]: () => etcd.stop(),
  };
}

async function startBed(etcd: EtcdFixture, prefix: string): Promise<Bed> {
  const options = { endpoints: etcd.endpoints, prefix };
  const store = await openStore(options, { transport: "gateway" });
  const reader = openBulkReader(options, store);
  const context: IpamContext = {
    store,
    now: Date.now,
    random: Math.random,
    newId: ulid,
    leases: memoryLeaseCache(),
  };
  await applyKind(context, "PhysicalNetwork", { name: "prod", spec: { mtu: 9000 } });
  await applyKind(context, "Zone", { name: "z1", spec: { physicalNetworks: ["prod"] } });
  const read = async (key: string): Promise<KeyValue | undefined> =>
    (await store.range({ key })).kvs[0];
  const bed: Bed = {
    etcd,
    prefix,
    store,
    reader,
    context,
    read,
    async keys(prefix) {
      const end = prefix.slice(0, -1) +
        String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
      return (await store.range({ key: prefix, end })).kvs;
    },
    async damage(...changes) {
      await store.txn({
        success: changes.map((change) =>
          "delete" in change
            ? { delete: { key: change.delete } }
            : { put: change.put, value: change.value }
        ),
      });
    },
    async alter(key, fields) {
      const record: unknown = JSON.parse((await read(key))?.value ?? "{}");
      const value = JSON.stringify({ ...Object(record), ...fields });
      await bed.damage({ put: key, value });
    },
    check: (checkOptions = {}) => checkStore({ ipam: context, reader }, checkOptions),
    async repair(journal = NO_JOURNAL) {
      const { findings } = await bed.check();
      return await Array.fromAsync(applyPlan({ ipam: context, journal }, planRepair(findings)));
    },
    async [Symbol.asyncDispose]() {
      await reader[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    },
  };
  return bed;
}

/** The slot of StatefulSet web. */
export function webOwner(slot: string): OwnerRef {
  return {
    cluster: "local",
    group: "apps",
    kind: "StatefulSet",
    namespace: "default",
    name: "web",
    slot,
    ifname: "eth0",
  };
}

/** An ADD of a pod that owns its address. */
export function webRequest(slot: string, containerId: string): AllocateRequest {
  return addRequest(containerId, {
    owner: webOwner(slot),
    pod: { namespace: "default", name: `web-${slot}` },
  });
}

/** Addresses of an allocation as text. */
export function texts(allocation: Allocation): readonly string[] {
  return allocation.addresses.map(({ address }) => formatAddress(address));
}

/** What {@linkcode populate} made. */
export interface Population {
  /** Ephemeral, both families, network pods. */
  readonly a: Allocation;
  readonly b: Allocation;
  /** Ephemeral, network small. */
  readonly c: Allocation;
  /** Slot 0 of web, with a holder (container w0). */
  readonly web0: Allocation;
  /** Slot 1 of web, kept without a holder. */
  readonly web1: Allocation;
}

/** Networks `pods` (both families, 10.0.0.0/24) and `small` (10.1.0.0/28), and who uses them. */
export async function populate(bed: Bed): Promise<Population> {
  const { context } = bed;
  await applyNetwork(context, "pods", {
    vlan: 100,
    subnets: [
      { cidr: "10.0.0.0/24", gateway: "10.0.0.1", exclude: ["10.0.0.200-10.0.0.210"] },
      { cidr: "2001:db8::/64", gateway: "2001:db8::1" },
    ],
  });
  await applyNetwork(context, "small", {
    vlan: 101,
    coolingSeconds: 0,
    subnets: [{ cidr: "10.1.0.0/28" }],
  });
  const hundred = parseAddress("10.0.0.100");
  const range = { family: hundred.family, first: hundred.value, last: hundred.value + 1n };
  await reserve(context, { network: "pods", range, reason: "firewall" });
  const pod = (name: string) => ({ namespace: "default", name });
  const a = await allocate(context, addRequest("a", { pod: pod("a") }));
  const b = await allocate(context, addRequest("b", { pod: pod("b") }));
  const c = await allocate(context, addRequest("c", { networks: ["small"] }));
  const web0 = await allocate(context, webRequest("0", "w0"));
  const web1 = await allocate(context, webRequest("1", "w1"));
  await release(context, webRequest("1", "w1").attachment, { endedBy: "del" });
  await allocate(context, addRequest("d", { pod: pod("d") }));
  await release(context, addRequest("d").attachment, { endedBy: "del" });
  return { a, b, c, web0, web1 };
}

/** Codes of the findings, sorted. */
export function codesOf({ findings }: CheckReport): readonly string[] {
  return findings.map(({ kind }) => kind.code).sort();
}

/** What a store must be able to do: give, keep and take addresses, and be clean after it. */
export async function assertWorks(bed: Bed): Promise<void> {
  const { context } = bed;
  const fresh = await allocate(context, addRequest(`fresh-${ulid()}`));
  assertEquals(fresh.addresses.length, 2);
  for (const slot of ["0", "1"]) {
    const { containerId } = webRequest(slot, `w${slot}`).attachment;
    await release(context, webRequest(slot, containerId).attachment, { endedBy: "del" });
    const next = await allocate(context, webRequest(slot, `next-${slot}-${ulid()}`));
    assertEquals(next.addresses.length, 2);
  }
  for (const containerId of ["a", "b", "c"]) {
    await release(context, addRequest(containerId).attachment, { endedBy: "del" });
  }
  assertEquals(codesOf(await bed.check()), []);
}
