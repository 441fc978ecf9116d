/**
 * What an administrator sees of pods (by fabric-admin), what the pods themselves have, and whether
 * the two agree.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import * as v from "valibot";
import { AttachmentRecordSchema } from "../../mod/model/records.ts";
import { type EquippedHost, type Place, requireOk } from "../lab/mod.ts";

const AttachmentSpec = v.omit(AttachmentRecordSchema, ["v"]);
export type Attachment = v.InferOutput<typeof AttachmentSpec>;

const AddressSpec = v.looseObject({
  network: v.string(),
  address: v.string(),
  state: v.string(),
  mac: v.optional(v.string()),
  holder: v.optional(v.looseObject({
    cluster: v.string(),
    node: v.string(),
    containerId: v.string(),
    ifname: v.string(),
  })),
});
export type RecordedAddress = v.InferOutput<typeof AddressSpec>;

/** `get attachments` with further arguments. */
export function attachments(
  host: EquippedHost,
  ...args: readonly string[]
): Promise<readonly Attachment[]> {
  return list(host, AttachmentSpec, ["attachments", ...args]);
}

/** `get addresses` with further arguments. */
export function addresses(
  host: EquippedHost,
  ...args: readonly string[]
): Promise<readonly RecordedAddress[]> {
  return list(host, AddressSpec, ["addresses", ...args]);
}

async function list<const S extends v.GenericSchema>(
  host: EquippedHost,
  spec: S,
  args: readonly string[],
): Promise<readonly v.InferOutput<S>[]> {
  const text = requireOk(await host.admin(["get", ...args, "-o", "json"]));
  const { items } = v.parse(v.object({ items: v.array(v.object({ spec })) }), JSON.parse(text));
  return items.map((item) => item.spec);
}

const Links = v.tuple([v.object({
  address: v.string(),
  mtu: v.number(),
  addr_info: v.array(v.object({ local: v.string(), prefixlen: v.number(), scope: v.string() })),
})]);

/** An interface as it is. */
export interface PodInterface {
  readonly mac: string;
  readonly mtu: number;
  /** With prefix length, sorted. */
  readonly addresses: readonly string[];
}

/** Reads an interface of a pod. */
export async function readInterface(pod: Place, ifname = "eth0"): Promise<PodInterface> {
  const text = await pod.execOk(["ip", "-j", "address", "show", "dev", ifname]);
  const [link] = v.parse(Links, JSON.parse(text));
  return {
    mac: link.address,
    mtu: link.mtu,
    addresses: link.addr_info
      .filter(({ scope }) => scope === "global")
      .map(({ local, prefixlen }) => `${local}/${prefixlen}`)
      .sort(),
  };
}

/** Address of a pod without prefix length. */
export async function addressOf(pod: Place, family: 4 | 6, ifname = "eth0"): Promise<string> {
  const { addresses } = await readInterface(pod, ifname);
  const found = addresses.find((address) => address.includes(":") === (family === 6));
  if (found === undefined) throw new Error(`${pod.name} has no IPv${family} address`);
  return found.replace(/\/.*/, "");
}

/**
 * Checks that etcd says of a pod's interface what the pod has: its attachment, and the record of
 * each address. Returns the attachment.
 */
export async function assertRecorded(
  host: EquippedHost,
  pod: Place & { readonly containerId: string },
  options: { readonly network: string; readonly ifname?: string },
): Promise<Attachment> {
  const { network, ifname = "eth0" } = options;
  const onNode = ["--node", host.plan.name, "--cluster", host.plan.cluster];
  const [attachment, ...more] = (await attachments(host, ...onNode)).filter((a) =>
    a.containerId === pod.containerId && a.ifname === ifname
  );
  if (attachment === undefined) throw new Error(`${pod.name} ${ifname} has no record`);
  assertEquals(more, []);
  const { mac, addresses: own } = await readInterface(pod, ifname);
  assertEquals(attachment.network.name, network);
  assertEquals(attachment.mac, mac);
  assertEquals(attachment.addresses.map(({ address }) => address).sort(), own);
  const records = (await addresses(host, ...onNode)).filter(({ holder }) =>
    holder?.containerId === pod.containerId && holder.ifname === ifname
  );
  assertEquals(
    records.map(({ network, address, state, mac }) => ({ network, address, state, mac }))
      .sort((a, b) => a.address < b.address ? -1 : 1),
    own.map((address) => ({
      network,
      address: address.replace(/\/.*/, ""),
      state: "used",
      mac,
    })),
  );
  return attachment;
}

/** Checks that a host has nothing of any pod: records, ports, devices, filters, spooled work. */
export async function assertNothingLeft(host: EquippedHost): Promise<void> {
  const { name, cluster } = host.plan;
  const found = {
    attachments: await attachments(host, "--node", name, "--cluster", cluster),
    addresses: await addresses(host, "--node", name, "--cluster", cluster),
    ports: await podPorts(host),
    devices: lines(await host.execOk("ip -o link | grep -o ': fb[a-z2-7]*' || :")),
    filters: lines(await host.execOk("nft list ruleset | grep -o 'chain fb[a-z2-7]*' || :")),
    spool: lines(await host.execOk("ls /var/lib/fabric/spool 2>/dev/null || :")),
  };
  assertEquals(found, {
    attachments: [],
    addresses: [],
    ports: [],
    devices: [],
    filters: [],
    spool: [],
  });
}

const History = v.object({
  items: v.array(v.object({ spec: v.looseObject({ address: v.string() }) })),
});

/** Addresses of the intervals that `fabric-admin history` answers with, sorted. */
export async function historyAddresses(
  host: EquippedHost,
  ...args: readonly string[]
): Promise<readonly string[]> {
  const text = requireOk(await host.admin(["history", ...args, "-o", "json"]));
  return v.parse(History, JSON.parse(text)).items.map(({ spec }) => spec.address).sort();
}

/** Ports of pods on all bridges of a host. */
export async function podPorts(host: EquippedHost): Promise<readonly string[]> {
  return lines(await host.ovs.vsctl("--no-headings", "--columns=name", "list", "Port"))
    .map((line) => line.replaceAll('"', "")).filter((name) => /^fb[a-z2-7]{13}$/.test(name)).sort();
}

function lines(text: string): readonly string[] {
  return text.split("\n").map((line) => line.trim()).filter((line) => line !== "");
}
