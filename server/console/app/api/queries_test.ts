import { assert, assertEquals } from "@std/assert";
import { parseEvent } from "./live.ts";
import { daysUntilFull, type SubnetUsage, sumUsage } from "./queries.ts";

const SUBNET: SubnetUsage = {
  network: "pods",
  subnet: "10.0.0.0/24",
  family: 4,
  capacity: "200",
  free: "50",
  used: 140,
  fixed: 20,
  waiting: 10,
  reserved: 0,
  cooling: 0,
  utilisation: 0.75,
};

Deno.test("a network is as full as its fullest family: an empty IPv6 subnet does not help", () => {
  const six: SubnetUsage = {
    ...SUBNET,
    family: 6,
    capacity: String(2n ** 64n),
    free: String(2n ** 64n),
  };
  const { share, free, taken } = sumUsage([six, SUBNET]);
  assertEquals([share, free, taken], [0.75, 50n, 150]);
  assertEquals(sumUsage([]).share, 0);
});

Deno.test("the forecast takes the pace of the days, and says nothing where there is none", () => {
  const days = Array.from({ length: 30 }, (_, i) => 100 + 2 * i);
  const left = daysUntilFull(days, 50n);
  assert(left !== undefined && Math.abs(left - 25) < 0.01, String(left));
  assertEquals(daysUntilFull(days.toReversed(), 50n), undefined, "it empties");
  assertEquals(daysUntilFull(days.map(() => 7), 50n), undefined, "it stays");
  assertEquals(daysUntilFull([1, 2, 3], 50n), undefined, "too short");
  assertEquals(daysUntilFull(days, 0n), 0, "it is full");
});

Deno.test("an event of a stream has its name, its id and all lines of its data", () => {
  assertEquals(parseEvent(": hello\nevent: added\nid: e.7.1\ndata: {\ndata: }"), {
    name: "added",
    id: "e.7.1",
    data: "{\n}",
  });
  assertEquals(parseEvent(": alive").id, undefined);
});
