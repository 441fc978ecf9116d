/**
 * One pod's part of the service path in the node: routes, neighbours, flows.
 *
 * @module
 */

import { FabricError } from "../../error.ts";
import { bridgeTarget, type ServiceContext } from "./context.ts";
import { podFlows } from "./flows.ts";
import { readNotes, type ServiceNote, writeNote } from "./notes.ts";
import { podRoutes } from "./rules.ts";
import type { ServicePath } from "./setup.ts";

/** $1 the bridge, $2 lines for `ip -batch`, $3 flows. */
const SCRIPT = `
printf '%s\\n' "$2" | ip -batch - & routes=$!
code=0
printf '%s\\n' "$3" | ovs-ofctl --timeout=4 --bundle add-flows "$1" - || code=1
wait "$routes" || code=1
exit "$code"
`;

export interface AttachOptions {
  readonly path: ServicePath;
  readonly note: ServiceNote;
  readonly ofport: number;
  /** Unique among the calls of the node. */
  readonly id: string;
}

/**
 * Makes them. What is made is noted first, so `unplumb()` takes it back whatever happens.
 *
 * @throws {FabricError} `conflict` when another pod of this node has such an address in another
 * network; `host`.
 */
export async function attachToServices(
  { config, run }: ServiceContext,
  { path, note, ofport, id }: AttachOptions,
): Promise<void> {
  refuseTwins(readNotes(config), note);
  writeNote(config, note, id);
  const { port: name, bridge, device, mac, addresses } = note;
  const flows = podFlows({ name, ofport, mac, addresses }, path.flows);
  const routes = podRoutes({ device, mac, addresses }, path.nodeAddresses);
  const to = bridgeTarget(config, bridge);
  await run(["sh", "-c", SCRIPT, "sh", to, routes.join("\n"), flows.join("\n")]);
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
