/**
 * Events: what people see with `kubectl describe`. One says the same thing once: its name follows
 * from what it says, and a repetition moves its time.
 *
 * Source: Kubernetes API reference, core/v1 Event.
 *
 * @module
 */

import { isKind } from "../error.ts";
import type { KubeClient } from "./client.ts";
import { objectPath } from "./paths.ts";

/** What an Event is about. */
export interface EventTarget {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export interface EventText {
  /** In CamelCase, for machines. */
  readonly reason: string;
  readonly message: string;
  /** The node that says it. */
  readonly node: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** What an Event can hold. */
const MAX_MESSAGE = 1024;

/**
 * Writes a warning.
 *
 * @returns False where it was said before.
 * @throws {FabricError} Those of the client.
 */
export async function warnAbout(
  client: KubeClient,
  target: EventTarget,
  { reason, message, node, now }: EventText,
): Promise<boolean> {
  const { namespace } = target;
  const text = message.length > MAX_MESSAGE ? `${message.slice(0, MAX_MESSAGE - 1)}…` : message;
  // A part of a name does not end with a hyphen, and none is empty.
  const start = target.name.slice(0, 200).replace(/[-.]+$/, "");
  const name = `${start}.${hashOf(`${target.uid}|${reason}|${text}|${node}`)}`;
  const time = new Date(now).toISOString().replace(/\.\d+Z$/, "Z");
  const path = objectPath({ apiVersion: "v1", plural: "events" }, { namespace, name });
  try {
    await client.create(path.slice(0, path.lastIndexOf("/")), {
      apiVersion: "v1",
      kind: "Event",
      metadata: { name, namespace },
      involvedObject: { ...target },
      type: "Warning",
      reason,
      message: text,
      source: { component: "fabric", host: node },
      reportingComponent: "beyondfabric.io/fabric",
      reportingInstance: node,
      action: "AttachInterface",
      firstTimestamp: time,
      lastTimestamp: time,
      count: 1,
    });
    return true;
  } catch (error) {
    if (!isKind(error, "conflict")) throw error;
    await client.merge(path, { lastTimestamp: time });
    return false;
  }
}

/** 64 bits of FNV-1a: names differ, nobody is kept out by them. */
function hashOf(text: string): string {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) {
    hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffff_ffff_ffff_ffffn;
  }
  return hash.toString(16).padStart(16, "0");
}
