/**
 * What a node holds, for a recovery: the attachments whose port and device are there.
 *
 * @module
 */

import { FabricError } from "../error.ts";
import type { Header } from "../etcd/store.ts";
import { hostIfname } from "../host/ifname.ts";
import { observeHost } from "../host/observe.ts";
import { attachmentKey } from "../ipam/keys.ts";
import type { RecoverAnswer } from "../ipam/recover/answer.ts";
import type { AttachmentRecord } from "../model/records.ts";
import { listPorts } from "../ovsdb/mod.ts";
import { pause } from "../timer.ts";
import type { NodeContext } from "./context.ts";
import { readNodeIdentity } from "./identity.ts";
import { nodeFacts, recordInFacts } from "./port_facts.ts";
import { readSpool } from "./spool.ts";
import { takenTurns } from "./turn.ts";

/** How long calls that are under way are waited for: longer than any of them takes. */
const CALLS_MS = 60_000;
const POLL_MS = 100;

/**
 * Looks at the node. Calls that are under way are waited for first: one that committed before the
 * store was restored makes its port after that.
 *
 * @param seen what the store said before; absent where it cannot be reached.
 * @throws {FabricError} `try-again`: a call does not end; `unavailable`: ovsdb-server does not
 * answer; `host`.
 */
export async function collectAnswer(
  context: NodeContext,
  seen: Header | undefined,
): Promise<RecoverAnswer> {
  const { config, run, ipam } = context;
  await waitForCalls(context);
  const identity = await readNodeIdentity({ ...context, onError: () => {} });
  await using db = await context.connect();
  const ports = await listPorts(db, { externalIds: nodeFacts(config) });
  const { links } = await observeHost(run);
  // A DEL that could not reach the store has ended these.
  const over = new Set(
    readSpool(config.stateDir).flatMap(({ entry }) =>
      entry?.recordRemains === true ? [attachmentKey(entry.ref)] : []
    ),
  );
  const attachments: AttachmentRecord[] = [];
  const unreadable: RecoverAnswer["unreadable"] = [];
  for (const { name, externalIds } of ports) {
    // Without its device no sandbox can send.
    if (!links.has(name)) continue;
    const record = recordInFacts(externalIds);
    const isRight = record !== undefined && record.cluster === config.cluster &&
      record.node === config.node && await hostIfname(record.containerId, record.ifname) === name;
    if (!isRight) {
      const { addresses } = externalIds;
      unreadable.push({ port: name, ...(addresses === undefined ? {} : { addresses }) });
    } else if (!over.has(attachmentKey(record))) attachments.push(record);
  }
  return {
    fabric: "recover-answer",
    v: 1,
    cluster: config.cluster,
    node: config.node,
    zone: config.zone,
    ...identity,
    at: new Date(ipam.now()).toISOString(),
    ...(seen === undefined ? {} : { seen: { ...seen } }),
    attachments,
    devices: [...links.keys()],
    unreadable,
  };
}

async function waitForCalls({ config }: NodeContext): Promise<void> {
  const deadline = performance.now() + CALLS_MS;
  while (true) {
    const taken = takenTurns(config);
    if (taken.length === 0) return;
    if (performance.now() > deadline) {
      throw new FabricError("try-again", `Calls are under way for ${taken.join(", ")}`, {
        remedy: "see what the runtime waits for, then run it again",
      });
    }
    await pause(POLL_MS);
  }
}
