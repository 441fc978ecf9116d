import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { network, zone } from "../../tests/documents.ts";
import { effort } from "../../tests/effort.ts";
import { assertIndexed, coveredRanges } from "../../tests/free_index.ts";
import { addRequest, startIpam } from "../../tests/ipam_fixture.ts";
import { FabricError, isKind } from "../error.ts";
import { type Store, underPrefix } from "../etcd/store.ts";
import { type Address, parseAddress } from "../ip/address.ts";
import { parseRange, type Range, rangeContains } from "../ip/range.ts";
import { allocate } from "./allocate.ts";
import { applyResource } from "./apply.ts";
import type { IpamContext } from "./context.ts";
import { deleteResource } from "./delete.ts";
import { parseFreeEntry, takeFrom } from "./free.ts";
import { freePrefix, META_EDIT } from "./keys.ts";
import { getResource } from "./kinds.ts";
import { release } from "./release.ts";

/** Too much for one transaction: it takes a claim, nine transactions of the index, and a commit. */
const LARGE = [{ cidr: "10.0.0.0/23" }, { cidr: "2001:db8::/119" }];

/** The store of a process that dies at a transaction, before or after etcd has it. */
function dyingStore(
  store: Store,
  death: { readonly at: number; readonly after: boolean },
): Store & { readonly transactions: () => number } {
  let count = 0;
  const fault = () => new FabricError("internal", "the process died");
  const alive = async <T>(run: () => Promise<T>): Promise<T> => {
    if (count > death.at) throw fault();
    return await run();
  };
  return {
    transactions: () => count,
    range: (...args) => alive(() => store.range(...args)),
    txn: async (request, options) => {
      if (count > death.at) throw fault();
      if (count++ < death.at) return await store.txn(request, options);
      if (death.after) await store.txn(request, options);
      throw fault();
    },
    watch: (request) => store.watch(request),
    grantLease: (...args) => alive(() => store.grantLease(...args)),
    revokeLease: (...args) => alive(() => store.revokeLease(...args)),
    keepLeaseAlive: (...args) => alive(() => store.keepLeaseAlive(...args)),
    status: (options) => alive(() => store.status(options)),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** Edits that take a claim: from nothing, growing, shrinking, and both at once. */
const EDITS: readonly { readonly from: unknown; readonly to: unknown }[] = [
  { from: undefined, to: LARGE },
  { from: [{ cidr: "10.0.0.0/26" }], to: LARGE },
  { from: LARGE, to: [{ cidr: "10.0.0.0/23", ranges: ["10.0.0.9-10.0.0.99"] }] },
  {
    from: [{ cidr: "10.0.0.0/24" }, { cidr: "2001:db8::/64", ranges: ["2001:db8::/65"] }],
    to: [{ cidr: "10.0.0.0/23" }, { cidr: "2001:db8::/64", exclude: ["2001:db8::5:0/112"] }],
  },
];

/** One editor dies at the transaction; answers how many there were. */
async function dieAt(
  context: IpamContext,
  edit: {
    readonly from: unknown;
    readonly to: unknown;
    readonly at: number;
    readonly vlan: number;
  },
): Promise<number> {
  const { from, to, at, vlan } = edit;
  const { store } = context;
  const options = { claimPatienceMs: 60 };
  const name = `n${vlan}`;
  const document = (subnets: unknown) => network(name, { vlan, subnets });
  if (from !== undefined) await applyResource(context, document(from), options);
  const dying = dyingStore(store, { at, after: vlan % 2 === 1 });
  await applyResource({ ...context, store: dying }, document(to)).catch(() => {});
  const stands = await getResource(store, { kind: "Network", name }).catch(() => undefined);
  if (stands !== undefined) {
    await assertIndexed(store, name, { clean: false });
    const request = addRequest(name, { networks: [name] });
    const added = await allocate(context, request);
    assertEquals(added.addresses.length, stands.spec.subnets.length);
    await release(context, request.attachment, { endedBy: "del", cool: false });
  }
  // Another edit, of whatever, finishes what the dead one left.
  await applyResource(context, zone("side", vlan % 2 === 0 ? [] : ["prod"]), options);
  if (stands !== undefined) await assertIndexed(store, name);
  else assertEquals(await coveredRanges(store, name, 4), []);
  await applyResource(context, document(to), options);
  await assertIndexed(store, name);
  await deleteResource(context, { kind: "Network", name }, options);
  return dying.transactions();
}

Deno.test("an editor that dies at any step leaves a network that can be used and edited", async () => {
  await using fixture = await startIpam();
  let vlan = 0;
  for (const edit of EDITS) {
    const all = await dieAt(fixture.context, { ...edit, at: Infinity, vlan: vlan++ });
    const few = [0, 1, 2, all >> 1, all - 3, all - 2, all - 1];
    const steps = Array.from({ length: all }, (_, at) => at).slice(0, effort(0, 100));
    for (const at of new Set([...few, ...steps])) {
      await dieAt(fixture.context, { ...edit, at, vlan: vlan++ });
    }
  }
});

Deno.test("a claim of a living editor is respected", async () => {
  await using fixture = await startIpam();
  const { context, store } = fixture;
  const value = JSON.stringify({ v: 1, at: "", claim: "pods" });
  await store.txn({ success: [{ put: META_EDIT, value }] });
  const giveBack = setTimeout(() => {
    void store.txn({ success: [{ put: META_EDIT, value: JSON.stringify({ v: 1, at: "" }) }] });
  }, 300);
  const began = performance.now();
  await applyResource(context, network("pods", { vlan: 1, subnets: LARGE }));
  clearTimeout(giveBack);
  const took = performance.now() - began;
  assert(took >= 250 && took < 3_000, `${took} ms`);
});

/** Specs of one subnet of each family, over a small part of it, in every shape. */
const anySpec = (() => {
  const offset = fc.integer({ min: 1, max: 600 });
  const v4 = (n: number) => `10.0.${n >> 8}.${n & 255}`;
  const v6 = (n: number) => `2001:db8::${n.toString(16)}`;
  const ranges = (text: (n: number) => string) =>
    fc.uniqueArray(fc.tuple(offset, fc.integer({ min: 0, max: 300 })), { maxLength: 3 }).map(
      (all) => {
        const sorted = [...all].sort(([a], [b]) => a - b);
        let next = 1;
        return sorted.flatMap(([first, size]): readonly string[] => {
          const start = Math.max(first, next);
          const last = Math.min(start + size, 1000);
          if (start > last) return [];
          next = last + 1;
          return [start === last ? text(start) : `${text(start)}-${text(last)}`];
        });
      },
    );
  const subnet = (cidrs: readonly string[], text: (n: number) => string) =>
    fc.record({
      cidr: fc.constantFrom(...cidrs),
      ranges: ranges(text),
      exclude: ranges(text),
    }, { requiredKeys: ["cidr"] });
  return fc.tuple(
    subnet(["10.0.0.0/22", "10.0.0.0/21"], v4),
    fc.option(subnet(["2001:db8::/112", "2001:db8::/64"], v6), { nil: undefined }),
  ).map((all) => all.filter((one) => one !== undefined));
})();

Deno.test("whatever a network grows and shrinks to, every free address can be found", async () => {
  await using fixture = await startIpam();
  const { context, store } = fixture;
  let serial = 0;
  const step = fc.record({
    subnets: anySpec,
    adds: fc.nat(4),
    asked: fc.array(fc.integer({ min: 1, max: 900 }), { maxLength: 2 }),
    dels: fc.nat(4),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 6 }), async (steps) => {
      const name = `n${serial++}`;
      const attached: string[] = [];
      const add = async (addresses?: readonly Address[]) => {
        const id = `${name}-${serial++}`;
        const options = { networks: [name], ...(addresses === undefined ? {} : { addresses }) };
        try {
          await allocate(context, addRequest(id, options));
          attached.push(id);
        } catch (error) {
          assert(isKind(error, "exhausted", "conflict", "invalid", "not-found"), String(error));
        }
      };
      for (const { subnets, adds, asked, dels } of steps) {
        const spec = { vlan: 7, coolingSeconds: 0, subnets };
        await applyResource(context, network(name, spec)).catch((error) => {
          assert(isKind(error, "in-use"), String(error));
        });
        if (
          await getResource(store, { kind: "Network", name }).catch(() => undefined) === undefined
        ) continue;
        await assertIndexed(store, name);
        for (const n of asked) await add([parseAddress(`10.0.${n >> 8}.${n & 255}`)]);
        for (let i = 0; i < adds; i++) await add();
        await assertIndexed(store, name);
        for (const id of attached.splice(0, dels)) {
          await release(context, addRequest(id).attachment, { endedBy: "del" });
        }
        await assertIndexed(store, name);
      }
      for (const id of attached) {
        await release(context, addRequest(id).attachment, { endedBy: "del" });
      }
      await deleteResource(context, { kind: "Network", name });
    }),
    { numRuns: effort(8, 200) },
  );
});

Deno.test("hundreds of exclusions come and go in one edit", async () => {
  await using fixture = await startIpam();
  const { context, store } = fixture;
  const every = (step: number) =>
    Array.from({ length: 250 }, (_, i) => `10.0.${(i * step) >> 8}.${((i * step) & 255) + 1}`);
  const apply = (exclude: readonly string[]) =>
    applyResource(
      context,
      network("pods", {
        vlan: 1,
        subnets: [{ cidr: "10.0.0.0/20", exclude }, {
          cidr: "2001:db8::/64",
          exclude: v6Of(exclude),
        }],
      }),
    );
  const v6Of = (exclude: readonly string[]) =>
    exclude.map((_, i) => `2001:db8::${(2 * i + 2).toString(16)}`);
  await apply([]);
  await allocate(context, addRequest("c1", { addresses: [parseAddress("10.0.0.2")] }));
  await apply(every(8));
  await assertIndexed(store, "pods");
  await apply(every(4));
  await assertIndexed(store, "pods");
  const error = await apply(["10.0.0.2", ...every(8)]).catch((e) => e);
  assert(isKind(error, "in-use"), String(error));
  await apply([]);
  await assertIndexed(store, "pods");
});

Deno.test("the index of a deleted network is gone, also what an allocation of old left", async () => {
  await using fixture = await startIpam();
  const { context, store } = fixture;
  const whole: readonly Range[] = [parseRange("10.0.0.1-10.0.15.254")];
  const document = network("pods", {
    vlan: 1,
    coolingSeconds: 0,
    subnets: [{ cidr: "10.0.0.0/20" }],
  });
  for (let round = 0; round < 3; round++) {
    await applyResource(context, document);
    await allocate(context, addRequest("c1"));
    await release(context, addRequest("c1").attachment, { endedBy: "del" });
    assertEquals(await coveredRanges(store, "pods", 4), whole);
    await deleteResource(context, { kind: "Network", name: "pods" });
    const { count } = await store.range({ ...underPrefix(freePrefix("pods", 4)), countOnly: true });
    assertEquals(count, 0);
  }
});

Deno.test("an address released while its network grows over it can be found", async () => {
  await using fixture = await startIpam();
  const { context, store } = fixture;
  const address = parseAddress("2001:db8::1005");
  const document = (...ranges: readonly string[]) =>
    network("pods", { vlan: 1, subnets: [{ cidr: "2001:db8::/64", ranges }] });
  await applyResource(context, document("2001:db8::1-2001:db8::f"));
  await allocate(context, addRequest("c1", { addresses: [address] }));
  // Between the release's reads and its commit the edit comes, and an ADD skips the address.
  let crossed = false;
  const crossing: Store = {
    ...dyingStore(store, { at: Infinity, after: false }),
    txn: async (request, options) => {
      if (!crossed && request.compare !== undefined && request.compare.length > 0) {
        crossed = true;
        await applyResource(
          context,
          document("2001:db8::1-2001:db8::f", "2001:db8::1000-2001:db8::ffff"),
        );
        const { kvs } = await store.range(underPrefix(freePrefix("pods", 6)));
        const entry = kvs.flatMap((kv) => parseFreeEntry(kv) ?? []).find(({ next, end }) =>
          next.value <= address.value && address.value <= end.value
        );
        assert(entry !== undefined && entry.end.value > address.value);
        await store.txn({ success: [takeFrom(entry, address)] });
      }
      return await store.txn(request, options);
    },
  };
  const { attachment } = addRequest("c1");
  await release({ ...context, store: crossing }, attachment, { endedBy: "del" });
  assert(crossed);
  const covered = await coveredRanges(store, "pods", 6);
  assert(covered.some((range) => rangeContains(range, address)));
});
