/**
 * What is on the wires of nodes: every frame, who sent it, and which addresses it names, also inside
 * an ICMP error.
 *
 * @module
 */

import { type Address, formatAddress } from "../../mod/ip/address.ts";
import { parsePrefix, prefixContains } from "../../mod/ip/prefix.ts";
import type { EquippedHost } from "../lab/mod.ts";

/** A frame as far as it matters here. */
export interface Frame {
  readonly source: string;
  readonly destination: string;
  /** The sender's address of an IP packet or an ARP. */
  readonly from: Address | undefined;
  /** All addresses that the frame names. */
  readonly names: readonly Address[];
}

/** What a wire may carry. */
export interface WireRules {
  /** MAC of each that sends there, and its addresses; undefined: a router, which sends for others. */
  readonly stations: ReadonlyMap<string, ReadonlySet<string> | undefined>;
  /** Addresses that nothing may name. */
  readonly forbidden: readonly string[];
  /** MACs that nothing may come from or go to. */
  readonly forbiddenMacs: readonly string[];
}

/** A capture that runs. */
export interface Recording {
  /** Ends it; its frames. */
  end(): Promise<readonly Frame[]>;
}

/** Records frames of a device of the host: all, or those that further arguments of tcpdump leave. */
export async function record(
  host: EquippedHost,
  device: string,
  ...args: readonly string[]
): Promise<Recording> {
  const file = `/run/${device}.pcap`;
  const dump = host.start(
    [
      "tcpdump",
      "-i",
      device,
      "-n",
      "-U",
      "-B",
      "16384",
      "-s",
      "160",
      "-Z",
      "root",
      "-w",
      file,
      ...args,
    ],
  );
  await dump.until(/listening on .*\n/);
  return {
    end: async () => {
      await dump.stop();
      return readFrames(await Deno.readFile(host.path(file)));
    },
  };
}

/** What is wrong with the frames, each sort once. */
export function faultsOf(frames: readonly Frame[], rules: WireRules): readonly string[] {
  const forbidden = rules.forbidden.map(parsePrefix);
  const faults = new Map<string, number>();
  const note = (fault: string) => faults.set(fault, (faults.get(fault) ?? 0) + 1);
  for (const { source, destination, from, names } of frames) {
    const known = rules.forbiddenMacs.find((mac) => mac === source || mac === destination);
    if (known !== undefined) {
      note(`${known} is on the wire`);
      continue;
    }
    for (const address of names) {
      if (forbidden.some((prefix) => prefixContains(prefix, address))) {
        note(`${source} > ${destination} names ${formatAddress(address)}`);
      }
    }
    const own = rules.stations.get(source);
    if (!rules.stations.has(source)) note(`${source} sends, to ${destination}`);
    else if (own !== undefined && from !== undefined && !isOwn(from, own)) {
      note(`${source} sends as ${formatAddress(from)}, to ${destination}`);
    }
  }
  return [...faults].map(([fault, times]) => `${times} times: ${fault}`);
}

const UNSPECIFIED_OR_LINK = ["0.0.0.0/32", "::/128", "fe80::/10"].map(parsePrefix);

function isOwn(address: Address, own: ReadonlySet<string>): boolean {
  return own.has(formatAddress(address)) ||
    UNSPECIFIED_OR_LINK.some((prefix) => prefixContains(prefix, address));
}

/** The frames of a file of libpcap (little endian, Ethernet). */
export function readFrames(file: Uint8Array): readonly Frame[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const frames: Frame[] = [];
  for (let at = 24; at + 16 <= file.length;) {
    const length = view.getUint32(at + 8, true);
    const frame = file.subarray(at + 16, at + 16 + length);
    if (frame.length >= 14) frames.push(readFrame(frame));
    at += 16 + length;
  }
  return frames;
}

const VLAN = 0x8100;
const ARP = 0x0806;
const IPV4 = 0x0800;
const IPV6 = 0x86dd;

function readFrame(frame: Uint8Array): Frame {
  let at = 12;
  while (word(frame, at) === VLAN) at += 4;
  const packet = frame.subarray(at + 2);
  const names = addressesIn(word(frame, at), packet);
  return { source: mac(frame, 6), destination: mac(frame, 0), from: names[0], names };
}

/** Sender first. */
function addressesIn(type: number, packet: Uint8Array): readonly Address[] {
  if (type === ARP) return [address(packet, 14, 4), address(packet, 24, 4)];
  if (type === IPV4) {
    const ends = [address(packet, 12, 4), address(packet, 16, 4)];
    const header = ((packet[0] ?? 0) & 15) * 4;
    const isError = packet[9] === 1 && [3, 4, 5, 11, 12].includes(packet[header] ?? 0);
    return isError && word(packet, 6) % 0x2000 === 0
      ? [...ends, ...addressesIn(IPV4, packet.subarray(header + 8))]
      : ends;
  }
  if (type === IPV6) {
    const ends = [address(packet, 8, 16), address(packet, 24, 16)];
    if (packet[6] !== 58) return ends;
    const kind = packet[40] ?? 0;
    if (kind >= 1 && kind <= 4) return [...ends, ...addressesIn(IPV6, packet.subarray(48))];
    // Whom neighbours are asked for, and who answers.
    return kind === 135 || kind === 136 ? [...ends, address(packet, 48, 16)] : ends;
  }
  return [];
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0);
}

function address(bytes: Uint8Array, at: number, length: 4 | 16): Address {
  let value = 0n;
  for (const byte of bytes.subarray(at, at + length)) value = value * 256n + BigInt(byte);
  return { family: length === 4 ? 4 : 6, value };
}

function mac(bytes: Uint8Array, at: number): string {
  return [...bytes.subarray(at, at + 6)].map((byte) => byte.toString(16).padStart(2, "0"))
    .join(":");
}
