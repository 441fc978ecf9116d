/**
 * A real etcd without anything in it, for tests of the command line.
 *
 * @module
 */

import { ulid } from "@std/ulid";
import { openStore } from "../../mod/etcd/open.ts";
import type { Store } from "../../mod/etcd/store.ts";
import { type IpamContext, memoryLeaseCache } from "../../mod/ipam/context.ts";
import { type EtcdFixture, startEtcd } from "../etcd_fixture.ts";

export interface AdminFixture extends AsyncDisposable {
  readonly etcd: EtcdFixture;
  readonly store: Store;
  readonly context: IpamContext;
}

/** Starts etcd. */
export async function startAdmin(): Promise<AdminFixture> {
  const etcd = await startEtcd();
  const store = await openStore({ endpoints: etcd.endpoints }, { transport: "gateway" });
  const context = {
    store,
    now: Date.now,
    random: Math.random,
    newId: ulid,
    leases: memoryLeaseCache(),
  };
  return {
    etcd,
    store,
    context,
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await etcd[Symbol.asyncDispose]();
    },
  };
}
