/**
 * A real etcd with networks in it, for tests of what stands on the store.
 *
 * @module
 */

import { ulid } from "@std/ulid";
import { openStore } from "../mod/etcd/open.ts";
import type { Store } from "../mod/etcd/store.ts";
import { applyResource } from "../mod/ipam/apply.ts";
import type { AllocateRequest } from "../mod/ipam/allocation.ts";
import { type IpamContext, memoryLeaseCache } from "../mod/ipam/context.ts";
import type { Subnet } from "../mod/model/network.ts";
import { API_VERSION } from "../mod/model/resource.ts";
import { type EtcdFixture, startEtcd } from "./etcd_fixture.ts";

export interface IpamFixture extends AsyncDisposable {
  readonly etcd: EtcdFixture;
  readonly store: Store;
  readonly context: IpamContext;
  /** Moves the context's clock. */
  readonly advance: (ms: number) => void;
}

/** etcd, and a context whose clock can be moved; physical network `prod` and zone `z1` stand. */
export async function startIpam(): Promise<IpamFixture> {
  const etcd = await startEtcd();
  const store = await openStore({ endpoints: etcd.endpoints }, { transport: "gateway" });
  let offset = 0;
  const context: IpamContext = {
    store,
    now: () => Date.now() + offset,
    random: Math.random,
    newId: ulid,
    leases: memoryLeaseCache(),
  };
  await applyKind(context, "PhysicalNetwork", { name: "prod", spec: { mtu: 9000 } });
  await applyKind(context, "Zone", { name: "z1", spec: { physicalNetworks: ["prod"] } });
  return {
    etcd,
    store,
    context,
    advance: (ms) => void (offset += ms),
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await etcd[Symbol.asyncDispose]();
    },
  };
}

/** Applies one document of the kind. */
export async function applyKind(
  context: IpamContext,
  kind: string,
  document: { readonly name: string; readonly spec: Readonly<Record<string, unknown>> },
): Promise<void> {
  const { name, spec } = document;
  await applyResource(context, { apiVersion: API_VERSION, kind, metadata: { name }, spec });
}

/** Applies a network of physical network `prod`. */
export async function applyNetwork(
  context: IpamContext,
  name: string,
  spec: {
    readonly vlan: number;
    readonly subnets: readonly Subnet[];
    readonly [field: string]: unknown;
  },
): Promise<void> {
  await applyKind(context, "Network", { name, spec: { physicalNetwork: "prod", ...spec } });
}

/** An ADD's request for interface eth0 of the container on node n1 of cluster `local`. */
export function addRequest(
  containerId: string,
  options: Partial<AllocateRequest> = {},
): AllocateRequest {
  return {
    attachment: { cluster: "local", node: "n1", containerId, ifname: "eth0" },
    confName: "fabric",
    netns: `/run/netns/${containerId}`,
    machineId: "machine-1",
    bootId: "boot-1",
    zone: "z1",
    networks: ["pods"],
    ...options,
  };
}
