/**
 * A repair of a node in a process of its own, which kills itself before the N-th thing that it does
 * to the host, the switch or the store: `deno run repair_child.ts ACCESS N FILE`. It ends with 0 when
 * there was less to do.
 *
 * @module
 */

import * as v from "valibot";
import { openGatewayStore } from "../../mod/etcd/gateway.ts";
import type { Store } from "../../mod/etcd/store.ts";
import { FileJournal } from "../../mod/ipam/repair/journal.ts";
import { applyPlan, planRepair } from "../../mod/ipam/repair/repair.ts";
import { checkNode } from "../../mod/node/check/check.ts";
import { contextFrom, type NodeAccess } from "./node_bed.ts";

const [access = "", count = "", file = ""] = Deno.args;
const node: NodeAccess = v.parse(
  v.object({
    enter: v.array(v.string()),
    root: v.string(),
    node: v.string(),
    endpoints: v.array(v.string()),
  }),
  JSON.parse(access),
);

let left = Infinity;
function step(): void {
  if (--left > 0) return;
  Deno.kill(Deno.pid, "SIGKILL");
  // The signal comes between two instructions of this loop.
  for (;;);
}

await using inner = await openGatewayStore({ endpoints: node.endpoints, timeoutMs: 20_000 });
const store: Store = {
  range: (request, options) => inner.range(request, options),
  txn: (request, options) => {
    const { success = [], failure = [] } = request;
    if ([...success, ...failure].some((it) => !("range" in it))) step();
    return inner.txn(request, options);
  },
  watch: (request) => inner.watch(request),
  grantLease: (seconds, options) => inner.grantLease(seconds, options),
  revokeLease: (id, options) => inner.revokeLease(id, options),
  keepLeaseAlive: (id, options) => inner.keepLeaseAlive(id, options),
  status: (options) => inner.status(options),
  [Symbol.asyncDispose]: () => Promise.resolve(),
};
const plain = await contextFrom(node, store);
const context: typeof plain = {
  ...plain,
  run: (argv, options) => {
    // What only looks is no step.
    if (!/observe|show|stat |dump-flows|fdb/.test(argv.join(" "))) step();
    return plain.run(argv, options);
  },
  connect: async () => {
    const db = await plain.connect();
    return {
      socket: db.socket,
      transact: (operations, options) => {
        if (operations.some(({ op }) => !["select", "wait", "comment"].includes(op))) step();
        return db.transact(operations, options);
      },
      [Symbol.asyncDispose]: () => db[Symbol.asyncDispose](),
    };
  },
};
const { findings } = await checkNode(context, { sources: ["node", "pods"], settleMs: 10 });
using journal = new FileJournal(file);
left = Number(count);
for await (const { error } of applyPlan({ ipam: context.ipam, journal }, planRepair(findings))) {
  if (error !== undefined) throw error;
}
