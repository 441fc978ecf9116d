import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { parse, stringify } from "yaml";
import { parsePlainYaml } from "./plain_yaml.ts";

const EXAMPLE = `# /etc/fabric/config.yaml
cluster: local
node: node-1            # as in Kubernetes
zone: 'zone a'
etcd:
  endpoints:
    - https://10.0.0.1:2379
    - https://[2001:db8::1]:2379
  caFile: /etc/fabric/ca.crt
  user: ""
defaultNetwork: prod
physicalNetworks:
  prod: {bridge: br-prod, uplink: eth1, create: true}
  dmz:
    bridge: br-dmz
log:
  level: info
  maxBytes: 10485760
list: [a, "b c", 3]
clusters:
- name: one
  cluster:
    server: https://10.0.0.1:6443
- cluster: {server: "https://10.0.0.2"}
  name: two
none:
`;

Deno.test("parsePlainYaml() reads what a configuration is written in, as the whole parser does", () => {
  const plain = EXAMPLE.replace("    - https://[2001:db8::1]:2379\n", "");
  assertEquals(parsePlainYaml(plain), { value: parse(plain) });
  assertEquals(parsePlainYaml(""), { value: null });
  assertEquals(parsePlainYaml("---\na: 1\n"), { value: { a: 1 } });
  assertEquals(parsePlainYaml("a:\n- 1\n- x\nb: 2\n"), { value: { a: [1, "x"], b: 2 } });
  for (
    const text of [
      "- a: 1",
      "- a: 1\n  b: 2\n- c\n-   d:\n      e: 1\n    f: [x]",
      "l:\n- a:\n  - 1\n  b:\n    c: 2\n  d:\nm: 3",
      "l:\n  - a: {b: c}\n    d: e\n  -\n",
    ]
  ) {
    const read = parsePlainYaml(text);
    if (!text.endsWith("-\n")) assertEquals(read, { value: parse(text) });
    else assertEquals(read, undefined);
  }
});

Deno.test("parsePlainYaml() leaves everything else to the whole parser", () => {
  const beyond = [
    EXAMPLE,
    "a: &x 1",
    "a: *x",
    "a: !!str 1",
    "a: |\n  text",
    "a: >\n  text",
    'a: "\\n"',
    "a: 1\na: 2",
    "a: 1\n---\nb: 2",
    "- - 1",
    "- a: 1\n   b: 2",
    "- a: 1\n b: 2",
    "- a:\n  - - 1",
    "- &x a: 1",
    "a: b: c",
    "a: b\n  c",
    "a: 012",
    "a: 1.5",
    "a: 0x1f",
    "a: .inf",
    "a: True",
    "a: {b: [1, 2",
    "a: [b: c]",
    "\ta: 1",
    "true: 1",
    "? a",
    "a: ä",
    "word",
  ];
  assertEquals(beyond.filter((text) => parsePlainYaml(text) !== undefined), []);
});

Deno.test("parsePlainYaml() reads what the YAML library writes, or nothing", () => {
  const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_-]{0,8}$/);
  const word = fc.oneof(
    fc.stringMatching(/^[ -~]{0,14}$/),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
  );
  const mapping = fc.dictionary(name, fc.oneof(word, fc.array(word)));
  const section = fc.dictionary(
    name,
    fc.oneof(word, fc.array(word), fc.dictionary(name, word), fc.array(mapping)),
  );
  let plain = 0;
  fc.assert(
    fc.property(section, fc.boolean(), (value, flow) => {
      const text = stringify(value, flow ? { collectionStyle: "flow" } : {});
      const read = parsePlainYaml(text);
      if (read === undefined) return;
      plain++;
      assertEquals(read.value, parse(text));
    }),
    { numRuns: 1000, seed: 1 },
  );
  if (plain < 50) throw new Error(`only ${plain} of 1000 documents were plain`);
});

Deno.test("parsePlainYaml() agrees with the YAML library on damaged configurations", () => {
  const alphabet = [..."#:-[]{},'\"\n ~|>&*!?%@`0.1aen"];
  const edit = fc.record({
    at: fc.nat(EXAMPLE.length),
    remove: fc.nat(3),
    insert: fc.array(fc.constantFrom(...alphabet), { maxLength: 3 }).map((c) => c.join("")),
  });
  const plain = EXAMPLE.replace("    - https://[2001:db8::1]:2379\n", "");
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
      let text = plain;
      for (const { at, remove, insert } of edits) {
        text = text.slice(0, at) + insert + text.slice(at + remove);
      }
      const read = parsePlainYaml(text);
      if (read !== undefined) assertEquals(read.value, parse(text, { logLevel: "silent" }), text);
    }),
    { numRuns: 5000, seed: 1 },
  );
});
