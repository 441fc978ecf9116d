/**
 * Saying what an earlier DEL could not say; see `spool.ts`.
 *
 * @module
 */

import { asFabricError, isKind } from "../mod/error.ts";
import type { IpamContext } from "../mod/ipam/context.ts";
import { release } from "../mod/ipam/release.ts";
import { connectOvsdb, delPort } from "../mod/ovsdb/mod.ts";
import type { Call } from "./call.ts";
import { asking } from "./neighbour.ts";
import type { SpoolEntry } from "../mod/node/spool.ts";
import { finishEntry as finishSteps } from "../mod/node/spool_entry.ts";

/** How long an ADD waits for another process that finishes an entry of its container. */
const WAIT_MS = 4_000;

/**
 * Finishes what earlier DELs of this very interface left; before an ADD, which begins a new life.
 *
 * @throws {FabricError} When etcd or ovsdb-server still do not answer: then the ADD cannot begin.
 */
export async function finishEntriesOf(
  port: string,
  call: Call,
  context: IpamContext,
): Promise<void> {
  for (const name of call.spool.names(port)) {
    await call.spool.finish(name, (entry) => finishEntry(entry, call, context), {
      waitMs: WAIT_MS,
    });
  }
}

/**
 * Finishes some entries, the oldest first, and stops at the first that cannot be: a call whose own
 * work is done spends little time on others'. Never throws.
 */
export async function finishSome(
  call: Call,
  context: IpamContext,
  limits: { readonly entries: number; readonly untilMs: number },
): Promise<void> {
  const deadline = call.steps.elapsed() + limits.untilMs;
  for (const name of call.spool.names().slice(0, limits.entries)) {
    if (call.steps.elapsed() > deadline) return;
    try {
      await call.spool.finish(name, (entry) => finishEntry(entry, call, context));
    } catch (cause) {
      const { message } = asFabricError(cause);
      call.log.write("warning", "a spooled DEL is not finished yet", {
        entry: name,
        error: message,
      });
      if (isKind(cause, "unavailable", "unknown-outcome")) return;
    }
  }
}

/** What an ADD does for others, when its answer is out. */
const FOR_OTHERS = { entries: 4, untilMs: 500 };

/** The same for a call that has no store open, if there is anything to finish. Never throws. */
export async function finishSpooled(call: Call): Promise<void> {
  if (call.spool.names().length === 0) return;
  try {
    await using store = await call.openStore();
    await finishSome(call, call.ipam(store), FOR_OTHERS);
  } catch (cause) {
    call.log.write("warning", "spooled DELs are not finished yet", {
      error: asFabricError(cause).message,
    });
  }
}

async function finishEntry(entry: SpoolEntry, call: Call, context: IpamContext): Promise<void> {
  const { ref, port } = entry;
  await finishSteps(entry, {
    removePort: () => asking("ovsdb", () => removePort(call, port)),
    endRecord: async () => {
      const { header } = await asking("etcd", () => release(context, ref, { endedBy: "del" }));
      call.remember(header);
    },
  });
  call.log.write("info", "spooled DEL finished", {
    container: ref.containerId,
    ifname: ref.ifname,
    since: entry.at,
  });
}

async function removePort({ config }: Call, port: string): Promise<void> {
  await using db = await connectOvsdb({ socket: config.ovsdb.socket, timeoutMs: 1_000 });
  await delPort(db, port);
}
