/**
 * Who may attach: a node that is not fenced, and the machine that its name belongs to.
 *
 * @module
 */

import { FabricError } from "../error.ts";
import type { Node } from "../model/network.ts";

/** Names a node; no name means anything without its cluster. */
export interface NodeRef {
  readonly cluster: string;
  readonly node: string;
}

/**
 * Refuses an ADD on a node that is fenced, or whose name belongs to another machine.
 *
 * @throws {FabricError} `forbidden`.
 */
export function admitMachine(ref: NodeRef, machineId: string, node: Node | undefined): void {
  if (node === undefined) return;
  const name = `${ref.cluster}/${ref.node}`;
  const { fenced, replaced = [] } = node.spec;
  if (fenced !== undefined) {
    const by = fenced.by === undefined ? "" : ` by ${fenced.by}`;
    const reason = fenced.reason === undefined ? "" : `: ${fenced.reason}`;
    throw new FabricError("forbidden", `Node ${name} was fenced${by}${reason}`, {
      field: "node",
      value: name,
      remedy: `end what runs there, then fabric-admin unfence ${name}`,
      details: { reason: "fenced", at: fenced.at },
    });
  }
  const known = node.status?.machineId;
  const gone = replaced.find((one) => one.machineId === machineId);
  if (gone === undefined && (known === undefined || known === machineId)) return;
  const why = gone === undefined
    ? `belongs to the machine ${known}, this one is ${machineId}`
    : `does not belong to the machine ${machineId} any more`;
  throw new FabricError("forbidden", `Node name ${name} ${why}`, {
    field: "node",
    value: name,
    remedy: "give this host a name of its own; or, if it takes the other's place: " +
      `fabric-admin node replace ${name} --machine-id ${machineId}`,
    details: { reason: "machine", known, machineId },
  });
}
