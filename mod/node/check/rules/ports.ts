/**
 * Ports and devices of attachments: whether each is there, in its place, and connected.
 *
 * @module
 */

import { limitTrafficToPod, shaperOf } from "../../../host/bandwidth.ts";
import { delLeakFilter, leakFilterText } from "../../../host/leak_filter.ts";
import { setLinkUp } from "../../../host/link.ts";
import { observeHost } from "../../../host/observe.ts";
import { DEVICE_KINDS, PORT_KINDS } from "../../../ipam/check/kinds/ports.ts";
import { BRIDGE_KINDS } from "../../../ipam/check/kinds/node.ts";
import { ORDER } from "../../../ipam/repair/action.ts";
import { changeIf, moveIf, replaceFacts, type SeenRow, updateIf } from "../../../ovsdb/change.ts";
import { encodeMap } from "../../../ovsdb/map.ts";
import { toExternalIds } from "../../../ovsdb/external_ids.ts";
import type { SeenInterface, SeenPort } from "../../../ovsdb/observe.ts";
import { getPort } from "../../../ovsdb/port.ts";
import { encodeSet } from "../../../ovsdb/set.ts";
import { encodeNamedUuid, encodeUuid } from "../../../ovsdb/uuid.ts";
import { portFacts } from "../../port_facts.ts";
import { type Fix, type NodeJudge, portEvidence } from "../judge.ts";
import { plugAgain } from "../plug.ts";
import { attachmentName, type Expected, type Unit } from "../unit.ts";

/** A recorded interface whose device and namespace are there. */
export interface Living extends Unit {
  readonly expected: Expected;
}

/** Everything about its port and its host's end. */
export function checkPort(judge: NodeJudge, unit: Living): void {
  if (judge.switch === undefined) return;
  const { port } = unit;
  if (port === undefined) return portMissing(judge, unit);
  const [device] = port.interfaces;
  if (device === undefined) return;
  if (checkBridge(judge, unit, port)) return;
  if (checkDatapath(judge, unit, { port, device })) return;
  checkVlan(judge, unit, port);
  checkMtu(judge, unit, { port, device });
  checkFacts(judge, unit, port);
  checkQos(judge, unit, port);
}

function objectOf({ expected }: Living): string {
  return attachmentName(expected.record);
}

/** The port as it was seen, for a compare. */
export function portRow(port: SeenPort): SeenRow {
  return {
    table: "Port",
    uuid: port.uuid,
    expect: { name: port.name, tag: encodeSet(port.tag === undefined ? [] : [port.tag]) },
  };
}

function portMissing(judge: NodeJudge, unit: Living): void {
  const { name, expected } = unit;
  judge.report(PORT_KINDS.missing, {
    object: objectOf(unit),
    detail: `its device ${name} is no port of Open vSwitch`,
    evidence: [
      { what: "interface", name, says: `there, number ${unit.link?.ifindex}` },
      portEvidence(name, "missing"),
    ],
    port: name,
    ...replug(judge, unit, {
      step: `plug ${name} into ${expected.bridge} in VLAN ${expected.record.vlan}`,
      undo: [`ovs-vsctl del-port ${name}`],
      verify: async () => await judge.withSwitch((db) => getPort(db, name)) === undefined,
    }),
  });
}

/** The change that plugs it in again, where that can be done. */
function replug(
  judge: NodeJudge,
  unit: Living,
  fix: {
    readonly step: string;
    readonly undo: readonly string[];
    readonly verify: () => Promise<boolean>;
  },
): { readonly fix?: Fix; readonly remedy?: string } {
  const { name, expected } = unit;
  if (expected.bridge === undefined) {
    return { remedy: "By hand: name the bridge of the physical network in the configuration." };
  }
  return {
    fix: {
      steps: [fix.step],
      order: ORDER.derived,
      undo: fix.undo,
      verify: async () => await isDevice(judge, unit) && await fix.verify(),
      change: () => plugAgain(judge.context, { name, expected }),
    },
  };
}

/** The device is still the one that was seen. */
async function isDevice(judge: NodeJudge, { name, link }: Unit): Promise<boolean> {
  const { links } = await observeHost(judge.context.run);
  return links.get(name)?.ifindex === link?.ifindex;
}

function checkBridge(judge: NodeJudge, unit: Living, port: SeenPort): boolean {
  const { name, expected } = unit;
  const { bridge, record } = expected;
  const [first = ""] = port.bridges;
  if (bridge === undefined || (port.bridges.length === 1 && first === bridge)) return false;
  const shared = port.bridges.length > 1;
  const known = judge.switch?.bridges.some((it) => it.name === bridge) === true;
  judge.report(shared ? BRIDGE_KINDS.sharedPort : PORT_KINDS.wrongBridge, {
    object: objectOf(unit),
    detail: `port ${name} is in ${port.bridges.join(" and ")}, physical network ` +
      `${record.physicalNetwork} is ${bridge}`,
    evidence: [portEvidence(name, `in bridge ${port.bridges.join(", ")}`)],
    port: name,
    ...(known
      ? {
        fix: {
          steps: [`move port ${name} to bridge ${bridge}`],
          order: ORDER.derived,
          undo: [`ovs-vsctl del-port ${name} -- add-port ${first} ${name}`],
          verify: () => judge.rowsAre(portRow(port)),
          change: () =>
            judge.withSwitch((db) => moveIf(db, portRow(port), { from: port.bridges, to: bridge })),
        },
      }
      : { remedy: `By hand: make bridge ${bridge} first, then run repair again.` }),
  });
  return true;
}

/** Whether the datapath really reads from the device. */
function checkDatapath(
  judge: NodeJudge,
  unit: Living,
  { port, device }: { readonly port: SeenPort; readonly device: SeenInterface },
): boolean {
  const { name, link, expected } = unit;
  const flows = judge.look.flows.get(expected.bridge ?? "");
  // While vswitchd is away it reads from no device at all.
  if (link === undefined || flows === undefined) return false;
  const { ofport, error } = device;
  const failed = ofport === undefined || ofport < 1;
  const isDeaf = !judge.look.host.tapped.has(link.ifindex) && !link.inKernelSwitch;
  if (!failed && !isDeaf) return false;
  judge.report(failed ? PORT_KINDS.error : PORT_KINDS.deaf, {
    object: objectOf(unit),
    detail: failed
      ? `vswitchd cannot use port ${name}: ${error ?? "it gives no reason"}`
      : `port ${name} looks well, and the datapath does not read from its device`,
    evidence: [
      portEvidence(name, `ofport ${ofport ?? "not set"}${error === undefined ? "" : `, ${error}`}`),
      { what: "interface", name, says: `number ${link.ifindex}, read by nobody` },
    ],
    port: name,
    ...replug(judge, unit, {
      step: `plug ${name} in again`,
      undo: [],
      verify: () => judge.rowsAre(portRow(port)),
    }),
  });
  return true;
}

function checkVlan(judge: NodeJudge, unit: Living, port: SeenPort): void {
  const { name, expected } = unit;
  const { vlan } = expected.record;
  const isTrunk = port.tag === undefined || port.trunks.length > 0 ||
    (port.vlanMode !== undefined && port.vlanMode !== "access");
  if (!isTrunk && port.tag === vlan) return;
  const is = [
    port.tag === undefined ? "no tag" : `tag ${port.tag}`,
    ...port.trunks.length === 0 ? [] : [`trunks ${port.trunks.join(",")}`],
    ...port.vlanMode === undefined ? [] : [`vlan_mode ${port.vlanMode}`],
  ].join(", ");
  const row: SeenRow = {
    ...portRow(port),
    expect: { ...portRow(port).expect, trunks: encodeSet(port.trunks) },
  };
  judge.report(isTrunk ? PORT_KINDS.trunk : PORT_KINDS.tag, {
    object: objectOf(unit),
    detail: `port ${name} has ${is}, and VLAN ${vlan} is recorded`,
    evidence: [portEvidence(name, is)],
    port: name,
    fix: {
      steps: [`make port ${name} an access port of VLAN ${vlan}`],
      order: ORDER.derived,
      undo: [undoVlan(port)],
      verify: () => judge.rowsAre(row),
      change: () =>
        judge.withSwitch((db) =>
          updateIf(db, row, { tag: vlan, vlan_mode: "access", trunks: encodeSet([]) })
        ),
    },
  });
}

function undoVlan({ name, tag, trunks, vlanMode }: SeenPort): string {
  const columns = [
    `tag=${tag ?? "[]"}`,
    `trunks=${trunks.length === 0 ? "[]" : trunks.join(",")}`,
    `vlan_mode=${vlanMode ?? "[]"}`,
  ];
  return `ovs-vsctl set port ${name} ${columns.join(" ")}`;
}

function checkMtu(
  judge: NodeJudge,
  unit: Living,
  { device }: { readonly port: SeenPort; readonly device: SeenInterface },
): void {
  const { name, link, expected } = unit;
  const mtu = expected.plan?.mtu;
  if (mtu === undefined || link === undefined) return;
  const { mtuRequest } = device;
  if (mtuRequest === mtu && link.mtu === mtu) return;
  const row: SeenRow = {
    table: "Interface",
    uuid: device.uuid,
    expect: { mtu_request: encodeSet(mtuRequest === undefined ? [] : [mtuRequest]) },
  };
  judge.report(PORT_KINDS.mtu, {
    object: objectOf(unit),
    detail: `${name} has MTU ${link.mtu}, asked for ${mtuRequest ?? "nothing"}; the network ${mtu}`,
    evidence: [
      portEvidence(name, `mtu_request ${mtuRequest ?? "not set"}`),
      { what: "interface", name, says: `MTU ${link.mtu}` },
    ],
    port: name,
    fix: {
      steps: [`set the MTU of ${name} to ${mtu}`],
      order: ORDER.derived,
      undo: [`ovs-vsctl set interface ${name} mtu_request=${mtuRequest ?? link.mtu}`],
      verify: () => judge.rowsAre(row),
      change: async () => {
        if (!await judge.withSwitch((db) => updateIf(db, row, { mtu_request: mtu }))) return false;
        // Where the request was right, vswitchd has nothing to do.
        await judge.context.run(["ip", "link", "set", "dev", name, "mtu", String(mtu)]);
        return true;
      },
    },
  });
}

function checkFacts(judge: NodeJudge, unit: Living, port: SeenPort): void {
  const { name, attachment } = unit;
  if (attachment === undefined) return;
  const wanted = portFacts(attachment.record);
  const wrong = Object.keys({ ...wanted, ...port.facts }).filter((key) =>
    key === "record"
      ? !sameRecord(port.facts[key], attachment.record)
      : port.facts[key] !== wanted[key]
  );
  if (wrong.length === 0) return;
  const row: SeenRow = { ...portRow(port), expect: { name } };
  judge.report(PORT_KINDS.facts, {
    object: objectOf(unit),
    detail: `port ${name} says something else of ${wrong.join(", ")}`,
    evidence: [
      ...wrong.slice(0, 4).map((key) =>
        portEvidence(name, `${key} is ${port.facts[key] ?? "missing"}`)
      ),
      { what: "key", name: attachment.key, revision: attachment.revision, says: "recorded" },
    ],
    port: name,
    fix: {
      steps: [`write the facts of the record into port ${name}`],
      order: ORDER.derived,
      undo: Object.entries(toExternalIds(port.facts)).map(([key, value]) =>
        `ovs-vsctl set port ${name} 'external_ids:"${key}"=${JSON.stringify(value)}'`
      ),
      verify: () => judge.rowsAre(row),
      change: () =>
        judge.withSwitch((db) => replaceFacts(db, row, { before: port.facts, after: wanted })),
    },
  });
}

/** What a port may say otherwise: an ADD that was repeated, a sandbox that came back. */
const MAY_DIFFER = ["since", "v"] as const;

function sameRecord(text: string | undefined, record: Readonly<Record<string, unknown>>): boolean {
  try {
    const seen: unknown = JSON.parse(text ?? "");
    return typeof seen === "object" && seen !== null &&
      canonical({ ...seen }) === canonical({ ...record });
  } catch {
    return false;
  }
}

function canonical(record: Readonly<Record<string, unknown>>): string {
  const skip: readonly string[] = MAY_DIFFER;
  const entries = Object.entries(record).filter(([key]) => !skip.includes(key));
  return JSON.stringify(sorted(Object.fromEntries(entries)));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1).map(([key, it]) => [key, sorted(it)]),
  );
}

function checkQos(judge: NodeJudge, unit: Living, port: SeenPort): void {
  const { name, expected } = unit;
  if (expected.record.bandwidth?.ingress === undefined || port.qos !== undefined) return;
  const row: SeenRow = { ...portRow(port), expect: { name, qos: encodeSet([]) } };
  judge.report(PORT_KINDS.qosMissing, {
    object: objectOf(unit),
    detail: `port ${name} has no QoS, and traffic to the pod is limited`,
    evidence: [portEvidence(name, "no qos")],
    port: name,
    fix: {
      steps: [`add QoS of type linux-noop to port ${name}`],
      order: ORDER.derived,
      undo: [`ovs-vsctl clear port ${name} qos`],
      verify: () => judge.rowsAre(row),
      change: () =>
        judge.withSwitch((db) =>
          changeIf(db, [row], [
            {
              op: "insert",
              table: "QoS",
              "uuid-name": "qos",
              row: {
                type: "linux-noop",
                external_ids: encodeMap(toExternalIds({ port: name })),
              },
            },
            {
              op: "update",
              table: "Port",
              where: [["_uuid", "==", encodeUuid(port.uuid)]],
              row: { qos: encodeNamedUuid("qos") },
            },
          ])
        ),
    },
  });
}

/** The host's end: whether it is up, filtered and limited. */
export function checkDevice(judge: NodeJudge, unit: Living): void {
  const { name, link, expected } = unit;
  if (link === undefined) return;
  if (!link.up) {
    judge.report(DEVICE_KINDS.down, {
      object: objectOf(unit),
      detail: `device ${name} is down`,
      evidence: [{ what: "interface", name, says: "down" }],
      port: name,
      fix: {
        steps: [`set ${name} up`],
        order: ORDER.derived,
        undo: [`ip link set ${name} down`],
        verify: () => isDevice(judge, unit),
        change: () => setLinkUp(judge.context.run, name),
      },
    });
  }
  if (expected.needs?.leakFilter === true) checkFilter(judge, unit);
  checkLimit(judge, unit);
}

function checkFilter(judge: NodeJudge, unit: Living): void {
  const { name, filter } = unit;
  if (filter?.drops === true && filter.device === name) return;
  const says = filter === undefined
    ? "missing"
    : filter.device === name
    ? "lets something through"
    : "hooks no device";
  judge.report(DEVICE_KINDS.filterMissing, {
    object: objectOf(unit),
    detail: `the filter of ${name} ${filter === undefined ? "is " : ""}${says}`,
    evidence: [{ what: "filter", name: `netdev fabric ${name}`, says }],
    port: name,
    fix: {
      steps: [`write the filter of ${name} anew`],
      order: ORDER.derived,
      undo: [],
      verify: () => isDevice(judge, unit),
      change: async () => {
        const { run } = judge.context;
        const old = filter === undefined
          ? ""
          : `flush chain netdev fabric ${name}\ndelete chain netdev fabric ${name}\n`;
        // One transaction of nft: there is no moment without a filter.
        await run(["nft", "-f", "-"], { stdin: old + leakFilterText(name) });
      },
    },
  });
}

function checkLimit(judge: NodeJudge, unit: Living): void {
  const { name, limit, expected } = unit;
  const wanted = expected.record.bandwidth?.ingress;
  if (wanted === undefined || limit?.rate === wanted) return;
  judge.report(DEVICE_KINDS.limit, {
    object: objectOf(unit),
    detail: `${name} sends ${limit?.rate ?? "without a limit"}, ${wanted} bit/s are recorded`,
    evidence: [{ what: "interface", name, says: `queue ${limit?.kind ?? "unknown"}` }],
    port: name,
    fix: {
      steps: [`limit traffic to the pod to ${wanted} bit/s`],
      order: ORDER.derived,
      undo: [
        limit?.rate === undefined
          ? `tc qdisc del dev ${name} root`
          : `tc qdisc replace dev ${name} root tbf rate ${limit.rate}bit burst 32k limit 256k`,
      ],
      verify: () => isDevice(judge, unit),
      change: () =>
        limitTrafficToPod(judge.context.run, { device: name, shaper: shaperOf(wanted) }),
    },
  });
}

/** A filter whose device is gone. */
export function checkLeftFilter(judge: NodeJudge, unit: Unit): void {
  const { name, filter, link } = unit;
  if (filter === undefined || link !== undefined) return;
  judge.report(DEVICE_KINDS.filterLeft, {
    object: `filter ${name}`,
    detail: "its device is gone",
    evidence: [{ what: "filter", name: `netdev fabric ${name}`, says: "without a device" }],
    port: name,
    fix: {
      steps: [`delete the chain ${name}`],
      order: ORDER.derived,
      undo: [],
      verify: async () => !(await observeHost(judge.context.run)).links.has(name),
      change: async () => void await delLeakFilter(judge.context.run, name),
    },
  });
}
