import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { FabricError } from "../error.ts";
import { parseKubeconfig, readKubeconfig } from "./kubeconfig.ts";

const YAML = `apiVersion: v1
kind: Config
current-context: fabric
clusters:
- name: cluster
  cluster:
    server: https://10.0.0.10:6443
    certificate-authority-data: ${btoa("CERTIFICATE")}
users:
- name: plugin
  user:
    token: s3cret
contexts:
- name: fabric
  context: {cluster: cluster, user: plugin}
`;

async function write(text: string, mode = 0o600): Promise<string> {
  const path = await Deno.makeTempFile();
  await Deno.writeTextFile(path, text);
  await Deno.chmod(path, mode);
  return path;
}

Deno.test("readKubeconfig() reads server, authority and token, from YAML and JSON", async () => {
  const expected = {
    target: { hostname: "10.0.0.10", port: 6443, tls: { caCerts: ["CERTIFICATE"] } },
    token: "s3cret",
  };
  assertEquals(await readKubeconfig(await write(YAML)), expected);
  const { parse } = await import("yaml");
  assertEquals(await readKubeconfig(await write(JSON.stringify(parse(YAML)))), expected);
  // Beyond the plain part of YAML.
  assertEquals(
    await readKubeconfig(await write(`--- # c\n${YAML.replace("s3cret", '"s3cret" ')}`)),
    expected,
  );
});

Deno.test("readKubeconfig() refuses a file that others can read, and never tells its token", async () => {
  const open = await write(YAML, 0o644);
  await assertRejects(() => readKubeconfig(open), FabricError, "0644");
  const broken = await write(YAML.replace("clusters:", "clusters: ["));
  const error = await assertRejects(() => readKubeconfig(broken), FabricError);
  assertEquals([error.kind, error.field], ["invalid", "kubernetes.kubeconfig"]);
  assert(!JSON.stringify([error.message, error.value, error.details]).includes("s3cret"));
});

Deno.test("readKubeconfig() finds files beside it, and the token's goes before the text", async () => {
  const dir = await Deno.makeTempDir();
  await Deno.writeTextFile(`${dir}/ca.crt`, "AUTHORITY");
  await Deno.writeTextFile(`${dir}/token`, "fresh\n", { mode: 0o600 });
  const text = YAML.replace(/certificate-authority-data: .*/, "certificate-authority: ca.crt")
    .replace("token: s3cret", "token: old\n    tokenFile: token");
  await Deno.writeTextFile(`${dir}/config`, text, { mode: 0o600 });
  const { target, token } = await readKubeconfig(`${dir}/config`);
  assertEquals([target.tls?.caCerts, token], [["AUTHORITY"], "fresh"]);
  await Deno.chmod(`${dir}/token`, 0o640);
  await assertRejects(() => readKubeconfig(`${dir}/config`), FabricError, "holds a secret");
});

Deno.test("parseKubeconfig() refuses what it cannot keep safe, with what would be right", () => {
  const base = {
    "current-context": "x",
    "contexts": [{ name: "x", context: { cluster: "c", user: "u" } }],
    "clusters": [{ name: "c", cluster: { server: "https://a:1" } }],
    "users": [{ name: "u", user: { token: "t" } }],
  };
  const cluster = (fields: object) => ({
    ...base,
    clusters: [{ name: "c", cluster: { server: "https://a:1", ...fields } }],
  });
  const user = (fields: object) => ({ ...base, users: [{ name: "u", user: fields }] });
  const cases: readonly (readonly [unknown, string])[] = [
    [cluster({ "insecure-skip-tls-verify": true }), "insecure-skip-tls-verify"],
    [cluster({ server: "http://10.0.0.1:8080" }), "plain http"],
    [cluster({ server: "https://a/path" }), "kubernetes.kubeconfig"],
    [cluster({ "proxy-url": "http://p" }), "proxy-url"],
    [user({ exec: { command: "aws" } }), "exec"],
    [user({ username: "u", password: "p" }), "passwords"],
    [user({ "client-certificate-data": btoa("x") }), "needs its key"],
    [{ ...base, "current-context": "y" }, 'no context "y"'],
    [{ ...base, clusters: [] }, 'no cluster "c"'],
    ["text", "it:"],
  ];
  for (const [value, says] of cases) {
    const error = assertThrows(() => parseKubeconfig(value, "/k"), FabricError);
    assertEquals(error.kind, "invalid");
    assert(error.message.includes(says), `${error.message} of ${says}`);
  }
  assertEquals(parseKubeconfig(cluster({ server: "http://127.0.0.1:8001" }), "/k").target, {
    hostname: "127.0.0.1",
    port: 8001,
  });
});
