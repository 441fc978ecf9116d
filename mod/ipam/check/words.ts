/**
 * Objects of the store in words, as findings name them.
 *
 * @module
 */

import { formatHolder, formatOwner } from "../../model/identity.ts";
import type { AddressView, AttachmentView, HistoryView, MacView, OwnerView } from "./views.ts";

export function addressWords({ text, network }: Pick<AddressView, "text" | "network">): string {
  return `address ${text} of network ${network}`;
}

export function attachmentWords({ ref, record }: AttachmentView): string {
  return `attachment of ${formatHolder(record ?? ref)}`;
}

export function ownerWords({ ref, network }: Pick<OwnerView, "ref" | "network">): string {
  return `owner ${formatOwner(ref)} in network ${network}`;
}

export function macWords({ mac, vlan, physicalNetwork }: MacView): string {
  return `MAC ${mac} in VLAN ${vlan} of ${physicalNetwork}`;
}

export function historyWords({ record, key }: HistoryView): string {
  return record === undefined ? `interval ${key}` : `interval of ${record.address}`;
}
