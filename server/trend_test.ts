import { assertEquals } from "@std/assert";
import { openStore } from "../mod/etcd/open.ts";
import { parseAddress } from "../mod/ip/address.ts";
import { startEtcd } from "../tests/etcd_fixture.ts";
import { endHistory, writeHistory } from "../tests/history_fixture.ts";
import { TrendCache } from "./trend.ts";

const DAY_MS = 86_400_000;

Deno.test("a trend counts who held addresses at the end of each day, and goes on from there", async () => {
  await using etcd = await startEtcd();
  await using store = await openStore({ endpoints: etcd.endpoints }, { transport: "gateway" });
  let now = Date.UTC(2026, 10, 22, 12);
  const trend = new TrendCache({ store, now: () => now });
  const ago = (days: number): string => new Date(now - days * DAY_MS).toISOString();
  const revision = async (): Promise<number> =>
    (await store.range({ key: "x", countOnly: true })).header.revision;
  const address = parseAddress("10.0.0.1");
  const keys = await writeHistory(store, [
    { address, start: ago(100) },
    { address, start: ago(3), end: ago(1) },
    { address, start: ago(2) },
    { address: parseAddress("fd00::1"), start: ago(2) },
    { address: parseAddress("fd00::2"), start: ago(50), network: { name: "six", uid: "u" } },
  ]);
  const read = async () => await trend.of(5, await revision());
  assertEquals(await read(), {
    networks: { pods: [1, 2, 3, 2, 2], six: [1, 1, 1, 1, 1] },
    complete: true,
  });
  await endHistory(store, keys[0] ?? "", ago(0));
  await writeHistory(store, [{ address, start: ago(1) }]);
  assertEquals((await read()).networks["pods"], [1, 2, 3, 2, 2], "it is read again later");
  now += 10 * 60_000;
  assertEquals((await read()).networks["pods"], [1, 2, 3, 3, 2]);
});
