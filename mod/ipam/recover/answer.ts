/**
 * What a node holds, as it says itself: the attachments whose port and device are there. Collected
 * on the node, as a file or at once.
 *
 * @module
 */

import * as v from "valibot";
import { FabricError } from "../../error.ts";
import { AttachmentRecordSchema } from "../../model/records.ts";

const AnswerSchema = v.looseObject({
  fabric: v.literal("recover-answer"),
  v: v.literal(1),
  cluster: v.string(),
  node: v.string(),
  zone: v.string(),
  machineId: v.string(),
  bootId: v.string(),
  /** Clock of the node, RFC 3339. */
  at: v.string(),
  /**
   * Revision of the store before the node was looked at; a DEL that came later is seen by it.
   * Absent: the store could not be reached.
   */
  seen: v.optional(v.looseObject({ clusterId: v.string(), revision: v.number() })),
  /** What the ports say. */
  attachments: v.array(AttachmentRecordSchema),
  /** Devices of the host: an attachment whose device is there may live, whatever its port says. */
  devices: v.array(v.string()),
  /** Ports of this node that do not say what they are for, and whose device is there. */
  unreadable: v.array(v.looseObject({ port: v.string(), addresses: v.optional(v.string()) })),
});
export type RecoverAnswer = v.InferOutput<typeof AnswerSchema>;

/**
 * Parses a file of `recover collect`.
 *
 * @throws {FabricError} `invalid`.
 */
export function parseAnswer(text: string, name: string): RecoverAnswer {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new FabricError("invalid", `${name} is no JSON`, {
      field: "FILE",
      value: name,
      remedy: "name files that recover collect --file wrote",
      cause,
    });
  }
  const result = v.safeParse(AnswerSchema, json, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new FabricError(
    "invalid",
    `${name} is no answer of a node: ${v.getDotPath(issue) ?? "value"}: ${issue.message}`,
    { field: "FILE", value: name, remedy: "name files that recover collect --file wrote" },
  );
}
