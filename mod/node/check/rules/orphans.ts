/**
 * What is on the host and has no attachment: ports of pods that work, of pods that are gone, of
 * others; devices; rows that nobody refers to.
 *
 * @module
 */

import { delLink } from "../../../host/link.ts";
import { observeHost } from "../../../host/observe.ts";
import { unplumb } from "../../../host/plumb.ts";
import { formatAddress } from "../../../ip/address.ts";
import { type InterfaceAddress, parseInterfaceAddress } from "../../../ip/prefix.ts";
import { checkRecords } from "../../../ipam/check/check.ts";
import { DEVICE_KINDS, PORT_KINDS } from "../../../ipam/check/kinds/ports.ts";
import { addressKey, attachmentKey, tombstoneKey } from "../../../ipam/keys.ts";
import { ORDER } from "../../../ipam/repair/action.ts";
import { NO_JOURNAL } from "../../../ipam/repair/journal.ts";
import { decodeRecord } from "../../../ipam/stored.ts";
import { formatHolder } from "../../../model/identity.ts";
import { AddressRecordSchema, type AttachmentRecord } from "../../../model/records.ts";
import { deleteIf, removePortIf, replaceFacts, type SeenRow } from "../../../ovsdb/change.ts";
import { toExternalIds } from "../../../ovsdb/external_ids.ts";
import { encodeMap } from "../../../ovsdb/map.ts";
import type { SeenPort } from "../../../ovsdb/observe.ts";
import { hostIfname } from "../../../host/ifname.ts";
import { recordInFacts } from "../../port_facts.ts";
import { readKeys } from "../../records.ts";
import { type NodeJudge, portEvidence } from "../judge.ts";
import { attachmentName, isOurName, type Unit } from "../unit.ts";
import { portRow } from "./ports.ts";

/** A port or a device without an attachment. */
export async function checkOrphan(judge: NodeJudge, unit: Unit): Promise<void> {
  const { name, port, link } = unit;
  if (judge.look.records.unreadable.has(name) || unit.spooled) return;
  if (port !== undefined) return await checkOrphanPort(judge, unit, port);
  if (link === undefined || judge.switch === undefined) return;
  judge.report(DEVICE_KINDS.leftover, {
    object: `device ${name}`,
    detail: "it has neither an attachment nor a port",
    evidence: [{ what: "interface", name, says: `number ${link.ifindex}` }],
    port: name,
    fix: {
      steps: [`remove device ${name}, and its other end with it`],
      order: ORDER.derived,
      undo: [],
      verify: async () => (await linkNumber(judge, name)) === link.ifindex,
      change: async () => void await delLink(judge.context.run, name),
    },
  });
}

async function linkNumber(judge: NodeJudge, name: string): Promise<number | undefined> {
  return (await observeHost(judge.context.run)).links.get(name)?.ifindex;
}

async function checkOrphanPort(judge: NodeJudge, unit: Unit, port: SeenPort): Promise<void> {
  const { name, link } = unit;
  const { config } = judge.context;
  const { cluster, node } = port.facts;
  if (cluster !== undefined && (cluster !== config.cluster || node !== config.node)) {
    return judge.report(PORT_KINDS.foreign, {
      object: `port ${name}`,
      detail: `it is of node ${cluster}/${node ?? "unknown"}`,
      evidence: [portEvidence(name, `cluster ${cluster}, node ${node ?? "unknown"}`)],
      port: name,
    });
  }
  if (link === undefined) return deadPort(judge, unit, port);
  const record = recordInFacts(port.facts);
  const lives = record !== undefined && unit.pod?.state === "there" &&
    unit.pod.pod.links.some(({ name: inside }) => inside === record.ifname);
  if (record === undefined || !lives) {
    return judge.report(PORT_KINDS.unknown, {
      object: `port ${name}`,
      detail: record === undefined
        ? "it has a device, no attachment, and no facts that can be read"
        : "it has a device and no attachment, and its namespace cannot be found",
      evidence: [
        portEvidence(name, record === undefined ? "no record in its facts" : record.netns),
        { what: "interface", name, says: `number ${link.ifindex}` },
      ],
      port: name,
    });
  }
  await unrecorded(judge, unit, { port, record });
}

function deadPort(judge: NodeJudge, { name }: Unit, port: SeenPort): void {
  judge.report(PORT_KINDS.dead, {
    object: `port ${name}`,
    detail: "it has no attachment, and its device is gone",
    evidence: [portEvidence(name, `in bridge ${port.bridges.join(", ")}, without a device`)],
    port: name,
    fix: {
      steps: [`remove port ${name}`],
      order: ORDER.derived,
      undo: [],
      verify: async () => await linkNumber(judge, name) === undefined,
      change: () => judge.withSwitch((db) => removePortIf(db, portRow(port))),
    },
  });
}

/** It works, and etcd does not know of it. */
async function unrecorded(
  judge: NodeJudge,
  unit: Unit,
  { port, record }: { readonly port: SeenPort; readonly record: AttachmentRecord },
): Promise<void> {
  const { name } = unit;
  const { store } = judge.context.ipam;
  const key = attachmentKey(record);
  const addresses = record.addresses.map(({ address, id }) => ({
    ...parseInterfaceAddress(address),
    id,
  }));
  const keyOf = ({ address }: InterfaceAddress): string => addressKey(record.network.name, address);
  const { kvs } = await readKeys(store, [tombstoneKey(record), ...addresses.map(keyOf)]);
  const report = {
    object: attachmentName(record),
    evidence: [
      portEvidence(name, `names ${record.addresses.map(({ address }) => address).join(", ")}`),
      { what: "key" as const, name: key, revision: 0, says: "missing" },
    ],
    port: name,
  };
  if (kvs.has(tombstoneKey(record))) {
    return judge.report(PORT_KINDS.unrecorded, {
      ...report,
      detail: `port ${name} works, and a DEL of its sandbox has ended the attachment`,
      fix: {
        steps: [`take ${name} off the host, as its DEL should have`],
        order: ORDER.derived,
        undo: [],
        verify: () => judge.rowsAre(portRow(port)),
        change: async () => {
          await unplumb(judge.context.run, { host: name });
          return await judge.withSwitch((db) => removePortIf(db, portRow(port)));
        },
      },
    });
  }
  const taken = addresses.flatMap((one) => {
    const kv = kvs.get(keyOf(one));
    const other = kv === undefined ? undefined : decodeRecord(AddressRecordSchema, kv);
    return other === undefined || other.id === one.id || isKeptFor(other.owner, record.owner)
      ? []
      : [
        `${formatAddress(one.address)} belongs to ${
          other.holder === undefined ? "somebody else" : formatHolder(other.holder)
        }`,
      ];
  });
  if (taken.length > 0) {
    return judge.report(PORT_KINDS.unrecorded, {
      ...report,
      detail: `port ${name} works, and etcd has no attachment; ${taken.join(", ")}`,
      remedy: "By hand: end this pod, whose address is another's by now.",
    });
  }
  judge.report(PORT_KINDS.unrecorded, {
    ...report,
    detail: `port ${name} works, and etcd has no attachment`,
    fix: {
      steps: [
        `record the attachment again from the facts of port ${name}`,
        `record ${
          record.addresses.map(({ address }) => address).join(", ")
        } where they are missing`,
      ],
      order: ORDER.truth,
      undo: [`fabric-admin check says what to do when the pod is gone; the key is ${key}`],
      verify: () => judge.rowsAre(portRow(port)),
      change: () => recordAgain(judge, record),
    },
  });
}

function isKeptFor(a: unknown, b: unknown): boolean {
  return a !== undefined && JSON.stringify(a) === JSON.stringify(b);
}

/**
 * The attachment first, under the compare that no DEL came and nobody else has an address of it;
 * then what the rules of the store say is missing around it. Cut off in between, these are found
 * by the next check.
 */
async function recordAgain(judge: NodeJudge, record: AttachmentRecord): Promise<boolean> {
  const { ipam } = judge.context;
  const key = attachmentKey(record);
  const keys = record.addresses.map(({ address }) =>
    addressKey(record.network.name, parseInterfaceAddress(address).address)
  );
  const { kvs } = await readKeys(ipam.store, keys);
  const { succeeded } = await ipam.store.txn({
    compare: [
      { key, target: "create", op: "=", revision: 0 },
      { key: tombstoneKey(record), target: "create", op: "=", revision: 0 },
      ...keys.map((address) => ({
        key: address,
        target: "mod" as const,
        op: "=" as const,
        revision: kvs.get(address)?.modRevision ?? 0,
      })),
    ],
    success: [{ put: key, value: JSON.stringify(record) }],
  });
  if (!succeeded) return false;
  for (let round = 0; round < 3; round++) {
    const findings = await checkRecords({ ipam, reader: ipam.store }, [key]);
    const actions = findings.flatMap(({ action }) => action ?? []);
    if (actions.length === 0) break;
    for (const action of actions) await action.apply({ ipam, journal: NO_JOURNAL });
  }
  return true;
}

/** Ports that carry the facts of an interface whose port has another name. */
export async function checkImpostors(judge: NodeJudge): Promise<void> {
  const { config } = judge.context;
  for (const port of judge.switch?.ports ?? []) {
    const { "container-id": containerId, ifname, cluster, node } = port.facts;
    if (containerId === undefined || ifname === undefined) continue;
    if (cluster !== config.cluster || node !== config.node) {
      if (!isOurName(port.name)) foreignByFacts(judge, port);
      continue;
    }
    const name = await hostIfname(containerId, ifname);
    if (name === port.name) continue;
    const row: SeenRow = { ...portRow(port), expect: { name: port.name } };
    judge.report(PORT_KINDS.twice, {
      object: `port ${port.name}`,
      detail: `it has the facts of container ${containerId}, ${ifname}, whose port is ${name}`,
      evidence: [
        portEvidence(port.name, `container-id ${containerId}, ifname ${ifname}`),
        portEvidence(name, judge.portNamed(name) === undefined ? "missing" : "there"),
      ],
      port: port.name,
      fix: {
        steps: [`remove our facts from port ${port.name}`],
        order: ORDER.derived,
        undo: [],
        verify: () => judge.rowsAre(row),
        change: () =>
          judge.withSwitch((db) => replaceFacts(db, row, { before: port.facts, after: {} })),
      },
    });
  }
}

function foreignByFacts(judge: NodeJudge, { name, facts }: SeenPort): void {
  judge.report(PORT_KINDS.foreign, {
    object: `port ${name}`,
    detail: `it is of node ${facts["cluster"] ?? "unknown"}/${facts["node"] ?? "unknown"}`,
    evidence: [portEvidence(name, `cluster ${facts["cluster"]}, node ${facts["node"]}`)],
    port: name,
  });
}

/** Rows of ours that nobody refers to. */
export function checkRows(judge: NodeJudge): void {
  const { ports = [], qos = [], queues = [] } = judge.switch ?? {};
  const usedQos = new Set(ports.flatMap(({ qos }) => qos ?? []));
  for (const row of qos) {
    const port = row.facts["port"];
    if (port === undefined || usedQos.has(row.uuid)) continue;
    // It goes when the port of this attachment is plugged in again.
    if (judge.look.records.attachments.has(port) && judge.portNamed(port) === undefined) continue;
    const seen: SeenRow = { table: "QoS", uuid: row.uuid, expect: { type: row.type } };
    judge.report(PORT_KINDS.orphanQos, {
      object: `QoS ${row.uuid}`,
      detail: `it was made for port ${port}, and no port refers to it`,
      evidence: [{ what: "row", name: `QoS ${row.uuid}`, says: `type ${row.type}` }],
      port,
      fix: {
        steps: [`delete the row`],
        order: ORDER.derived,
        undo: [],
        verify: () => judge.rowsAre(seen),
        change: () => judge.withSwitch((db) => deleteIf(db, seen)),
      },
    });
  }
  const usedQueues = new Set(qos.flatMap(({ queues }) => queues));
  for (const { uuid, facts } of queues) {
    if (facts["port"] === undefined || usedQueues.has(uuid)) continue;
    const seen: SeenRow = {
      table: "Queue",
      uuid,
      expect: { external_ids: encodeMap(toExternalIds(facts)) },
    };
    judge.report(PORT_KINDS.orphanQueue, {
      object: `Queue ${uuid}`,
      detail: `it was made for port ${facts["port"]}, and no QoS refers to it`,
      evidence: [{ what: "row", name: `Queue ${uuid}`, says: "without a QoS" }],
      port: facts["port"],
      fix: {
        steps: [`delete the row`],
        order: ORDER.derived,
        undo: [],
        verify: () => judge.rowsAre(seen),
        change: () => judge.withSwitch((db) => deleteIf(db, seen)),
      },
    });
  }
}
