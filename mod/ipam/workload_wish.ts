/**
 * What the Pod of a workload asks of IPAM.
 *
 * @module
 */

import type { WorkloadRef } from "../model/identity.ts";
import type { AddressesOfSlots } from "./slot_addresses.ts";

/** The workload whose Pod is attached, and what it asks for. */
export interface WorkloadWish {
  /** Whose slot. */
  readonly workload: WorkloadRef;
  /** `any`: its Pods are alike; else the slot, and its place in the list where it has one. */
  readonly slot:
    | { readonly kind: "any" }
    | { readonly kind: "own"; readonly slot: string; readonly index: number | undefined };
  /** Addresses that are named, in the order of the slots; undefined: they are chosen. */
  readonly list: AddressesOfSlots | undefined;
  /**
   * Network and list are what the workload says now, and not only what its template said when this Pod
   * was made: then what its slots have beside them goes with their holders.
   */
  readonly isCurrent: boolean;
  /**
   * How many slots the workload may have where its Pods are alike and no addresses are named: as many
   * as it has Pods at once. One more Pod comes where another is about to end, and waits for that one's
   * slot. Undefined: any number.
   */
  readonly most: number | undefined;
  /** What to do while all slots are held. */
  readonly onExhausted: "wait" | "borrow";
  /** For the error: what the workload says of its numbers, e.g. `3 replicas + surge 1`. */
  readonly numbers: string | undefined;
}
