/**
 * All that belongs to one interface of one sandbox, wherever it was seen: record, port, device,
 * filter, limit, namespace.
 *
 * @module
 */

import type { SeenFilter, SeenLimit, SeenLink } from "../../host/observe.ts";
import { HOST_IFNAME_PREFIX } from "../../host/ifname.ts";
import type { PodLook } from "../../host/observe_pod.ts";
import { type DatapathNeeds, datapathNeeds } from "../../host/datapath.ts";
import type { PodInterface } from "../../host/pod_plan.ts";
import { allocationOf } from "../../ipam/allocation.ts";
import { formatHolder } from "../../model/identity.ts";
import type { Network } from "../../model/network.ts";
import type { AttachmentRecord } from "../../model/records.ts";
import type { SeenPort } from "../../ovsdb/observe.ts";
import type { NodeContext } from "../context.ts";
import type { NodeLook } from "../look.ts";
import { plannedInterface } from "../planned_interface.ts";
import type { RecordedAttachment } from "../records.ts";

/** One interface. */
export interface Unit {
  /** Name of its port, of the device behind it, and of the device's filter. */
  readonly name: string;
  readonly attachment: RecordedAttachment | undefined;
  readonly port: SeenPort | undefined;
  readonly link: SeenLink | undefined;
  readonly filter: SeenFilter | undefined;
  readonly limit: SeenLimit | undefined;
  readonly pod: PodLook | undefined;
  /** A DEL of it waits to be said. */
  readonly spooled: boolean;
}

const NAME = new RegExp(`^${HOST_IFNAME_PREFIX}[a-z2-7]{13}$`);

/** The name is one that we give to ports and devices. */
export function isOurName(name: string): boolean {
  return NAME.test(name);
}

/** Every interface that was seen anywhere, by the name of its port. */
export function unitsOf(look: NodeLook): readonly Unit[] {
  const ports = new Map((look.switch?.ports ?? []).map((port) => [port.name, port]));
  const ours = (names: Iterable<string>): readonly string[] => [...names].filter(isOurName);
  const names = new Set([
    ...look.records.attachments.keys(),
    ...ours(ports.keys()),
    ...ours(look.host.links.keys()),
    ...ours(look.host.filters.keys()),
  ]);
  const spooled = new Set(look.spool.flatMap(({ entry }) => entry?.port ?? []));
  return [...names].sort().map((name) => ({
    name,
    attachment: look.records.attachments.get(name),
    port: ports.get(name),
    link: look.host.links.get(name),
    filter: look.host.filters.get(name),
    limit: look.host.limits.get(name),
    pod: look.pods.get(name),
    spooled: spooled.has(name),
  }));
}

/** The attachment in words, as findings name it. */
export function attachmentName(record: AttachmentRecord): string {
  return `attachment of ${formatHolder(record)}`;
}

/** What is so of a recorded interface: where it belongs, and how its pod's side should be. */
export interface Expected {
  readonly record: AttachmentRecord;
  /** Undefined where the configuration names no bridge for its physical network. */
  readonly bridge: string | undefined;
  /** Undefined where that bridge is not there. */
  readonly needs: DatapathNeeds | undefined;
  readonly network: Network | undefined;
  /** Undefined where the network is gone, or the record cannot be planned by it. */
  readonly plan: PodInterface | undefined;
}

/** How a recorded interface should be. */
export function expectedOf(
  { config }: NodeContext,
  look: NodeLook,
  record: AttachmentRecord,
): Expected {
  const bridge = config.physicalNetworks[record.physicalNetwork]?.bridge;
  const seen = look.switch?.bridges.find(({ name }) => name === bridge);
  const network = look.records.networks.get(record.network.name);
  const userspaceTso = look.switch?.userspaceTso ?? false;
  return {
    record,
    bridge,
    needs: seen === undefined ? undefined : datapathNeeds(seen.datapathType, { userspaceTso }),
    network,
    plan: network === undefined ? undefined : planOf(network, record),
  };
}

function planOf(network: Network, record: AttachmentRecord): PodInterface | undefined {
  try {
    const rest = {
      existing: true,
      again: true,
      youngOwner: false,
      header: { clusterId: "", revision: 0 },
      transactions: 0,
    };
    return plannedInterface(allocationOf(network, record, rest), {
      ifname: record.ifname,
      defaultRoute: "first",
    });
  } catch {
    // The record's addresses lie in no subnet of the network: a check of the store tells of it.
    return undefined;
  }
}
