/**
 * The node's bridges and their uplinks: there, up, and carrying what pods here need.
 *
 * @module
 */

import type { BridgeConfig } from "../../../config.ts";
import { setLinkUp } from "../../../host/link.ts";
import { isServiceDevice } from "../../../host/service_names.ts";
import { observeHost, readFlows, type SeenFlow } from "../../../host/observe.ts";
import { BRIDGE_KINDS } from "../../../ipam/check/kinds/node.ts";
import { ORDER } from "../../../ipam/repair/action.ts";
import { DEFAULT_MTU } from "../../../model/network.ts";
import { ensureBridge } from "../../../ovsdb/bridge.ts";
import { type SeenRow, updateIf } from "../../../ovsdb/change.ts";
import { observeSwitch, type SeenBridge, type SeenPort } from "../../../ovsdb/observe.ts";
import { encodeSet } from "../../../ovsdb/set.ts";
import type { NodeJudge } from "../judge.ts";
import { isServiceCookie } from "../../services/cookie.ts";
import { isOurName } from "../unit.ts";
import { portRow } from "./ports.ts";

/** A physical network as the configuration maps it. */
interface Mapped {
  readonly name: string;
  readonly config: BridgeConfig;
}

export function checkBridges(judge: NodeJudge): void {
  if (judge.switch === undefined) return;
  for (const [name, config] of Object.entries(judge.context.config.physicalNetworks)) {
    const bridge = judge.switch.bridges.find((it) => it.name === config.bridge);
    if (bridge === undefined) missing(judge, { name, config });
    else {
      checkDatapathType(judge, { name, config }, bridge);
      checkFlows(judge, bridge);
      checkUplinks(judge, { name, config }, bridge);
    }
  }
}

function objectOf({ name, config }: Mapped): string {
  return `bridge ${config.bridge} of physical network ${name}`;
}

/** MTU of a physical network. */
function mtuOf(judge: NodeJudge, name: string): number {
  return judge.look.records.physicalNetworks.get(name)?.spec.mtu ?? DEFAULT_MTU;
}

function missing(judge: NodeJudge, mapped: Mapped): void {
  const { name, config } = mapped;
  const { bridge, uplink, datapath, create } = config;
  judge.report(BRIDGE_KINDS.missing, {
    object: objectOf(mapped),
    detail: `Open vSwitch has no bridge ${bridge}`,
    evidence: [{ what: "bridge", name: bridge, says: "missing" }],
    ...(create
      ? {
        fix: {
          steps: [
            `make bridge ${bridge}${uplink === undefined ? "" : ` with uplink ${uplink}`}`,
          ],
          order: ORDER.base,
          undo: [`ovs-vsctl del-br ${bridge}`],
          verify: () => Promise.resolve(true),
          // Does nothing to one that somebody made meanwhile.
          change: () =>
            judge.withSwitch(async (db) => {
              await ensureBridge(db, {
                name: bridge,
                mtu: mtuOf(judge, name),
                ...(datapath === undefined ? {} : { datapathType: datapath }),
                ...(uplink === undefined ? {} : { uplink }),
                externalIds: { "made-by": "fabric" },
              });
            }),
        },
      }
      : {}),
  });
}

function checkDatapathType(judge: NodeJudge, mapped: Mapped, bridge: SeenBridge): void {
  const { datapath } = mapped.config;
  if (datapath === undefined || datapath === bridge.datapathType) return;
  judge.report(BRIDGE_KINDS.datapath, {
    object: objectOf(mapped),
    detail: `its datapath is ${bridge.datapathType}, configured is ${datapath}`,
    evidence: [{ what: "bridge", name: bridge.name, says: `datapath ${bridge.datapathType}` }],
  });
}

/** A plain switch has one flow: everything goes as in any switch. */
function isPlain({ match, actions }: SeenFlow): boolean {
  return match === "" && actions === "NORMAL";
}

function checkFlows(judge: NodeJudge, bridge: SeenBridge): void {
  const { name } = bridge;
  // Those of the way to Services have kinds of their own; without them the bridge is a plain switch.
  const flows = judge.look.flows.get(name)?.filter(({ cookie }) => !isServiceCookie(cookie));
  if (flows === undefined) return;
  const secure = bridge.failMode === "secure";
  if (flows.length === 0 && !bridge.controlled) {
    judge.report(BRIDGE_KINDS.silent, {
      object: `bridge ${name}`,
      detail: `it has no flows, and fail_mode ${bridge.failMode ?? "not set"}`,
      evidence: [{ what: "bridge", name, says: "0 flows" }],
      fix: {
        steps: [`make ${name} a plain switch again: priority=0 actions=NORMAL`],
        order: ORDER.base,
        undo: [`ovs-ofctl --strict del-flows ${name} priority=0`],
        verify: async () => (await readFlows(judge.context.run, name))?.length === 0,
        change: () => ofctl(judge, ["add-flow", name, "priority=0,actions=NORMAL"]),
      },
    });
  }
  const ports = new Set(
    (judge.switch?.ports ?? []).flatMap(({ bridges, interfaces }) =>
      bridges.includes(name) ? interfaces.flatMap(({ ofport }) => ofport ?? []) : []
    ),
  );
  const left = flows.filter(({ inPort }) =>
    inPort !== undefined && inPort < 0xff00 && !ports.has(inPort)
  );
  if (left.length > 0) leftover(judge, bridge, left);
  const own = flows.filter((flow) => !isPlain(flow) && !left.includes(flow));
  if (own.length > 0 && !secure) {
    judge.report(BRIDGE_KINDS.fallsOpen, {
      object: `bridge ${name}`,
      detail: `it has ${own.length} flows of somebody, and fail_mode ${
        bridge.failMode ?? "not set"
      }`,
      evidence: own.slice(0, 5).map(({ match, actions, cookie, table }) => ({
        what: "flow" as const,
        name: `${name} table ${table}`,
        says: `cookie ${cookie} ${match} actions=${actions}`,
      })),
    });
  }
}

function leftover(judge: NodeJudge, { name }: SeenBridge, flows: readonly SeenFlow[]): void {
  const numbers = [...new Set(flows.map(({ inPort }) => inPort))].join(", ");
  const textOf = ({ table, priority, match }: SeenFlow): string =>
    [`table=${table}`, `priority=${priority}`, match].filter(Boolean).join(",");
  judge.report(BRIDGE_KINDS.leftoverFlow, {
    object: `bridge ${name}`,
    detail: `${flows.length} flows are of port ${numbers}, which it does not have`,
    evidence: flows.slice(0, 5).map(({ match, actions, cookie, table }) => ({
      what: "flow" as const,
      name: `${name} table ${table}`,
      says: `cookie ${cookie} ${match} actions=${actions}`,
    })),
    fix: {
      steps: flows.map((flow) => `delete flow ${textOf(flow)}`),
      order: ORDER.base,
      undo: flows.map((flow) =>
        `ovs-ofctl add-flow ${name} 'cookie=${flow.cookie},${textOf(flow)},actions=${flow.actions}'`
      ),
      verify: async () => {
        // A port that came meanwhile may have got the number.
        const now = await judge.withSwitch(observeSwitch);
        const taken = new Set(
          now.ports.flatMap(({ interfaces }) => interfaces.flatMap(({ ofport }) => ofport ?? [])),
        );
        return flows.every(({ inPort }) => inPort === undefined || !taken.has(inPort));
      },
      change: async () => {
        for (const flow of flows) await ofctl(judge, ["--strict", "del-flows", name, textOf(flow)]);
      },
    },
  });
}

async function ofctl(judge: NodeJudge, args: readonly string[]): Promise<void> {
  await judge.context.run(["sh", "-c", 'ovs-ofctl --timeout=5 "$@"', "sh", ...args]);
}

/** The devices that lead out: the one that is configured, else whatever is no pod's and no bridge's. */
function uplinksOf(judge: NodeJudge, { config }: Mapped, bridge: SeenBridge): readonly SeenPort[] {
  return (judge.switch?.ports ?? []).filter(({ name, bridges, facts, interfaces }) => {
    if (!bridges.includes(bridge.name) || name === bridge.name) return false;
    if (config.uplink !== undefined) return name === config.uplink;
    const isDevice = interfaces.some(({ type }) => ["", "system", "dpdk", "afxdp"].includes(type));
    return isDevice && !isOurName(name) && !isServiceDevice(name) &&
      facts["container-id"] === undefined;
  });
}

function checkUplinks(judge: NodeJudge, mapped: Mapped, bridge: SeenBridge): void {
  const { config } = mapped;
  const uplinks = uplinksOf(judge, mapped, bridge);
  if (uplinks.length === 0) {
    return config.uplink === undefined
      ? noUplink(judge, mapped, bridge)
      : uplinkOutside(judge, mapped, config.uplink);
  }
  for (const uplink of uplinks) {
    const types = uplink.interfaces.map(({ type }) => type);
    // A device of DPDK is none of the kernel's.
    if (types.some((type) => !["", "system", "afxdp"].includes(type))) continue;
    checkUplinkPort(judge, mapped, uplink);
    for (const { name } of uplink.interfaces) checkUplinkDevice(judge, mapped, name);
  }
}

function noUplink(judge: NodeJudge, mapped: Mapped, { name, ports }: SeenBridge): void {
  // A patch leads to another bridge, which may have the uplink.
  const patched = (judge.switch?.ports ?? []).some(({ bridges, interfaces }) =>
    bridges.includes(name) && interfaces.some(({ type }) => type === "patch" || type === "vxlan")
  );
  if (patched) return;
  judge.report(BRIDGE_KINDS.noUplink, {
    object: objectOf(mapped),
    detail: "no device of it leads out of the node",
    evidence: [{ what: "bridge", name, says: `ports ${ports.join(", ")}` }],
  });
}

function uplinkOutside(judge: NodeJudge, mapped: Mapped, uplink: string): void {
  const { bridge } = mapped.config;
  const holder = judge.portNamed(uplink)?.bridges.join(", ");
  judge.report(BRIDGE_KINDS.uplinkOutside, {
    object: objectOf(mapped),
    detail: holder === undefined
      ? `${uplink} is no port of Open vSwitch`
      : `${uplink} is a port of ${holder}`,
    evidence: [{ what: "port", name: uplink, says: holder ?? "missing" }],
    ...(holder === undefined
      ? {
        fix: {
          steps: [`add ${uplink} to ${bridge}`],
          order: ORDER.base,
          undo: [`ovs-vsctl del-port ${bridge} ${uplink}`],
          verify: () => Promise.resolve(true),
          change: () =>
            judge.withSwitch(async (db) => {
              await ensureBridge(db, { name: bridge, uplink });
            }),
        },
      }
      : { remedy: `By hand: take it out of ${holder}, or correct the configuration.` }),
  });
}

/** VLANs of pods that run here, in one physical network. */
function vlansOf(judge: NodeJudge, physicalNetwork: string): readonly number[] {
  const records = [...judge.look.records.attachments.values()].map(({ record }) => record);
  const vlans = records.filter((it) => it.physicalNetwork === physicalNetwork).map((it) => it.vlan);
  return [...new Set(vlans)].sort((a, b) => a - b);
}

function checkUplinkPort(judge: NodeJudge, mapped: Mapped, uplink: SeenPort): void {
  const { name, tag, trunks } = uplink;
  const access = tag !== undefined && trunks.length === 0 &&
    (uplink.vlanMode === undefined || uplink.vlanMode === "access");
  const lacking = vlansOf(judge, mapped.name).filter((vlan) =>
    access ? vlan !== tag : trunks.length > 0 && !trunks.includes(vlan) && vlan !== tag
  );
  if (lacking.length === 0) return;
  const row: SeenRow = {
    ...portRow(uplink),
    expect: { name, trunks: encodeSet(trunks) },
  };
  judge.report(BRIDGE_KINDS.uplinkVlan, {
    object: objectOf(mapped),
    detail: `uplink ${name} does not carry VLAN ${lacking.join(", ")}`,
    evidence: [{
      what: "port",
      name,
      says: access ? `access port of VLAN ${tag}` : `trunks ${trunks.join(",")}`,
    }],
    ...(access ? {} : {
      fix: {
        steps: [`add VLAN ${lacking.join(", ")} to the trunk ${name}`],
        order: ORDER.base,
        undo: [`ovs-vsctl set port ${name} trunks=${trunks.join(",")}`],
        verify: () => judge.rowsAre(row),
        change: () =>
          judge.withSwitch((db) =>
            updateIf(db, row, { trunks: encodeSet([...trunks, ...lacking]) })
          ),
      },
    }),
  });
}

function checkUplinkDevice(judge: NodeJudge, mapped: Mapped, name: string): void {
  const link = judge.look.host.links.get(name);
  const evidence = (says: string) => [{ what: "interface" as const, name, says }];
  if (link === undefined) {
    return judge.report(BRIDGE_KINDS.uplinkMissing, {
      object: objectOf(mapped),
      detail: `the host has no device ${name}`,
      evidence: evidence("missing"),
    });
  }
  const same = async (): Promise<boolean> =>
    (await observeHost(judge.context.run)).links.get(name)?.ifindex === link.ifindex;
  if (!link.up) {
    judge.report(BRIDGE_KINDS.uplinkDown, {
      object: objectOf(mapped),
      detail: `uplink ${name} is down`,
      evidence: evidence("down"),
      fix: {
        steps: [`set ${name} up`],
        order: ORDER.base,
        undo: [`ip link set ${name} down`],
        verify: same,
        change: () => setLinkUp(judge.context.run, name),
      },
    });
  } else if (link.carrier === false) {
    judge.report(BRIDGE_KINDS.noCarrier, {
      object: objectOf(mapped),
      detail: `uplink ${name} is up, and has no signal`,
      evidence: evidence("no carrier"),
    });
  }
  const needed = neededMtu(judge, mapped.name);
  if (needed <= link.mtu) return;
  judge.report(BRIDGE_KINDS.uplinkMtu, {
    object: objectOf(mapped),
    detail: `uplink ${name} has MTU ${link.mtu}, pods here ${needed}`,
    evidence: evidence(`MTU ${link.mtu}`),
    fix: {
      steps: [`set the MTU of ${name} to ${needed}`],
      order: ORDER.base,
      undo: [`ip link set dev ${name} mtu ${link.mtu}`],
      verify: same,
      change: async () => {
        await judge.context.run(["ip", "link", "set", "dev", name, "mtu", String(needed)]);
      },
    },
  });
}

/** The largest MTU of the networks that pods here have in the physical network. */
function neededMtu(judge: NodeJudge, physicalNetwork: string): number {
  const { attachments, networks } = judge.look.records;
  const used = [...attachments.values()].filter(({ record }) =>
    record.physicalNetwork === physicalNetwork
  ).map(({ record }) => networks.get(record.network.name)?.spec.mtu ?? 0);
  return Math.max(0, ...used);
}
