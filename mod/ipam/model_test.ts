/** The allocator against a simple model: random sequences of what users do, on a real etcd. */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { addRequest, applyNetwork, type IpamFixture, startIpam } from "../../tests/ipam_fixture.ts";

import { effort } from "../../tests/effort.ts";
import { FabricError } from "../error.ts";
import { underPrefix } from "../etcd/store.ts";
import { type Address, formatAddress, parseAddress } from "../ip/address.ts";
import { parseRange } from "../ip/range.ts";
import { avoidKey } from "./candidate.ts";
import { allocate } from "./allocate.ts";
import { parseFreeEntry } from "./free.ts";
import { addressPrefix, freePrefix, parseAddressKey } from "./keys.ts";
import { allocatable } from "./pool.ts";
import { release } from "./release.ts";
import { reserve, unreserve } from "./reserve.ts";
import type { NetworkSpec } from "../model/network.ts";

const SPEC = {
  physicalNetwork: "prod",
  vlan: 100,
  mtu: 1500,
  coolingSeconds: 0,
  subnets: [
    {
      cidr: "10.0.0.0/27",
      gateway: "10.0.0.1",
      ranges: ["10.0.0.4-10.0.0.14"],
      exclude: ["10.0.0.9"],
    },
    { cidr: "2001:db8::/64", ranges: ["2001:db8::10-2001:db8::1a"] },
  ],
} satisfies NetworkSpec;

type Step =
  | { readonly do: "add"; readonly who: number; readonly slot: number | undefined }
  | { readonly do: "ask"; readonly who: number; readonly last: number }
  | { readonly do: "del"; readonly who: number }
  | { readonly do: "reserve"; readonly last: number }
  | { readonly do: "unreserve"; readonly last: number };

const who = fc.nat({ max: 13 });
const last = fc.integer({ min: 2, max: 16 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant("add" as const), who, slot: fc.constant(undefined) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("add" as const), who, slot: fc.nat({ max: 3 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("ask" as const), who, last }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("del" as const), who }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("reserve" as const), last }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("unreserve" as const), last }) },
);

/** Who has what, as a person would write it on paper. */
class Model {
  /** Address text to user: `c3`, `owner 2` or `reserved`. */
  readonly used = new Map<string, string>();
  readonly held = new Map<string, readonly string[]>();
  readonly owners = new Map<string, { addresses: readonly string[]; holder: string | undefined }>();

  take(user: string, addresses: readonly string[]): void {
    for (const address of addresses) {
      assert(
        !this.used.has(address),
        `${address} was given to ${user} and ${this.used.get(address)}`,
      );
      this.used.set(address, user);
    }
  }
}

const v4 = (lastOctet: number): string => `10.0.0.${lastOctet}`;

async function run(fixture: IpamFixture, model: Model, input: Step): Promise<void> {
  const { context } = fixture;
  if (input.do === "reserve" || input.do === "unreserve") {
    const address = v4(input.last);
    const range = parseRange(address);
    const current = model.used.get(address);
    if (input.do === "unreserve") {
      await unreserve(context, { network: "pods", range });
      if (current === "reserved") model.used.delete(address);
      return;
    }
    const done = await attempt(() => reserve(context, { network: "pods", range, reason: "test" }));
    if (done instanceof FabricError) {
      assert(current !== undefined && current !== "reserved", `${address}: ${done.message}`);
    } else if (current === undefined) {
      model.used.set(address, "reserved");
    }
    return;
  }
  const id = `c${input.who}`;
  if (input.do === "del") {
    await release(context, addRequest(id).attachment, { endedBy: "del" });
    for (const address of model.held.get(id) ?? []) {
      if (model.used.get(address) === id) model.used.delete(address);
    }
    for (const owner of model.owners.values()) if (owner.holder === id) owner.holder = undefined;
    model.held.delete(id);
    return;
  }
  const slot = input.do === "add" ? input.slot : undefined;
  const owner = slot === undefined ? undefined : {
    cluster: "local",
    group: "apps",
    kind: "StatefulSet",
    namespace: "n",
    name: "w",
    slot: String(slot),
    ifname: "eth0",
  };
  const asked = input.do === "ask" ? [parseAddress(v4(input.last))] : undefined;
  const done = await attempt(() =>
    allocate(
      context,
      addRequest(id, {
        ...(owner === undefined ? {} : { owner }),
        ...(asked === undefined ? {} : { addresses: asked }),
      }),
    )
  );
  const before = model.held.get(id);
  if (before !== undefined) {
    assert(!(done instanceof FabricError), `a retried ADD failed: ${String(done)}`);
    assertEquals(done.addresses.map((a) => formatAddress(a.address)), before);
    return;
  }
  const known = owner === undefined ? undefined : model.owners.get(owner.slot);
  if (done instanceof FabricError) {
    expectRefusal(model, { error: done, asked, holder: known?.holder });
    return;
  }
  const got = done.addresses.map((a) => formatAddress(a.address));
  assertEquals(got.length, 2);
  if (known !== undefined) {
    assertEquals(known.holder, undefined, "an owner's address moved while it was held");
    assertEquals(got, known.addresses);
    known.holder = id;
  } else if (owner !== undefined) {
    model.take(`owner ${owner.slot}`, got);
    model.owners.set(owner.slot, { addresses: got, holder: id });
  } else {
    model.take(id, got);
  }
  if (asked !== undefined) assertEquals(got[0], asked.map(formatAddress)[0]);
  model.held.set(id, got);
}

async function attempt<T>(action: () => Promise<T>): Promise<T | FabricError> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof FabricError) return error;
    throw error;
  }
}

function expectRefusal(
  model: Model,
  seen: {
    readonly error: FabricError;
    readonly asked: readonly Address[] | undefined;
    readonly holder: string | undefined;
  },
): void {
  const { error, asked, holder } = seen;
  const free = (family: 4 | 6): number =>
    allocatable(SPEC, family).reduce((n, r) => n + Number(r.last - r.first + 1n), 0) -
    [...model.used.keys()].filter((text) => {
      const address = parseAddress(text);
      return address.family === family &&
        allocatable(SPEC, family).some((r) => r.first <= address.value && address.value <= r.last);
    }).length;
  switch (error.kind) {
    case "exhausted":
      return assert(free(4) === 0 || free(6) === 0, `${error.message} though some are free`);
    case "try-again":
      return assert(holder !== undefined, error.message);
    case "conflict":
      return assert(asked?.some((a) => model.used.has(formatAddress(a))), error.message);
    case "invalid":
      // 10.0.0.9 is excluded.
      return assert(asked?.some((a) => formatAddress(a) === "10.0.0.9"), error.message);
    default:
      throw error;
  }
}

/** What must hold whatever was done. */
async function checkStore(fixture: IpamFixture, model: Model): Promise<void> {
  const { store } = fixture;
  const texts: string[] = [];
  for (const family of [4, 6] as const) {
    const { kvs } = await store.range(underPrefix(addressPrefix("pods", family)));
    texts.push(...kvs.map((kv) => formatAddress(parseAddressKey(kv.key).address)));
    const taken = new Set(kvs.map((kv) => avoidKey(parseAddressKey(kv.key).address)));
    const index = await store.range(underPrefix(freePrefix("pods", family)));
    const entries = index.kvs.flatMap((kv) => parseFreeEntry(kv) ?? []);
    for (const range of allocatable(SPEC, family)) {
      for (let value = range.first; value <= range.last; value++) {
        const address = { family, value };
        const offered = entries.some((e) => e.next.value <= value && value <= e.end.value);
        assert(
          offered || taken.has(avoidKey(address)),
          `${formatAddress(address)} is free and lost to the index`,
        );
      }
    }
  }
  assertEquals(new Set(texts), new Set(model.used.keys()));
  const count = async (prefix: string): Promise<number> =>
    (await store.range({ ...underPrefix(prefix), countOnly: true })).count;
  assertEquals(await count("attachments/"), model.held.size);
  assertEquals(await count("owners/"), model.owners.size);
  const reserved = [...model.used.values()].filter((user) => user === "reserved").length;
  assertEquals(await count("reserved/"), reserved);
  const ephemeral =
    [...model.held.keys()].filter((id) =>
      ![...model.owners.values()].some((owner) => owner.holder === id)
    ).length;
  assertEquals(await count("macs/"), ephemeral + model.owners.size);
}

Deno.test("the allocator agrees with a simple model over random sequences", async () => {
  await using fixture = await startIpam();
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 45 }), async (steps) => {
      await wipe(fixture);
      await applyNetwork(fixture.context, "pods", SPEC);
      const model = new Model();
      for (const input of steps) await run(fixture, model, input);
      await checkStore(fixture, model);
    }),
    { numRuns: effort(12, 300) },
  );
});

async function wipe(fixture: IpamFixture): Promise<void> {
  const kept = ["physicalnetworks/", "zones/", "meta/"];
  const { kvs } = await fixture.store.range({ key: "a", end: "{", keysOnly: true });
  for (const kv of kvs) {
    if (kept.some((prefix) => kv.key.startsWith(prefix))) continue;
    await fixture.store.txn({ success: [{ delete: { key: kv.key } }] });
  }
}
