/**
 * The check of the wire: whether others answer for our addresses, and whether those who should
 * answer do. Asked from the pods' own ports, without them noticing (`mod/host/probe.ts`).
 *
 * @module
 */

import { asFabricError } from "../../error.ts";
import { readMacTable, type SeenMac } from "../../host/observe.ts";
import { type Answers, askSegment } from "../../host/probe.ts";
import { inNetns, stderrOf } from "../../host/run.ts";
import { underPrefix } from "../../etcd/store.ts";
import { formatAddress, parseAddress } from "../../ip/address.ts";
import { parseInterfaceAddress } from "../../ip/prefix.ts";
import { WIRE_KINDS } from "../../ipam/check/kinds/pods.ts";
import { networkAddressPrefix } from "../../ipam/keys.ts";
import { decodeRecord } from "../../ipam/stored.ts";
import { AddressRecordSchema, type AttachmentRecord } from "../../model/records.ts";
import { parseAddressKey } from "../../ipam/keys.ts";
import { pause } from "../../timer.ts";
import type { NodeJudge } from "./judge.ts";
import { attachmentName, expectedOf, unitsOf } from "./unit.ts";

/** So many pods ask at a time; each mostly waits. */
const AT_ONCE = 32;
/** So many other nodes of a network are asked for, and so many addresses of each. */
const MAX_NODES = 3;
const MAX_PER_NODE = 3;
/** Addresses of a network that are looked through for pods elsewhere. */
const MAX_KEYS = 512;

/** A pod of this node that can ask. */
interface Asker {
  readonly port: string;
  readonly record: AttachmentRecord;
  readonly mtu: number | undefined;
  readonly ofport: number | undefined;
  readonly bridge: string | undefined;
}

/** Somebody elsewhere who should answer. */
interface Elsewhere {
  readonly node: string;
  readonly address: string;
}

/** Asks every segment, and for the addresses of all pods that are well, or of those named. */
export async function checkWire(judge: NodeJudge, ports?: ReadonlySet<string>): Promise<void> {
  const askers = askersOf(judge);
  const named = askers.filter(({ port }) => ports === undefined || ports.has(port));
  const first = new Map<string, Asker>();
  for (const asker of askers) {
    const { physicalNetwork, vlan } = asker.record;
    const segment = `${physicalNetwork} ${vlan}`;
    if (!first.has(segment)) first.set(segment, asker);
  }
  const queue = [
    ...[...first.values()].map((asker) => () => checkSegment(judge, asker)),
    ...named.map((asker) => () => checkDuplicates(judge, asker)),
  ].values();
  let asking = true;
  const [heard] = await Promise.all([
    listenForMacs(judge, named, () => asking),
    Promise.all(Array.from({ length: AT_ONCE }, async () => {
      for (const work of queue) await work();
    })).finally(() => asking = false),
  ]);
  reportMacs(judge, named, heard);
}

/** Pods whose interface is there and up, on a bridge that forwards. */
function askersOf(judge: NodeJudge): readonly Asker[] {
  const { look, context } = judge;
  return unitsOf(look).flatMap(({ name, attachment, port, link, pod }): readonly Asker[] => {
    if (attachment === undefined || link?.up !== true || pod?.state !== "there") return [];
    const { record } = attachment;
    const inside = pod.pod.links.find((it) => it.name === record.ifname);
    const [device] = port?.interfaces ?? [];
    if (inside?.up !== true || device?.ofport === undefined || device.ofport < 1) return [];
    if (port?.tag !== record.vlan) return [];
    const { plan, bridge } = expectedOf(context, look, record);
    return [{ port: name, record, mtu: plan?.mtu, ofport: device.ofport, bridge }];
  });
}

async function ask(
  judge: NodeJudge,
  { record }: Asker,
  addresses: readonly string[],
): Promise<Answers | undefined> {
  const { netns, ifname } = record;
  try {
    return await askSegment(judge.context.run, { netns, ifname, addresses });
  } catch (error) {
    if (stderrOf(error) === undefined) throw error;
    judge.unseen.add(`the wire cannot be asked: ${asFabricError(error).message}`);
    return undefined;
  }
}

/** Somebody else has one of our addresses. */
async function checkDuplicates(judge: NodeJudge, asker: Asker): Promise<void> {
  const own = asker.record.addresses.map(({ address }) =>
    formatAddress(parseInterfaceAddress(address).address)
  );
  const answers = await ask(judge, asker, own);
  for (const [address, mac] of answers ?? []) {
    if (mac === asker.record.mac) continue;
    judge.report(WIRE_KINDS.duplicate, {
      object: `${attachmentName(asker.record)}, ${address}`,
      detail: `${mac} answers for ${address}, which is the pod's`,
      evidence: [{ what: "neighbour", name: mac, says: `answers for ${address}` }],
      port: asker.port,
    });
  }
}

/** The gateway, and pods on other nodes. */
async function checkSegment(judge: NodeJudge, asker: Asker): Promise<void> {
  const { record } = asker;
  const { cluster, node } = judge.context.config;
  const gateways = record.addresses.flatMap(({ gateway }) => gateway ?? [])
    .map((it) => formatAddress(parseAddress(it)));
  const elsewhere = await podsElsewhere(judge, record);
  const answers = await ask(judge, asker, [
    ...gateways,
    ...elsewhere.map(({ address }) => address),
  ]);
  if (answers === undefined || gateways.length + elsewhere.length === 0) return;
  const object = `VLAN ${record.vlan} of ${record.physicalNetwork}, network ${record.network.name}`;
  const silence = (name: string) => ({ what: "neighbour" as const, name, says: "no answer" });
  if (answers.size === 0) {
    return judge.report(WIRE_KINDS.vlan, {
      object,
      detail: `nobody answers to node ${cluster}/${node}`,
      evidence: [...gateways, ...elsewhere.map(({ address }) => address)].map(silence),
    });
  }
  const silent = gateways.filter((it) => !answers.has(it));
  if (silent.length > 0) {
    judge.report(WIRE_KINDS.gateway, {
      object,
      detail: `nobody answers for gateway ${silent.join(", ")}`,
      evidence: silent.map(silence),
    });
  }
  const nodes = Object.entries(Object.groupBy(elsewhere, (it) => it.node));
  for (const [name, pods = []] of nodes) {
    if (pods.some(({ address }) => answers.has(address))) continue;
    judge.report(WIRE_KINDS.neighbour, {
      object,
      detail: `no pod of node ${name} answers`,
      evidence: pods.map(({ address }) => silence(address)),
    });
  }
  const heard = [...gateways, ...elsewhere.map(({ address }) => address)]
    .filter((it) => answers.has(it));
  await checkPathMtu(judge, asker, { object, heard });
}

/** Pods of other nodes in the network, a few of a few nodes. */
async function podsElsewhere(
  judge: NodeJudge,
  record: AttachmentRecord,
): Promise<readonly Elsewhere[]> {
  const { context: { config, ipam } } = judge;
  const { kvs } = await ipam.store.range({
    ...underPrefix(networkAddressPrefix(record.network.name)),
    limit: MAX_KEYS,
  });
  const found = new Map<string, Elsewhere[]>();
  for (const kv of kvs) {
    const { state, holder } = decodeRecord(AddressRecordSchema, kv, { anySchema: true });
    if (state !== "used" || holder === undefined) continue;
    if (holder.cluster === config.cluster && holder.node === config.node) continue;
    const node = `${holder.cluster}/${holder.node}`;
    const pods = found.get(node) ?? [];
    if (pods.length === 0 && found.size === MAX_NODES) continue;
    found.set(node, pods);
    const { address } = parseAddressKey(kv.key);
    if (pods.length < MAX_PER_NODE) pods.push({ node, address: formatAddress(address) });
  }
  return [...found.values()].flat();
}

/** $1 target, $2 bytes of a full packet without its headers. */
const PING = `ping -n -c 2 -i 0.2 -W 1 -s 56 "$1" >/dev/null || { echo deaf; exit 0; }
ping -n -M do -c 3 -i 0.2 -W 1 -s "$2" "$1" >/dev/null && echo passes || echo lost`;

/** Whoever answers a small packet must answer one of the network's size. */
async function checkPathMtu(
  judge: NodeJudge,
  { record, mtu }: Asker,
  { object, heard }: { readonly object: string; readonly heard: readonly string[] },
): Promise<void> {
  const [target] = heard.filter((it) => !it.startsWith("fe80:"));
  if (target === undefined || mtu === undefined) return;
  const size = mtu - (target.includes(":") ? 48 : 28);
  const run = inNetns(judge.context.run, record.netns);
  const { stdout } = await run(["sh", "-c", PING, "sh", target, String(size)]);
  if (stdout.trim() !== "lost") return;
  judge.report(WIRE_KINDS.pathMtu, {
    object,
    detail: `${target} answers small packets, and none of ${mtu} bytes`,
    evidence: [{ what: "neighbour", name: target, says: `no answer to ${mtu} bytes` }],
  });
}

/** How often the tables of MACs are read while the wire is asked. */
const LISTEN_MS = 200;

/** By port: where else its MAC was learnt. Two who send with one MAC take it from each other. */
async function listenForMacs(
  { context }: NodeJudge,
  askers: readonly Asker[],
  goesOn: () => boolean,
): Promise<ReadonlyMap<string, SeenMac>> {
  const bridges = new Set(askers.flatMap(({ bridge }) => bridge ?? []));
  const elsewhere = new Map<string, SeenMac>();
  do {
    for (const name of bridges) {
      const table = await readMacTable(context.run, name) ?? [];
      const seen = new Map(table.map((row) => [`${row.vlan} ${row.mac}`, row]));
      for (const { bridge, record, ofport, port } of askers) {
        const row = seen.get(`${record.vlan} ${record.mac}`);
        if (bridge === name && row !== undefined && row.ofport !== ofport) elsewhere.set(port, row);
      }
    }
    await pause(LISTEN_MS);
  } while (goesOn());
  return elsewhere;
}

function reportMacs(
  judge: NodeJudge,
  askers: readonly Asker[],
  heard: ReadonlyMap<string, SeenMac>,
): void {
  for (const { bridge = "", record, port } of askers) {
    const other = heard.get(port);
    if (other === undefined) continue;
    const name = judge.switch?.ports.find(({ bridges, interfaces }) =>
      bridges.includes(bridge) && interfaces.some((it) =>
        it.ofport === other.ofport
      )
    )?.name ?? `OpenFlow port ${other.ofport}`;
    judge.report(WIRE_KINDS.mac, {
      object: attachmentName(record),
      detail: `its MAC ${record.mac} was seen on ${name}`,
      evidence: [{ what: "port", name, says: `learnt ${record.mac} in VLAN ${record.vlan}` }],
      port,
    });
  }
}
