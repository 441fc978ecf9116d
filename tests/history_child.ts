/**
 * A process that exports or trims the history and kills itself (-9) at a given point:
 * `history_child.ts export|trim ENDPOINT KILL_AT FILE`. It says `done` when it came to its end.
 *
 * @module
 */

import { ulid } from "@std/ulid";
import { openStore } from "../mod/etcd/open.ts";
import { memoryLeaseCache } from "../mod/ipam/context.ts";
import { exportHistory } from "../mod/ipam/export.ts";
import { trimHistory } from "../mod/ipam/trim.ts";

const [what = "", endpoint = "", killAt = "", file = ""] = Deno.args;
let steps = 0;
const step = (): void => {
  if (++steps === Number(killAt)) Deno.kill(Deno.pid, "SIGKILL");
};
await using store = await openStore({ endpoints: [endpoint] }, { transport: "gateway" });
const inner = store.txn.bind(store);
const context = {
  store: {
    range: store.range.bind(store),
    // Just before and just after a commit.
    txn: async (request, options) => {
      step();
      const response = await inner(request, options);
      step();
      return response;
    },
    watch: store.watch.bind(store),
    grantLease: store.grantLease.bind(store),
    revokeLease: store.revokeLease.bind(store),
    keepLeaseAlive: store.keepLeaseAlive.bind(store),
    status: store.status.bind(store),
    [Symbol.asyncDispose]: store[Symbol.asyncDispose].bind(store),
  } satisfies typeof store,
  now: Date.now,
  random: Math.random,
  newId: ulid,
  leases: memoryLeaseCache(),
};
if (what === "export") {
  await exportHistory(context, {
    file,
    resume: true,
    windowSize: 500,
    runLines: 400,
    onProgress: step,
  });
} else {
  await trimHistory(context, {
    windowSize: 500,
    otherwise: { maxAgeDays: 30 },
    onProgress: step,
  });
}
await Deno.stdout.write(new TextEncoder().encode("done"));
