/**
 * One pod's part of the service path in the node: routes, neighbours, flows.
 *
 * @module
 */

import { FabricError } from "../../error.ts";
import { bridgeTarget, type ServiceContext } from "./context.ts";
import { explain } from "./explain.ts";
import { podFlows } from "./flows.ts";
import { readNotes, type ServiceNote, writeNote } from "./notes.ts";
import { podRoutes } from "./rules.ts";
import type { ServicePath } from "./setup.ts";

/**
 * $1 the bridge. Standard input: lines for `ip -batch` up to a dot, then flows. It begins before they
 * are known, so that its programs have started by then; nothing at all means that there is nothing to do.
 * No bundle, which costs 10 ms: nobody has heard of the pod yet, and a failure takes all of it back.
 */
const SCRIPT = `
lines=
while read -r line && [ "$line" != . ]; do lines="$lines$line
"; done
[ -n "$lines" ] || exit 0
printf '%s' "$lines" | ip -batch - & routes=$!
code=0
ovs-ofctl --timeout=10 add-flows "$1" - || code=1
wait "$routes" || code=1
exit "$code"
`;

const TIMEOUT_MS = 15_000;

export interface AttachOptions {
  readonly path: ServicePath;
  readonly note: ServiceNote;
  /** Whether the pod has the way at all; awaited before anything is made. */
  readonly wanted: Promise<boolean>;
  /** Number of the pod's port, as soon as vswitchd has it. */
  readonly ofport: Promise<number>;
  /** Unique among the calls of the node. */
  readonly id: string;
}

/**
 * Makes them. What is made is noted first, so `unplumb()` takes it back whatever happens.
 *
 * @throws {FabricError} `conflict` when another pod of this node has such an address in another
 * network; `host`; and what the promises fail with.
 */
export async function attachToServices(
  { config, run }: ServiceContext,
  { path, note, wanted, ofport, id }: AttachOptions,
): Promise<void> {
  const { port: name, bridge, device, mac, addresses } = note;
  const input = async function* (): AsyncIterable<string> {
    if (!await wanted) return;
    refuseTwins(readNotes(config), note);
    writeNote(config, note, id);
    // Who came at the same time has noted itself by now, or will see this note.
    refuseTwins(readNotes(config), note);
    yield `${podRoutes({ device, mac, addresses }, path.nodeAddresses).join("\n")}\n.\n`;
    const flows = podFlows({ name, ofport: await ofport, mac, addresses }, path.flows);
    yield `${flows.join("\n")}\n`;
  };
  await run(["sh", "-c", SCRIPT, "sh", bridgeTarget(config, bridge)], {
    stdin: input(),
    timeoutMs: TIMEOUT_MS,
  }).catch((error) => {
    throw explain(error, path.nodeAddresses);
  });
}

/** An address leads to one pod: the node has one route to it, whatever the network. */
function refuseTwins(notes: readonly ServiceNote[], own: ServiceNote): void {
  for (const other of notes) {
    if (other.device === own.device || other.port === own.port) continue;
    const twin = own.addresses.find((address) => other.addresses.includes(address));
    if (twin === undefined) continue;
    throw new FabricError(
      "conflict",
      `Address ${twin} of network ${own.network} is that of a pod of network ${other.network} on this node`,
      {
        field: "network",
        value: own.network,
        remedy:
          "give the two networks addresses of their own, or keep their pods on different nodes",
        details: { reason: "twin" },
      },
    );
  }
}
