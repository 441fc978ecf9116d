/**
 * The names in a certificate, read from its DER (RFC 5280) and not from a text made of them: in the
 * text that Deno makes of the alternative names (2.9.4), a comma inside of one begins the next, so
 * that `URI:x, DNS:admin` of one name would be taken for two.
 *
 * @module
 */

import type { ClientCertificate } from "../http/dispatch.ts";

interface Element {
  readonly tag: number;
  readonly bytes: Uint8Array;
}

const SEQUENCE = 0x30;
const OID = 0x06;
const OCTETS = 0x04;
const VERSION = 0xa0;
const EXTENSIONS = 0xa3;

const COMMON_NAME = "550403";
const ORGANISATION = "55040a";
const ALTERNATIVE_NAMES = "551d11";

/** Strings of a distinguished name that are told as text; BMPString and older ones are not. */
const TEXT_TAGS: readonly number[] = [0x0c, 0x13, 0x16];
/** GeneralName: rfc822Name, dNSName, uniformResourceIdentifier. */
const NAME_TAGS: readonly number[] = [0x81, 0x82, 0x86];

/** The names of a certificate that was verified; undefined where it cannot be read. */
export function readCertificateNames(der: Uint8Array): ClientCertificate | undefined {
  try {
    const [certificate] = elements(der);
    const [body] = elements(bytesOf(certificate, SEQUENCE));
    const parts = elements(bytesOf(body, SEQUENCE));
    const [, , , , subject] = parts.filter(({ tag }) => tag !== VERSION);
    const names = subjectNames(bytesOf(subject, SEQUENCE));
    const extensions = parts.find(({ tag }) => tag === EXTENSIONS);
    return {
      commonName: names.find(([type]) => type === COMMON_NAME)?.[1],
      organisations: names.filter(([type]) => type === ORGANISATION).map(([, value]) => value),
      alternativeNames: extensions === undefined ? [] : alternativeNames(extensions.bytes),
    };
  } catch {
    return undefined;
  }
}

function subjectNames(bytes: Uint8Array): readonly (readonly [type: string, value: string])[] {
  return elements(bytes).flatMap((set) => elements(set.bytes)).flatMap((pair) => {
    const [type, value] = elements(pair.bytes);
    if (value === undefined || !TEXT_TAGS.includes(value.tag)) return [];
    return [[bytesOf(type, OID).toHex(), text(value.bytes)] as const];
  });
}

function alternativeNames(bytes: Uint8Array): readonly string[] {
  const [list] = elements(bytes);
  for (const extension of elements(bytesOf(list, SEQUENCE))) {
    const [type, ...rest] = elements(extension.bytes);
    if (bytesOf(type, OID).toHex() !== ALTERNATIVE_NAMES) continue;
    const [names] = elements(bytesOf(rest.at(-1), OCTETS));
    return elements(bytesOf(names, SEQUENCE)).filter(({ tag }) => NAME_TAGS.includes(tag))
      .map((name) => text(name.bytes));
  }
  return [];
}

/** Fatal for what is no UTF-8; a control character would deceive whoever reads the name. */
function text(bytes: Uint8Array): string {
  const found = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  // deno-lint-ignore no-control-regex -- exactly these
  if (/[\u0000-\u001f\u007f]/.test(found)) throw new TypeError("a control character in a name");
  return found;
}

function bytesOf(element: Element | undefined, tag: number): Uint8Array {
  if (element?.tag !== tag) throw new TypeError(`no element ${tag}`);
  return element.bytes;
}

function elements(bytes: Uint8Array): readonly Element[] {
  const found: Element[] = [];
  for (let at = 0; at < bytes.length;) {
    const tag = byteAt(bytes, at++);
    let length = byteAt(bytes, at++);
    if (length > 0x84) throw new TypeError("a length that no certificate has");
    if (length >= 0x80) {
      const end = at + length - 0x80;
      for (length = 0; at < end; at++) length = length * 256 + byteAt(bytes, at);
    }
    if (at + length > bytes.length) throw new TypeError("an element that ends too late");
    found.push({ tag, bytes: bytes.subarray(at, at + length) });
    at += length;
  }
  return found;
}

function byteAt(bytes: Uint8Array, at: number): number {
  const byte = bytes[at];
  if (byte === undefined) throw new TypeError("an element that ends too early");
  return byte;
}
