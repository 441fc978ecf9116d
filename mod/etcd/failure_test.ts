import { assertEquals } from "@std/assert";
import { reasonOf, toFailure } from "./failure.ts";

Deno.test("toFailure() tells what was refused from what may have been done", () => {
  const table = [
    [14, "etcdserver: no leader", "unavailable", "leader"],
    [14, "etcdserver: leader changed", "unknown-outcome", "leader"],
    [14, "etcdserver: request timed out", "unknown-outcome", "interrupted"],
    [
      14,
      "etcdserver: request timed out, possibly due to previous leader failure",
      "unknown-outcome",
      "interrupted",
    ],
    [14, "etcdserver: server stopped", "unknown-outcome", "interrupted"],
    [4, "context deadline exceeded", "unknown-outcome", "interrupted"],
    [1, "context canceled", "unknown-outcome", "interrupted"],
    [2, "something new", "unknown-outcome", "interrupted"],
    [8, "etcdserver: too many requests", "unavailable", "overloaded"],
    [8, "etcdserver: mvcc: database space exceeded", "internal", "quota"],
    [3, "etcdserver: request is too large", "invalid", "too-large"],
    [11, "etcdserver: mvcc: required revision has been compacted", "conflict", "compacted"],
    [
      11,
      "etcdserver: mvcc: required revision is a future revision",
      "conflict",
      "future-revision",
    ],
    [5, "etcdserver: requested lease not found", "not-found", "lease"],
    [7, "etcdserver: permission denied", "forbidden", "permission"],
    [16, "etcdserver: invalid auth token", "unauthenticated", "token"],
    [2, "auth: revision in header is old", "unauthenticated", "token"],
    [3, "etcdserver: key is not provided", "invalid", "refused"],
    [12, "unknown service", "incompatible", "refused"],
  ] as const;
  for (const [code, message, kind, reason] of table) {
    const failure = toFailure({ code, message }, "127.0.0.1:2379");
    assertEquals([failure.kind, reasonOf(failure)], [kind, reason], message);
    assertEquals(failure.message.includes("127.0.0.1:2379"), true);
  }
});
