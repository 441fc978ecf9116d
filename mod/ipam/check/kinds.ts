/**
 * All kinds of damage that check knows. A new one is a row in one of the tables, a rule that finds
 * it, and a test that causes it; `docs/check.md` is written from here.
 *
 * @module
 */

import type { Kind } from "./finding.ts";
import { ADDRESS_KINDS, ATTACHMENT_KINDS } from "./kinds/addresses.ts";
import { INDEX_KINDS, LEASE_KINDS, RESERVATION_KINDS } from "./kinds/free_index.ts";
import { AUDIT_KINDS } from "./kinds/audit.ts";
import { HISTORY_KINDS } from "./kinds/history.ts";
import { NETWORK_KINDS } from "./kinds/networks.ts";
import { KUBERNETES_KINDS } from "./kinds/kubernetes.ts";
import { BRIDGE_KINDS, NODE_KINDS } from "./kinds/node.ts";
import { MAC_KINDS, OWNER_KINDS } from "./kinds/owners.ts";
import { POD_KINDS, WIRE_KINDS } from "./kinds/pods.ts";
import { DEVICE_KINDS, PORT_KINDS } from "./kinds/ports.ts";
import { SERVICE_KINDS } from "./kinds/services.ts";
import { STORE_KINDS } from "./kinds/store.ts";

/** The kinds of one area, as a chapter of the documentation. */
export interface Area {
  /** As in the codes: `A` of `F-A-07`. */
  readonly letter: string;
  readonly title: string;
  readonly kinds: readonly Kind[];
}

/** The areas in the order of the documentation. */
export const AREAS: readonly Area[] = [
  { letter: "S", title: "The store", kinds: Object.values(STORE_KINDS) },
  { letter: "N", title: "Networks, zones, nodes", kinds: Object.values(NETWORK_KINDS) },
  { letter: "A", title: "Addresses", kinds: Object.values(ADDRESS_KINDS) },
  { letter: "T", title: "Attachments", kinds: Object.values(ATTACHMENT_KINDS) },
  { letter: "O", title: "Owners", kinds: Object.values(OWNER_KINDS) },
  { letter: "M", title: "MAC addresses", kinds: Object.values(MAC_KINDS) },
  { letter: "H", title: "History", kinds: Object.values(HISTORY_KINDS) },
  { letter: "I", title: "The free index", kinds: Object.values(INDEX_KINDS) },
  { letter: "R", title: "Reservations", kinds: Object.values(RESERVATION_KINDS) },
  { letter: "L", title: "What is leased", kinds: Object.values(LEASE_KINDS) },
  { letter: "U", title: "The audit", kinds: Object.values(AUDIT_KINDS) },
  { letter: "C", title: "A node itself", kinds: Object.values(NODE_KINDS) },
  { letter: "B", title: "Bridges and uplinks", kinds: Object.values(BRIDGE_KINDS) },
  { letter: "V", title: "Ports of Open vSwitch", kinds: Object.values(PORT_KINDS) },
  { letter: "D", title: "Devices of the host", kinds: Object.values(DEVICE_KINDS) },
  { letter: "P", title: "Inside of pods", kinds: Object.values(POD_KINDS) },
  { letter: "E", title: "The way to Services", kinds: Object.values(SERVICE_KINDS) },
  { letter: "W", title: "The wire", kinds: Object.values(WIRE_KINDS) },
  { letter: "K", title: "Kubernetes", kinds: Object.values(KUBERNETES_KINDS) },
];

/** All kinds, by code. */
export const KINDS: ReadonlyMap<string, Kind> = new Map(
  AREAS.flatMap(({ kinds }) => kinds).map((kind) => [kind.code, kind]),
);
