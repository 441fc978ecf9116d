/**
 * Owners and holders in tables: shorter than the sentences of errors.
 *
 * @module
 */

import type { Holder, OwnerRef, Pod } from "../mod/model/identity.ts";

/** As many characters of a container id as people compare. */
export const SHORT_ID = 12;

/** `pod web/shop-1`, else `container c0ffee…`. */
export function podOrContainer(
  subject: { readonly pod?: Pod | undefined; readonly containerId: string },
): string {
  return subject.pod === undefined
    ? `container ${subject.containerId.slice(0, SHORT_ID)}`
    : `pod ${subject.pod.namespace}/${subject.pod.name}`;
}

/** The holder, empty where there is none. */
export function holderCell(holder: Holder | undefined): string {
  return holder === undefined ? "" : podOrContainer(holder);
}

/** `StatefulSet.apps db/pg`. */
export function workloadCell(owner: OwnerRef): string {
  const kind = owner.group === "" ? owner.kind : `${owner.kind}.${owner.group}`;
  return `${kind} ${owner.namespace === "" ? "" : `${owner.namespace}/`}${owner.name}`;
}

/** The workload with its slot, empty where there is none. */
export function ownerCell(owner: OwnerRef | undefined): string {
  return owner === undefined ? "" : `${workloadCell(owner)} slot ${owner.slot}`;
}
