import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Balance, bucketOf, Ledger } from "./ledger.ts";
import { hashText } from "./text_hash.ts";

Deno.test("a ledger keeps exactly what one side says", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 400 })),
      fc.array(fc.integer({ min: 0, max: 400 })),
      (left, right) => {
        const [a, b] = [new Set(left), new Set(right)];
        const ledger = new Ledger();
        for (const n of a) ledger.enter(hashText(`${n}`), n);
        for (const n of b) ledger.enter(hashText(`${n}`), n);
        const only = [...a.symmetricDifference(b)].sort((x, y) => x - y);
        assertEquals(ledger.pages(), only);
        assertEquals(ledger.size, only.length);
        for (let n = 0; n <= 400; n++) assertEquals(ledger.has(hashText(`${n}`)), only.includes(n));
      },
    ),
    { numRuns: 60 },
  );
});

Deno.test("a ledger of a hundred thousand pairs ends empty but for what is missing", () => {
  const ledger = new Ledger();
  for (let n = 0; n < 100_000; n++) ledger.enter(hashText(`pair ${n}`), n);
  for (let n = 99_999; n >= 0; n--) if (n !== 777) ledger.enter(hashText(`pair ${n}`), n);
  assertEquals(ledger.pages(), [777]);
  assert(ledger.has(hashText("pair 777")));
});

Deno.test("a balance names the buckets in which the sides differ, and no others", () => {
  const balance = new Balance();
  for (let n = 0; n < 50_000; n++) balance.enter(hashText(`interval ${n}`), 1);
  for (let n = 50_000 - 1; n > 0; n--) balance.enter(hashText(`interval ${n}`), -1);
  balance.enter(hashText("orphan"), -1);
  assertEquals(
    balance.unbalanced(1_000_000),
    {
      buckets: new Set(
        [hashText("interval 0"), hashText("orphan")].map(bucketOf).sort((a, b) => a - b),
      ),
      all: true,
    },
  );
  assertEquals(balance.unbalanced(1).all, false);
});
