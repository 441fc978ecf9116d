/** What is never to be on a wire is found in a capture. */

import { assertEquals } from "@std/assert";
import { faultsOf, readFrames } from "./uplink_frames.ts";

const bytes = (hex: string): readonly number[] =>
  [...hex.replaceAll(/\s/g, "").matchAll(/../g)].map(([byte]) => parseInt(byte, 16));

/** A file of libpcap with these frames, given as hex. */
function pcap(...frames: readonly string[]): Uint8Array {
  const records = frames.map(bytes).map((frame) => {
    const header = new Uint8Array(16);
    new DataView(header.buffer).setUint32(8, frame.length, true);
    return [...header, ...frame];
  });
  return new Uint8Array([...new Array<number>(24).fill(0), ...records.flat()]);
}

const POD = "02 00 00 00 00 01";
const ROUTER = "02 00 00 00 00 02";
const HELPER = "0e fa b0 00 00 01";
const TAG = "8100 0064";
/** IPv4 of one protocol, without a payload. */
const ipv4 = (protocol: string, from: string, to: string) =>
  `0800 4500 0014 0000 0000 40 ${protocol} 0000 ${from} ${to}`;

const RULES = {
  stations: new Map([
    ["02:00:00:00:00:01", new Set(["10.100.0.5"])],
    ["02:00:00:00:00:02", undefined],
  ]),
  forbidden: ["10.96.0.0/16", "169.254.0.0/16", "fd00:96::/112"],
  forbiddenMacs: ["0e:fa:b0:00:00:01"],
};
const faults = (frame: string) => faultsOf(readFrames(pcap(frame)), RULES);

Deno.test("faultsOf() says nothing of a host's ordinary frames, tagged or not", () => {
  const packet = ipv4("06", "0a640005", "0a640006");
  const from = `0806 0001 0800 0604 0001 ${POD} 0a640005 ${ROUTER} 0a640001`;
  for (const frame of [packet, `${TAG} ${packet}`, from]) {
    assertEquals(faults(`${ROUTER} ${POD} ${frame}`), []);
  }
});

Deno.test("faultsOf() finds a Service's address in IP, in ARP and inside an ICMP error", () => {
  const sent = ipv4("06", "0a640005", "0a600001");
  const asked = `0806 0001 0800 0604 0001 ${POD} 0a640005 000000000000 a9fe0101`;
  const inner = ipv4("11", "0a640006", "0a600001").replace("0800 ", "");
  const error = `${ipv4("01", "0a640005", "0a640006")} 0303 0000 00000000 ${inner}`;
  const named = (address: string) => [
    `1 times: 02:00:00:00:00:01 > 02:00:00:00:00:02 names ${address}`,
  ];
  assertEquals(faults(`${ROUTER} ${POD} ${TAG} ${sent}`), named("10.96.0.1"));
  assertEquals(faults(`${ROUTER} ${POD} ${asked}`), named("169.254.1.1"));
  assertEquals(faults(`${ROUTER} ${POD} ${error}`), named("10.96.0.1"));
});

Deno.test("faultsOf() finds a Service's address whose neighbour is asked for", () => {
  const solicitation = `86dd 60000000 0018 3a ff
    fe800000000000000000000000000001 ff020000000000000000000100000001
    8700 0000 00000000 fd000096000000000000000000000001`;
  assertEquals(faults(`33 33 00 00 00 01 ${POD} ${solicitation}`), [
    "1 times: 02:00:00:00:00:01 > 33:33:00:00:00:01 names fd00:96::1",
  ]);
});

Deno.test("faultsOf() finds foreign MACs, and addresses that are not the sender's", () => {
  const packet = ipv4("06", "0a640007", "0a640006");
  assertEquals(faults(`${ROUTER} ${POD} ${packet}`), [
    "1 times: 02:00:00:00:00:01 sends as 10.100.0.7, to 02:00:00:00:00:02",
  ]);
  assertEquals(faults(`${ROUTER} ${HELPER} ${packet}`), [
    "1 times: 0e:fa:b0:00:00:01 is on the wire",
  ]);
  assertEquals(faults(`${HELPER} ${POD} ${ipv4("06", "0a640005", "0a640006")}`), [
    "1 times: 0e:fa:b0:00:00:01 is on the wire",
  ]);
});
