/**
 * Layer `uplink`: the node's own end of the wire.
 *
 * @module
 */

import type { SeenLink } from "../../host/observe.ts";
import type { SeenInterface, SeenPort } from "../../ovsdb/observe.ts";
import type { Verdict } from "../layer.ts";
import { list, vlanText } from "../words.ts";

export interface UplinkFacts {
  readonly bridge: string;
  /** Undefined: whatever it carries is well. */
  readonly vlan: number | undefined;
  /** Named by the node's configuration. */
  readonly configured: string | undefined;
  /** Ports that nothing of ours made, without devices of Open vSwitch's own. */
  readonly ports: readonly SeenPort[];
  /** Devices of the host. */
  readonly links: ReadonlyMap<string, SeenLink>;
}

/** Judges it. */
export function judgeUplink(facts: UplinkFacts): Verdict {
  const { bridge, vlan, configured, ports, links } = facts;
  const proof = `ovs-vsctl list-ports ${bridge}`;
  const remedy = `ovs-vsctl add-port ${bridge} ${configured ?? "DEVICE"}`;
  const wanted = configured === undefined
    ? ports
    : ports.filter(({ name, interfaces }) =>
      name === configured || interfaces.some((one) => one.name === configured)
    );
  if (wanted.length === 0) {
    return {
      status: "broken",
      says: configured === undefined
        ? `bridge ${bridge} has no uplink: nothing of it leads to the wire`
        : `bridge ${bridge} does not have its uplink ${configured}`,
      evidence: [{
        source: proof,
        says: ports.length === 0 ? "pods' ports only" : list(ports.map(({ name }) => name)),
      }],
      proof,
      remedy,
    };
  }
  const verdicts = wanted.map((port) => judgeOne(port, { vlan, links }));
  const good = verdicts.find(({ status }) => status === "ok");
  if (good === undefined) return verdicts[0] ?? { status: "unknown", says: "no uplink" };
  return { ...good, notes: [...good.notes ?? [], ...badNotes(verdicts)] };
}

/** True where the port lets the VLAN through. */
export function carries({ tag, trunks }: Pick<SeenPort, "tag" | "trunks">, vlan: number): boolean {
  return tag === undefined
    ? trunks.length === 0 || trunks.includes(vlan)
    : tag === vlan || trunks.includes(vlan);
}

function badNotes(verdicts: readonly Verdict[]): readonly string[] {
  return verdicts.filter(({ status }) => status !== "ok").map(({ says }) => says);
}

function judgeOne(
  { name, tag, trunks, interfaces }: SeenPort,
  { vlan, links }: Pick<UplinkFacts, "vlan" | "links">,
): Verdict {
  const bad = interfaces.map((device) => judgeDevice(device, links.get(device.name)));
  const sound = interfaces.filter((_, i) => bad[i] === undefined);
  const fault = bad.find((verdict) => verdict !== undefined);
  if (sound.length === 0 && fault !== undefined) return fault;
  const proof = `ovs-vsctl list port ${name}`;
  if (vlan !== undefined && !carries({ tag, trunks }, vlan)) {
    const carried = list([...(tag === undefined ? [] : [tag]), ...trunks].map(String));
    return {
      status: "broken",
      says: `uplink ${name} carries VLAN ${carried} only, not ${vlanText(vlan)}`,
      evidence: [{ source: proof, says: `tag ${tag ?? "[]"}, trunks [${trunks.join(", ")}]` }],
      proof,
      remedy: trunks.length > 0
        ? `ovs-vsctl add port ${name} trunks ${vlan}`
        : `ovs-vsctl clear port ${name} tag`,
    };
  }
  const notes = bad.flatMap((verdict) => verdict === undefined ? [] : [verdict.says]);
  const names = list(sound.map((device) => device.name));
  return {
    status: "ok",
    says: vlan === undefined
      ? `${names} is up, with a carrier`
      : `${names} is up, with a carrier, and carries ${vlanText(vlan)}`,
    proof: `ip -brief link show dev ${sound[0]?.name ?? name}`,
    notes,
  };
}

function judgeDevice(
  { name, ofport, error }: SeenInterface,
  link: SeenLink | undefined,
): Verdict | undefined {
  const proof = `ip -brief link show dev ${name}`;
  if (link === undefined) {
    return {
      status: "broken",
      says: `uplink ${name} does not exist on this node`,
      evidence: [{ source: proof, says: "does not exist" }],
      proof,
      remedy: "see whether the network card is there, and has this name",
    };
  }
  if (!link.up) {
    return {
      status: "broken",
      says: `uplink ${name} is set down`,
      evidence: [{ source: proof, says: "DOWN" }],
      proof,
      remedy: `ip link set dev ${name} up`,
    };
  }
  if (link.carrier !== true) {
    return {
      status: "broken",
      says: `uplink ${name} has no carrier: the cable is out, or the switch's port is off`,
      evidence: [{ source: proof, says: "UP, NO-CARRIER" }],
      proof,
      remedy: "see the cable and the port of the physical switch",
    };
  }
  if (ofport === undefined || ofport < 1) {
    return {
      status: "broken",
      says: `uplink ${name} is not in the datapath: ${error ?? "ovs-vswitchd gives no reason"}`,
      evidence: [{ source: `ovs-vsctl list interface ${name}`, says: `ofport ${ofport ?? "[]"}` }],
      proof: `ovs-vsctl list interface ${name}`,
      remedy: "see the log of ovs-vswitchd",
    };
  }
  return undefined;
}
