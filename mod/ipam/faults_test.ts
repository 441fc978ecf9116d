import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { FabricError } from "../error.ts";
import type { Store } from "../etcd/store.ts";
import { underPrefix } from "../etcd/store.ts";
import { formatAddress } from "../ip/address.ts";
import {
  addRequest,
  applyKind,
  applyNetwork,
  type IpamFixture,
  startIpam,
} from "../../tests/ipam_fixture.ts";
import { allocate } from "./allocate.ts";
import type { Allocation } from "./allocation.ts";

const SUBNETS = [{ cidr: "10.0.0.0/28" }, { cidr: "2001:db8::/64" }];

function ips(allocation: Allocation): readonly string[] {
  return allocation.addresses.map(({ address }) => formatAddress(address));
}

async function count(fixture: IpamFixture, prefix: string): Promise<number> {
  return (await fixture.store.range({ ...underPrefix(prefix), countOnly: true })).count;
}

/** The store, with something done around its n-th transaction (from 0). */
function withFault(store: Store, around: (n: number, run: Store["txn"]) => Store["txn"]): Store {
  let n = 0;
  const run: Store["txn"] = (request, options) => store.txn(request, options);
  return {
    range: (...args) => store.range(...args),
    txn: (request, options) => around(n++, run)(request, options),
    watch: (request) => store.watch(request),
    grantLease: (...args) => store.grantLease(...args),
    revokeLease: (...args) => store.revokeLease(...args),
    keepLeaseAlive: (...args) => store.keepLeaseAlive(...args),
    status: (options) => store.status(options),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

const lost = (): FabricError => new FabricError("unknown-outcome", "no answer came");

Deno.test("allocate() finds its own commit when the answer was lost", async () => {
  await using fixture = await startIpam();
  await applyNetwork(fixture.context, "pods", { vlan: 100, subnets: SUBNETS });
  const store = withFault(fixture.store, (n, run) => async (request) => {
    const answer = await run(request);
    if (n === 1) throw lost();
    return answer;
  });
  const allocation = await allocate({ ...fixture.context, store }, addRequest("a"));
  assertEquals(allocation.existing, false);
  assertEquals(await count(fixture, "addresses/"), 2);
  assertEquals(await count(fixture, "attachments/"), 1);
});

Deno.test("allocate() commits again when the lost commit never arrived", async () => {
  await using fixture = await startIpam();
  await applyNetwork(fixture.context, "pods", { vlan: 100, subnets: SUBNETS });
  const store = withFault(
    fixture.store,
    (n, run) => async (request) => n === 1 ? await Promise.reject(lost()) : await run(request),
  );
  assertEquals(ips(await allocate({ ...fixture.context, store }, addRequest("a"))).length, 2);
  assertEquals(await count(fixture, "addresses/"), 2);
});

Deno.test("an ADD that gives up leaves its tombstone, and a late copy of it fails", async () => {
  await using fixture = await startIpam();
  await applyNetwork(fixture.context, "pods", { vlan: 100, subnets: SUBNETS });
  const late: (() => Promise<{ succeeded: boolean }>)[] = [];
  const store = withFault(fixture.store, (_, run) => async (request) => {
    const commits = (request.success ?? []).some((o) =>
      "put" in o && o.put.startsWith("addresses/")
    );
    if (!commits) return await run(request);
    late.push(() => run(request));
    throw lost();
  });
  const error = await assertRejects(
    () => allocate({ ...fixture.context, store }, addRequest("a")),
    FabricError,
  );
  assertEquals(error.kind, "unknown-outcome");
  assertEquals(late.length, 2);
  for (const copy of late) assertEquals((await copy()).succeeded, false);
  assertEquals(await count(fixture, "addresses/"), 0);
});

Deno.test("allocate() reads again when the network was edited under it", async () => {
  await using fixture = await startIpam();
  const { context } = fixture;
  await applyNetwork(context, "pods", { vlan: 100, subnets: SUBNETS });
  const edited = [...SUBNETS, { cidr: "10.0.1.0/28" }];
  const store = withFault(fixture.store, (n, run) => async (request) => {
    if (n === 1) await applyNetwork(context, "pods", { vlan: 100, subnets: edited });
    return await run(request);
  });
  const allocation = await allocate({ ...context, store }, addRequest("a"));
  assertEquals(allocation.transactions, 2);
  assertEquals(allocation.network.spec.subnets.length, 3);
});

Deno.test("allocate() stops at a store that is another one, or went back in time", async () => {
  await using fixture = await startIpam();
  const { context } = fixture;
  await applyNetwork(context, "pods", { vlan: 100, subnets: SUBNETS });
  const { header } = await allocate(context, addRequest("a"));
  await allocate(context, addRequest("b", { known: header }));
  for (
    const known of [{ ...header, clusterId: "1" }, { ...header, revision: header.revision + 1000 }]
  ) {
    const error = await assertRejects(
      () => allocate(context, addRequest("c", { known })),
      FabricError,
    );
    assertEquals(error.kind, "store-changed");
    assertStringIncludes(error.remedy ?? "", "recover");
  }
  assertEquals(await count(fixture, "attachments/"), 2);
});

Deno.test("clusters with equal names of everything share a network without meeting", async () => {
  await using fixture = await startIpam();
  const { context } = fixture;
  await applyNetwork(context, "pods", { vlan: 100, subnets: SUBNETS });
  const pod = { namespace: "n", name: "p", uid: "u" };
  const seen = new Set<string>();
  for (const cluster of ["local", "6b1c2a", "9f00d1"]) {
    const attachment = { cluster, node: "n1", containerId: "c", ifname: "eth0" };
    const owner = {
      cluster,
      group: "apps",
      kind: "StatefulSet",
      namespace: "n",
      name: "w",
      slot: "0",
      ifname: "eth0",
    };
    const request = addRequest("c", { attachment, owner, pod, machineId: cluster });
    for (const address of ips(await allocate(context, request))) seen.add(address);
  }
  assertEquals(seen.size, 6);
  assertEquals(await count(fixture, "owners/pods/"), 3);
  assertEquals(await count(fixture, "nodes/"), 3);
});

Deno.test("allocate() takes the first network of a list that reaches the node's zone", async () => {
  await using fixture = await startIpam();
  const { context } = fixture;
  await applyKind(context, "Zone", { name: "z2", spec: { physicalNetworks: ["prod"] } });
  await applyNetwork(context, "far", {
    vlan: 101,
    zones: ["z2"],
    subnets: [{ cidr: "10.1.0.0/28" }],
  });
  await applyNetwork(context, "near", { vlan: 102, subnets: [{ cidr: "10.2.0.0/28" }] });
  const request = addRequest("a", { networks: ["far", "near"] });
  assertEquals((await allocate(context, request)).network.metadata.name, "near");
  const error = await assertRejects(
    () => allocate(context, addRequest("b", { networks: ["far"] })),
    FabricError,
  );
  assertStringIncludes(error.message, "Network far does not reach zone z1: it reaches z2");
  const missing = await assertRejects(
    () => allocate(context, addRequest("b", { networks: ["nowhere"] })),
    FabricError,
  );
  assertEquals(missing.kind, "not-found");
});
