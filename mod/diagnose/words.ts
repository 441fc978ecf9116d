/**
 * Words that several layers use.
 *
 * @module
 */

import { shortId } from "../model/identity.ts";
import type { AttachmentRecord } from "../model/records.ts";

/** `a`, `a and b`, `a, b and c`. */
export function list(items: readonly string[]): string {
  const last = items.at(-1) ?? "";
  return items.length < 2 ? last : `${items.slice(0, -1).join(", ")} and ${last}`;
}

/** `VLAN 100`, and for 0 what it means. */
export function vlanText(vlan: number): string {
  return vlan === 0 ? "the untagged VLAN" : `VLAN ${vlan}`;
}

/** `pod web/shop`, else `container 0123456789ab`. */
export function podText(
  { pod, containerId }: Pick<AttachmentRecord, "pod" | "containerId">,
): string {
  return pod === undefined
    ? `container ${shortId(containerId)}`
    : `pod ${pod.namespace}/${pod.name}`;
}

/** The address without its prefix length. */
export function bare(address: string): string {
  return address.replace(/\/.*$/, "");
}
