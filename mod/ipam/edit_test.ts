import { assert, assertEquals } from "@std/assert";
import { network, node, zone } from "../../tests/documents.ts";
import { effort } from "../../tests/effort.ts";
import { assertIndexed } from "../../tests/free_index.ts";
import { addRequest, startIpam } from "../../tests/ipam_fixture.ts";
import { FabricError, isKind } from "../error.ts";
import { openStore } from "../etcd/open.ts";
import { type Store, underPrefix } from "../etcd/store.ts";
import { parseRange, rangeContains } from "../ip/range.ts";
import { allocate } from "./allocate.ts";
import { applyResource } from "./apply.ts";
import type { IpamContext } from "./context.ts";
import { deleteResource } from "./delete.ts";
import { networkAddressPrefix, parseAddressKey } from "./keys.ts";
import { getResource, listResources } from "./kinds.ts";

/** Undefined for a success, else the error. */
async function faultOf(run: Promise<unknown>): Promise<FabricError | undefined> {
  try {
    await run;
    return undefined;
  } catch (error) {
    assert(error instanceof FabricError, String(error));
    return error;
  }
}

/** How many won, and the kinds of the errors of the others. */
async function settle(
  runs: readonly Promise<unknown>[],
): Promise<{ readonly won: number; readonly kinds: readonly string[] }> {
  const faults = await Promise.all(runs.map(faultOf));
  const kinds = faults.flatMap((fault) => fault === undefined ? [] : [fault.kind]);
  return { won: runs.length - kinds.length, kinds };
}

/** The same context over another connection, as another process has it. */
async function another(
  context: IpamContext,
  endpoints: readonly string[],
): Promise<IpamContext & AsyncDisposable> {
  const store = await openStore({ endpoints }, { transport: "gateway" });
  return { ...context, store, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
}

async function addressesOf(store: Store, name: string): Promise<readonly string[]> {
  const { kvs } = await store.range({
    ...underPrefix(networkAddressPrefix(name)),
    keysOnly: true,
  });
  return kvs.map(({ key }) => key);
}

Deno.test("of two editors of one network with the same resourceVersion exactly one wins", async () => {
  await using fixture = await startIpam();
  const { context, etcd } = fixture;
  await using other = await another(context, etcd.endpoints);
  for (let round = 0; round < effort(6, 100); round++) {
    const name = `n${round}`;
    const subnets = [{ cidr: `10.${round}.0.0/24` }];
    const { resource } = await applyResource(context, network(name, { vlan: round, subnets }));
    const { resourceVersion } = resource.metadata;
    const edit = (by: IpamContext, cidr: string) =>
      applyResource(
        by,
        network({ name, resourceVersion }, { vlan: round, subnets: [...subnets, { cidr }] }),
      );
    const outcome = await settle([
      edit(context, `10.${round}.1.0/24`),
      edit(other, `10.${round}.2.0/23`),
    ]);
    assertEquals(outcome, { won: 1, kinds: ["conflict"] });
    await assertIndexed(context.store, name);
  }
});

Deno.test("of two networks with one VLAN, or overlapping subnets, exactly one is created", async () => {
  await using fixture = await startIpam();
  const { context, etcd } = fixture;
  await using other = await another(context, etcd.endpoints);
  for (let round = 0; round < effort(6, 100); round++) {
    const sameVlan = await settle([
      applyResource(
        context,
        network(`a${round}`, { vlan: round, subnets: [{ cidr: `10.1.${round}.0/24` }] }),
      ),
      applyResource(
        other,
        network(`b${round}`, { vlan: round, subnets: [{ cidr: `10.2.${round}.0/24` }] }),
      ),
    ]);
    assertEquals(sameVlan, { won: 1, kinds: ["conflict"] });
    const overlapping = await settle([
      applyResource(
        context,
        network(`c${round}`, { vlan: 100 + round, subnets: [{ cidr: `10.3.${round}.0/24` }] }),
      ),
      applyResource(
        other,
        network(`d${round}`, { vlan: 200 + round, subnets: [{ cidr: `10.3.${round}.128/25` }] }),
      ),
    ]);
    assertEquals(overlapping, { won: 1, kinds: ["conflict"] });
  }
});

Deno.test("many editors at once, of large and small networks, all come through", async () => {
  await using fixture = await startIpam();
  const { context } = fixture;
  const names = Array.from({ length: 12 }, (_, i) => `n${i}`);
  await Promise.all(names.map((name, i) => {
    const cidr = i % 3 === 0 ? `10.${i}.0.0/20` : `10.${i}.0.0/26`;
    return applyResource(context, network(name, { vlan: i, subnets: [{ cidr }] }));
  }));
  for (const name of names) await assertIndexed(context.store, name);
  const stored = await Array.fromAsync(listResources(context.store, "Network"));
  assertEquals(stored.length, 12);
});

Deno.test("an edit that takes addresses away and ADDs never both get them", async () => {
  await using fixture = await startIpam();
  const { context, store, etcd } = fixture;
  await using other = await another(context, etcd.endpoints);
  const outcomes = new Set<string>();
  for (let round = 0; round < effort(10, 100); round++) {
    const name = `n${round}`;
    const cidr = `10.${round}.0.0/25`;
    const apply = (by: IpamContext, subnet: Record<string, unknown> = {}) =>
      applyResource(by, network(name, { vlan: round, subnets: [{ cidr, ...subnet }] }));
    await apply(context);
    const ranges = [`10.${round}.0.1-10.${round}.0.9`];
    const add = async (i: number) => {
      await new Promise((resolve) => setTimeout(resolve, (round % 10) * 8));
      return await allocate(context, addRequest(`${name}-${i}`, { networks: [name] }));
    };
    const [edit, ...adds] = await Promise.all([
      faultOf(apply(other, { ranges })),
      ...Array.from({ length: 50 }, (_, i) => faultOf(add(i))),
    ]);
    const kept = parseRange(ranges[0] ?? "");
    const keys = await addressesOf(store, name);
    const outside = keys.map((key) => parseAddressKey(key).address)
      .filter((address) => !rangeContains(kept, address));
    if (edit === undefined) assertEquals(outside, []);
    else assert(isKind(edit, "in-use"), String(edit));
    for (const fault of adds) {
      assert(fault === undefined || isKind(fault, "exhausted", "try-again"), String(fault));
    }
    assertEquals(keys.length, adds.filter((fault) => fault === undefined).length);
    await assertIndexed(store, name);
    outcomes.add(edit?.kind ?? "done");
  }
  // Early edits win, late ones find pods: else the test would not have met the race.
  assertEquals(outcomes, new Set(["done", "in-use"]));
});

Deno.test("moving a network, a zone or a node and ADDs never cross", async () => {
  await using fixture = await startIpam();
  const { context, store, etcd } = fixture;
  await using other = await another(context, etcd.endpoints);
  await applyResource(context, zone("z2", ["prod"]));
  for (let round = 0; round < effort(9, 90); round++) {
    const name = `n${round}`;
    const subnets = [{ cidr: `10.${round}.0.0/24` }];
    const nodeName = `node-${round}`;
    await applyResource(context, network(name, { vlan: round, subnets }));
    await applyResource(context, node(nodeName, { zone: "z1" }));
    const edits = [
      network(name, { vlan: 100 + round, subnets }),
      network(name, { vlan: round, zones: ["z2"], subnets }),
      node(nodeName, { zone: "z2" }),
    ];
    const edit = edits[round % 3];
    const attachment = { cluster: "local", node: nodeName, containerId: name, ifname: "eth0" };
    const [edited, added] = await Promise.allSettled([
      applyResource(other, edit),
      allocate(context, addRequest(name, { networks: [name], attachment })),
    ]);
    if (edited.status === "rejected") {
      assert(isKind(edited.reason, "in-use"), String(edited.reason));
      assertEquals(added.status, "fulfilled");
      continue;
    }
    if (added.status === "rejected") {
      assert(isKind(added.reason, "invalid"), String(added.reason));
      assertEquals(round % 3, 1);
      continue;
    }
    // Both stand: then the ADD came after the edit, and saw it.
    const { spec } = await getResource(store, { kind: "Network", name });
    assertEquals(added.value.network.spec.vlan, spec.vlan);
    assert(round % 3 !== 1, "an ADD in a zone that the network had left");
  }
});

Deno.test("deleting a network and ADDs never cross", async () => {
  await using fixture = await startIpam();
  const { context, store, etcd } = fixture;
  await using other = await another(context, etcd.endpoints);
  for (let round = 0; round < effort(8, 80); round++) {
    const name = `n${round}`;
    const subnets = [{ cidr: `10.${round}.0.0/24` }];
    await applyResource(context, network(name, { vlan: round, subnets }));
    const [gone, ...adds] = await Promise.all([
      faultOf(deleteResource(other, { kind: "Network", name })),
      ...Array.from(
        { length: 4 },
        (_, i) => faultOf(allocate(context, addRequest(`${name}-${i}`, { networks: [name] }))),
      ),
    ]);
    const added = adds.filter((fault) => fault === undefined).length;
    assertEquals((await addressesOf(store, name)).length, added);
    if (gone === undefined) assertEquals(added, 0);
    else assert(isKind(gone, "in-use"), String(gone));
  }
});

Deno.test("a data centre of many networks is applied in reasonable time", async () => {
  await using fixture = await startIpam();
  const { context, store } = fixture;
  const all = effort(100, 1000);
  const began = performance.now();
  for (let i = 0; i < all; i++) {
    const base = `10.${i >> 6}.${(i & 63) * 4}`;
    const subnets = [{ cidr: `${base}.0/24`, gateway: `${base}.1` }];
    await applyResource(context, network(`n${i}`, { vlan: i, subnets }));
  }
  const each = (performance.now() - began) / all;
  assert(each < 400, `${each} ms each`);
  assertEquals((await Array.fromAsync(listResources(store, "Network"))).length, all);
});
