import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { createRedactor, REMOVED, secretsOfPem } from "./redact.ts";

const SECRET = "p@ss/w+rd?ü %9";

Deno.test("createRedactor() finds a known secret however it is written", () => {
  const redact = createRedactor([`${SECRET}\n`]);
  const bytes = new TextEncoder().encode(`root:${SECRET}`);
  const written = [
    SECRET,
    encodeURIComponent(SECRET),
    `https://etcd/?x=${encodeURIComponent(SECRET).replaceAll("%20", "+")}`,
    JSON.stringify({ x: SECRET }),
    JSON.stringify(JSON.stringify({ x: SECRET })),
    btoa(String.fromCharCode(...bytes)),
    btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replace(/=/g, ""),
    [...new TextEncoder().encode(SECRET)].map((b) => b.toString(16).padStart(2, "0")).join(""),
  ];
  for (const text of written) {
    assert(redact(`before ${text} behind`).includes(REMOVED), text);
    assert(!redact(text).includes("w+rd"), text);
  }
});

Deno.test("createRedactor() finds a secret in base64 wherever it begins in the text", () => {
  fc.assert(fc.property(
    fc.string({ minLength: 8, maxLength: 40, unit: "grapheme-ascii" }).filter((s) =>
      s.trim() === s
    ),
    fc.uint8Array({ maxLength: 7 }),
    fc.uint8Array({ maxLength: 7 }),
    (secret, before, behind) => {
      const bytes = new TextEncoder().encode(secret);
      const whole = new Uint8Array([...before, ...bytes, ...behind]);
      const text = btoa(String.fromCharCode(...whole));
      assert(createRedactor([secret])(text).includes(REMOVED), text);
    },
  ));
});

Deno.test("createRedactor() removes what looks like a secret", () => {
  const redact = createRedactor([]);
  const cases: readonly (readonly [string, string])[] = [
    [`"password": "abc"`, `"password": "${REMOVED}"`],
    [`{\\"clientSecret\\":\\"abc\\"}`, `{\\"clientSecret\\":\\"${REMOVED}\\"}`],
    ["etcd.password=abc, x=1", `etcd.password=${REMOVED}, x=1`],
    ["token: abc", `token: ${REMOVED}`],
    [`["psk","abc"]`, `["psk","${REMOVED}"]`],
    ["options : {psk=abc, remote_ip=flow}", `options : {psk=${REMOVED}, remote_ip=flow}`],
    ["https://me:abc@etcd:2379/", `https://${REMOVED}@etcd:2379/`],
    ["Authorization: Bearer abcdefgh1234", `Authorization: Bearer ${REMOVED}`],
    ["a\n-----BEGIN EC PRIVATE KEY-----\nMHc\n-----END EC PRIVATE KEY-----\nb", `a\n${REMOVED}\nb`],
  ];
  for (const [text, expected] of cases) assertEquals(redact(text), expected);
});

Deno.test("createRedactor() leaves alone what is no secret", () => {
  const redact = createRedactor(["abc"]);
  for (
    const text of [
      "passwordFile: /etc/fabric/etcd-password",
      `"keyFile": "/etc/fabric/etcd-client.key"`,
      `{"passwordFile":"/etc/fabric/etcd-password"}`,
      " cookie=0x0, duration=22.713s, table=0, priority=0 actions=NORMAL",
      "0a58:0a64:: abcdef",
      "https://10.0.0.1:2379",
    ]
  ) assertEquals(redact(text), text);
});

Deno.test("secretsOfPem() takes every line of a key", () => {
  const pem = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\nAgEGCCqGSM49AwEHBG0w\n" +
    "-----END PRIVATE KEY-----\n";
  const redact = createRedactor(secretsOfPem(pem));
  assertEquals(redact("cut: AgEGCCqGSM49AwEHBG0w!"), `cut: ${REMOVED}!`);
});
