import { assertEquals } from "@std/assert";
import { startEtcd } from "../../tests/etcd_fixture.ts";
import { openGatewayStore } from "../etcd/gateway.ts";
import { encodeRecord } from "../ipam/stored.ts";
import { appendAudit, AuditWriter } from "./append.ts";
import { readAudit, trimAudit, verifyAudit } from "./read.ts";
import { type AuditEvent, auditKey } from "./record.ts";

const EVENT: AuditEvent = {
  at: "2026-11-22T10:00:00.000Z",
  who: "anna",
  way: "account",
  from: "10.0.0.1",
  requestId: "r1",
  action: "patchNetwork",
  object: "Network prod",
  outcome: "done",
};

Deno.test("the audit of many writers is one chain, and what is done to it shows", async () => {
  await using etcd = await startEtcd();
  await using store = await openGatewayStore({ endpoints: etcd.endpoints });
  const lost: unknown[] = [];
  const writers = [1, 2, 3].map(() => new AuditWriter(store, (event) => lost.push(event)));
  await Promise.all(
    Array.from(
      { length: 60 },
      (_, i) => writers[i % 3]?.append({ ...EVENT, requestId: `r${i}`, after: { i } }),
    ),
  );
  const big = { text: "x".repeat(20_000) };
  await appendAudit(store, [{ ...EVENT, before: big }]);
  assertEquals(lost, []);
  assertEquals(await verifyAudit(store), { entries: 61, first: 1, last: 61, faults: [] });
  const all = await Array.fromAsync(readAudit(store));
  assertEquals(new Set(all.map(({ requestId }) => requestId)).size, 60);

  const trimmed = await trimAudit(store, {
    maxEntries: 20,
    now: Date.parse(EVENT.at),
    by: { ...EVENT, action: "trimAudit" },
  });
  assertEquals(trimmed, 41);
  assertEquals(await verifyAudit(store), { entries: 21, first: 42, last: 62, faults: [] });

  const [, second, third] = await Array.fromAsync(readAudit(store));
  if (second === undefined || third === undefined) throw new Error("too short");
  await store.txn({
    success: [
      { put: auditKey(second.seq), value: encodeRecord({ ...second, who: "somebody else" }) },
      { delete: { key: auditKey(50) } },
      { delete: { key: auditKey(62) } },
    ],
  });
  const { faults } = await verifyAudit(store);
  assertEquals(faults.map(({ seq, what }) => [seq, what]), [
    [second.seq, "changed"],
    [50, "missing"],
    [62, "missing"],
  ]);
});
