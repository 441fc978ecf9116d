/**
 * What the looks at one interface of a pod share.
 *
 * @module
 */

import type { AttachmentRecord } from "../model/records.ts";
import type { RecordFacts } from "./layers/record.ts";
import type { Diagnosis } from "./layer.ts";
import type { Scene } from "./scene.ts";
import type { Found } from "./subject.ts";
import type { Way } from "./way.ts";

/** Whom the pod wants to reach. */
export interface WantedTarget {
  readonly address: string;
  readonly port: number | undefined;
  /** The attachment that has the address, where the store or a port knows one. */
  readonly found: Found | undefined;
}

/** What the looks at one interface share. */
export interface PodWalk {
  readonly scene: Scene;
  readonly found: Found;
  readonly record: AttachmentRecord;
  /** Name of the host's end and of its port. */
  readonly port: string;
  readonly bridge: string | undefined;
  readonly facts: RecordFacts;
  /** To the target, else to the gateways. */
  readonly ways: readonly Way[];
  readonly target: WantedTarget | undefined;
  /** Both ends are ports of one bridge of this node, in one VLAN. */
  readonly sameSwitch: boolean;
  /** Walks what is on this node of another attachment. */
  readonly lookAt: (other: Found) => Promise<Diagnosis>;
}
