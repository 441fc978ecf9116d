import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { FabricError } from "../../error.ts";
import type { KeyValue, RangeRequest, RangeResponse } from "../../etcd/store.ts";
import { scanWindows, type Snapshot } from "./windows.ts";

/** Ranges over keys in memory that count what etcd would have to count. */
function reader(keys: readonly string[], options: { readonly compactedAfter?: number } = {}) {
  const sorted = [...keys].sort((a, b) => a < b ? -1 : 1);
  let covered = 0;
  let asked = 0;
  return {
    cost: () => ({ covered, asked }),
    range(request: RangeRequest): Promise<RangeResponse> {
      asked++;
      const { key, end = "", limit = Infinity, revision } = request;
      if (revision !== undefined && asked > (options.compactedAfter ?? Infinity)) {
        return Promise.reject(
          new FabricError("conflict", "compacted", { details: { reason: "compacted" } }),
        );
      }
      const inside = sorted.filter((one) => one >= key && one < end);
      covered += inside.length;
      const kvs = inside.slice(0, limit).map((one): KeyValue => ({
        key: one,
        value: "",
        createRevision: 1,
        modRevision: 1,
        version: 1,
        lease: undefined,
      }));
      const header = { clusterId: "1", revision: 1 };
      return Promise.resolve({ header, kvs, count: inside.length, more: inside.length > limit });
    },
  };
}

async function scan(snapshot: Snapshot, hints: readonly string[], pageSize = 10) {
  const keys: string[] = [];
  const range = { key: "a/", end: "a0" };
  for await (const page of scanWindows(snapshot, range, { hints, pageSize })) {
    assert(page.length <= pageSize);
    keys.push(...page.map(({ key }) => key));
  }
  return keys;
}

const ids = fc.uniqueArray(
  fc.oneof(
    fc.stringMatching(/^[0-9a-f]{1,12}$/),
    fc.stringMatching(/^(local|c1)\/n[0-9]{1,3}\/[0-9a-f]{8}$/),
    fc.stringMatching(/^[!-~]{1,6}$/),
  ),
  { maxLength: 300 },
);

Deno.test("scanWindows() gives every key once and in order, whatever the hints", async () => {
  await fc.assert(
    fc.asyncProperty(ids, ids, fc.integer({ min: 2, max: 40 }), async (names, others, size) => {
      const keys = names.map((name) => `a/${name}`);
      const hints = others.map((name) => `a/${name}`).sort((a, b) => a < b ? -1 : 1);
      const snapshot = { reader: reader(keys), revision: 7 };
      const sorted = [...keys].sort((a, b) => a < b ? -1 : 1);
      assertEquals(await scan(snapshot, hints, size), sorted);
      assertEquals(await scan(snapshot, [], size), sorted);
    }),
    { numRuns: 150 },
  );
});

Deno.test("scanWindows() reads on where etcd compacts its revision away", async () => {
  const keys = Array.from({ length: 500 }, (_, i) => `a/${i.toString(16).padStart(8, "0")}`);
  const snapshot: Snapshot = { reader: reader(keys, { compactedAfter: 5 }), revision: 7 };
  assertEquals(await scan(snapshot, []), keys);
  assertEquals(snapshot.revision, undefined);
});

Deno.test("scanWindows() makes etcd count each key a few times, and not once per page", async () => {
  const layouts: Readonly<Record<string, (i: number) => string>> = {
    dense: (i) => i.toString(16).padStart(8, "0"),
    nodes: (i) => `local/node-${String(i % 50).padStart(4, "0")}/${hash(i)}/eth0`,
    random: (i) => `${hash(i)}/eth0`,
  };
  const count = 20_000;
  for (const [name, layout] of Object.entries(layouts)) {
    const keys = Array.from({ length: count }, (_, i) => `a/${layout(i)}`);
    const all = reader(keys);
    assertEquals((await scan({ reader: all, revision: 1 }, [], 100)).length, count);
    const { covered, asked } = all.cost();
    // The first range covers everything, for nothing is known yet.
    assert(covered < 8 * count, `${name}: ${covered / count} times`);
    assert(asked < 8 * count / 100, `${name}: ${asked} ranges`);
    const sorted = [...keys].sort((a, b) => a < b ? -1 : 1);
    const hinted = reader(keys);
    await scan({ reader: hinted, revision: 1 }, sorted.filter((_, i) => i % 50 === 49), 100);
    assert(hinted.cost().covered < 2 * count, `${name} with hints: ${hinted.cost().covered}`);
  }
});

function hash(i: number): string {
  let value = Math.imul(i + 1, 0x9e3779b1) >>> 0;
  let text = "";
  for (let round = 0; round < 4; round++) {
    value = Math.imul(value ^ (value >>> 15), 0x85ebca6b) >>> 0;
    text += value.toString(16).padStart(8, "0");
  }
  return text;
}
