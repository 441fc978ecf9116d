/**
 * Taking secrets out of text that leaves the house: those that are known, in whatever way they are
 * written, and whatever looks like one.
 *
 * @module
 */

/** What stands in the place of a secret. */
export const REMOVED = "[removed]";

/** Shorter secrets would be found everywhere. */
const MIN_LENGTH = 4;
/** Of a longer text in base64, so much of the secret's own part is looked for. */
const MIN_BASE64 = 8;

/** The ways in which a secret may be written. */
export function spellings(secret: string): readonly string[] {
  const plain = [secret, secret.trim()].filter((text) => text.length >= MIN_LENGTH);
  const all = plain.flatMap((text) => [
    text,
    encodeURIComponent(text),
    // Of forms, and of programs that escape everything but letters and digits.
    encodeURIComponent(text).replaceAll("%20", "+"),
    percentAll(text),
    percentAll(text).toLowerCase(),
    JSON.stringify(text).slice(1, -1),
    JSON.stringify(JSON.stringify(text).slice(1, -1)).slice(1, -1),
    hex(text),
    hex(text).toUpperCase(),
    ...base64Cores(text),
  ]);
  return [...new Set(all)].filter((text) => text.length >= MIN_LENGTH);
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function hex(text: string): string {
  return [...bytesOf(text)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function percentAll(text: string): string {
  return [...bytesOf(text)].map((byte) => {
    const character = String.fromCharCode(byte);
    return /[A-Za-z0-9]/.test(character)
      ? character
      : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }).join("");
}

/**
 * What base64 of any text that contains the secret must contain, in both alphabets: it depends on
 * where the secret begins, modulo 3, and on its neighbours only in the first and last character.
 */
function base64Cores(text: string): readonly string[] {
  const bytes = bytesOf(text);
  return [0, 1, 2].flatMap((shift) => {
    const padded = new Uint8Array(shift + bytes.length);
    padded.set(bytes, shift);
    const encoded = btoa(String.fromCharCode(...padded)).replace(/=+$/, "");
    const first = Math.ceil(shift * 8 / 6);
    const last = Math.floor((shift + bytes.length) * 8 / 6);
    const core = encoded.slice(first, last);
    if (core.length < MIN_BASE64) return [];
    return [core, core.replaceAll("+", "-").replaceAll("/", "_")];
  });
}

/** A field whose value is a secret; the names of files and what flows call so are none. */
const NAME = "[\\w.-]*(?:passw(?:or)?d|passphrase|secret|token|psk|api[-_]?key|private[-_]?key|" +
  "credential)s?";
const IS_PATH = "(?![-_]?(?:file|path|dir))";

const PATTERNS: readonly (readonly [RegExp, string])[] = [
  [
    /-----BEGIN [A-Z ]*PRIVATE KEY-----[^]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g,
    REMOVED,
  ],
  // "name": "value", name: value, name=value; also with the quotes escaped.
  [
    new RegExp(
      `(\\\\*["']${NAME}\\\\*["']\\s*[:=,]\\s*\\\\*["'])((?:[^"'\\\\]|\\\\.)+?)(?=\\\\*["'])`,
      "gi",
    ),
    `$1${REMOVED}`,
  ],
  [
    new RegExp(`(\\b${NAME}${IS_PATH}\\b\\s*[=:]\\s*)(?!["'\\\\/\\[{]|\\s)([^\\s,;"'}]+)`, "gi"),
    `$1${REMOVED}`,
  ],
  [/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/@"']+:[^\s/@"']+@/gi, `$1${REMOVED}@`],
  [/\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi, `$1 ${REMOVED}`],
  [/\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*/g, REMOVED],
];

/** A function that takes the secrets out of a text. */
export function createRedactor(secrets: readonly string[]): (text: string) => string {
  // Longer ones first: a part of one must not spoil the whole of it.
  const known = [...new Set(secrets.flatMap(spellings))].sort((a, b) => b.length - a.length);
  return (text) => {
    let clean = text;
    for (const secret of known) clean = clean.replaceAll(secret, REMOVED);
    for (const [pattern, by] of PATTERNS) clean = clean.replace(pattern, by);
    return clean;
  };
}

/** The lines of a PEM file are secrets each: a log may have cut it. */
export function secretsOfPem(text: string): readonly string[] {
  return [text, ...text.split("\n").map((line) => line.trim()).filter((line) => line.length >= 16)]
    .filter((line) => !line.startsWith("-----") || line.includes("\n"));
}
