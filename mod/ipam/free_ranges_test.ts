import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { applyNetwork, startIpam } from "../../tests/ipam_fixture.ts";
import { effort } from "../../tests/effort.ts";
import type { Operation } from "../etcd/store.ts";
import { underPrefix } from "../etcd/store.ts";
import { type Address, parseAddress } from "../ip/address.ts";
import { formatRange } from "../ip/range.ts";
import { freeRanges } from "./free_ranges.ts";
import { addressKey, coolingKey, PREFIXES } from "./keys.ts";
import { getResource } from "./kinds.ts";

const GIVEN = {
  vlan: 10,
  subnets: [
    {
      cidr: "10.0.0.0/26",
      gateway: "10.0.0.1",
      ranges: ["10.0.0.4-10.0.0.20", "10.0.0.30-10.0.0.40"],
      exclude: ["10.0.0.10"],
    },
    { cidr: "2001:db8::/64" },
  ],
};

Deno.test("freeRanges() is what is handed out less what has a record or cools", async () => {
  await using fixture = await startIpam();
  const { context, store } = fixture;
  await applyNetwork(context, "pods", GIVEN);
  const network = await getResource(store, { kind: "Network", name: "pods" });
  const handedOut = [...range(4, 9), ...range(11, 20), ...range(30, 40)];
  const at = (last: number): Address => ({ family: 4, value: 0x0a000000n + BigInt(last) });
  const some = fc.uniqueArray(fc.integer({ min: 0, max: 63 }), { maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(some, some, async (taken, cooling) => {
      const operations: Operation[] = [
        { delete: underPrefix(PREFIXES.addresses) },
        { delete: underPrefix(PREFIXES.cooling) },
      ];
      // One transaction may not put what it deletes.
      await store.txn({ success: operations });
      await store.txn({
        success: [
          ...taken.map((last) => ({ put: addressKey("pods", at(last)), value: "{}" })),
          ...cooling.map((last) => ({ put: coolingKey("pods", at(last)), value: "{}" })),
        ],
      });
      const found = (await Array.fromAsync(freeRanges(store, network)))
        .filter(({ range }) => range.family === 4)
        .flatMap(({ range: { first, last } }) =>
          range(Number(first - 0x0a000000n), Number(last - 0x0a000000n))
        );
      const gone = new Set([...taken, ...cooling]);
      assertEquals(found, handedOut.filter((last) => !gone.has(last)));
    }),
    { numRuns: effort(25, 300) },
  );
});

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

Deno.test("freeRanges() of an IPv6 subnet are few, and end where the subnet ends", async () => {
  await using fixture = await startIpam();
  const { context, store } = fixture;
  await applyNetwork(context, "pods", GIVEN);
  const network = await getResource(store, { kind: "Network", name: "pods" });
  const text = "2001:db8::ffff";
  await store.txn({ success: [{ put: addressKey("pods", parseAddress(text)), value: "{}" }] });
  const found = await Array.fromAsync(freeRanges(store, network));
  const v6 = found.filter((free) => free.range.family === 6);
  assertEquals(v6.map(({ range, subnet }) => [formatRange(range), subnet]), [
    ["2001:db8::1-2001:db8::fffe", "2001:db8::/64"],
    ["2001:db8::1:0-2001:db8::ffff:ffff:ffff:ffff", "2001:db8::/64"],
  ]);
});
