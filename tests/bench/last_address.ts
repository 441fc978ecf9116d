/**
 * The last free address of a full /16 beside any address of an empty one: one client, allocate and
 * release in turn, milliseconds per allocation.
 *
 * @module
 */

import type { Operation } from "../../mod/etcd/store.ts";
import { underPrefix } from "../../mod/etcd/store.ts";
import { parseRange } from "../../mod/ip/range.ts";
import { allocate } from "../../mod/ipam/allocate.ts";
import { putReleased, runInParts } from "../../mod/ipam/free.ts";
import { addressKey, freePrefix } from "../../mod/ipam/keys.ts";
import { release } from "../../mod/ipam/release.ts";
import { encodeRecord } from "../../mod/ipam/stored.ts";
import { addRequest, applyNetwork, type IpamFixture, startIpam } from "../ipam_fixture.ts";
import { median, percentile } from "./table.ts";

export interface LastAddressRow {
  readonly network: string;
  readonly medianMs: number;
  readonly p99Ms: number;
}

/** Writes a record for every address of the /16 but one, as if 65,533 pods ran. */
async function fillBut(fixture: IpamFixture, network: string, free: string): Promise<void> {
  const { store } = fixture;
  const last = parseRange(free).first;
  const all = parseRange("10.2.0.1-10.2.255.254");
  const operations: Operation[] = [];
  for (let value = all.first; value <= all.last; value++) {
    if (value === last) continue;
    operations.push({
      put: addressKey(network, { family: 4, value }),
      value: encodeRecord({ state: "used", id: "01", since: "2026-01-01T00:00:00Z" }),
    });
  }
  await runInParts(store, operations, []);
  await store.txn({ success: [{ delete: underPrefix(freePrefix(network, 4)) }] });
  await store.txn({ success: [putReleased(network, { family: 4, value: last }, undefined)] });
}

/** Alternates between the two networks, so that the machine's drift meets both. */
export async function measureLastAddress(rounds: number): Promise<readonly LastAddressRow[]> {
  await using fixture = await startIpam();
  const { context } = fixture;
  const spec = { coolingSeconds: 0 };
  await applyNetwork(context, "empty", { ...spec, vlan: 101, subnets: [{ cidr: "10.1.0.0/16" }] });
  await applyNetwork(context, "full", { ...spec, vlan: 102, subnets: [{ cidr: "10.2.0.0/16" }] });
  await fillBut(fixture, "full", "10.2.123.45");
  const times: Record<string, number[]> = { empty: [], full: [] };
  for (let round = 0; round < rounds; round++) {
    for (const [network, list] of Object.entries(times)) {
      const request = addRequest(`c${round}`, { networks: [network] });
      const start = performance.now();
      await allocate(context, request);
      list.push(performance.now() - start);
      await release(context, request.attachment, { endedBy: "del" });
    }
  }
  return Object.entries(times).map(([network, list]) => ({
    network,
    medianMs: median(list),
    p99Ms: percentile(list, 99),
  }));
}

if (import.meta.main) {
  // deno-lint-ignore no-console -- a benchmark prints its table
  console.table(await measureLastAddress(300));
}
