import { assertEquals, assertRejects } from "@std/assert";
import { ulid } from "@std/ulid";
import { startEtcd } from "../../tests/etcd_fixture.ts";
import { openGatewayStore } from "../etcd/gateway.ts";
import { encodeRecord } from "../ipam/stored.ts";
import { FabricError } from "../error.ts";
import { appendAudit, AuditWriter, beginAudit } from "./append.ts";
import { audited } from "./audited.ts";
import { sweepInbox } from "./inbox.ts";
import { readAudit, trimAudit, verifyAudit } from "./read.ts";
import { type AuditEvent, auditInboxKey, auditKey } from "./record.ts";

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
  const writers = [1, 2, 3].map(() =>
    new AuditWriter({ store, now: Date.now, newId: ulid }, (event) => lost.push(event))
  );
  await Promise.all(
    Array.from(
      { length: 60 },
      (_, i) => writers[i % 3]?.append({ ...EVENT, requestId: `r${i}`, after: { i } }),
    ),
  );
  const big = { text: "x".repeat(20_000) };
  await appendAudit(store, [{ event: { ...EVENT, before: big } }]);
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
    // The entry that told of the trim is gone, too.
    [41, "beginning"],
  ]);
});

Deno.test("a change that nobody ended is told as unknown, once, by whichever server sees it", async () => {
  await using etcd = await startEtcd();
  await using store = await openGatewayStore({ endpoints: etcd.endpoints });
  let now = Date.parse(EVENT.at);
  const context = { store, now: () => now, newId: ulid };
  const { outcome: _, ...head } = EVENT;
  await beginAudit(context, head);
  await store.txn({ success: [{ put: auditInboxKey("told"), value: encodeRecord({ ...EVENT }) }] });
  await store.txn({ success: [{ put: auditInboxKey("junk"), value: "{" }] });
  assertEquals(await sweepInbox(store, now), 2);
  now += 180_000;
  const swept = await Promise.all([sweepInbox(store, now), sweepInbox(store, now)]);
  assertEquals(swept.reduce((sum, count) => sum + count), 1);
  const all = await Array.fromAsync(readAudit(store));
  assertEquals(all.map(({ action, outcome }) => `${action} ${outcome}`), [
    "unreadable failed",
    "patchNetwork done",
    "patchNetwork unknown",
  ]);
  assertEquals((await verifyAudit(store)).faults, []);

  const subject = { who: "root", way: "shell", from: "host", action: "fix", object: "x" };
  await audited(context, subject, () => Promise.resolve({ value: 1, told: { after: { a: 1 } } }));
  await assertRejects(() =>
    audited(context, subject, () => {
      throw new FabricError("in-use", "somebody has it");
    })
  );
  const last = (await Array.fromAsync(readAudit(store))).slice(-2);
  assertEquals(last.map(({ outcome, detail, after }) => [outcome, detail, after]), [
    ["done", undefined, { a: 1 }],
    ["refused", "somebody has it", undefined],
  ]);
  assertEquals(await sweepInbox(store, now + 1e9), 0);
});
