/** What is given to whoever helps holds what they need, and no secret. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { parseTarGzip } from "nanotar";
import type { EquippedHost } from "../lab/mod.ts";
import { requireOk } from "../lab/mod.ts";
import { hostEnd, startPodsBed } from "./bed.ts";
import { snapshot } from "./snapshot.ts";

const FILE = "/var/log/case.tar.gz";

/** Makes an archive; its files by name, without the folder. */
async function unpack(
  host: EquippedHost,
  ...flags: readonly string[]
): Promise<ReadonlyMap<string, string>> {
  await host.execOk(["rm", "-f", FILE]);
  requireOk(await host.admin(["bundle", FILE, ...flags], { timeoutMs: 120_000 }));
  const files = await parseTarGzip(await Deno.readFile(host.path(FILE)));
  return new Map(files.map(({ name, text }) => [name.replace(/^[^/]*\//, ""), text]));
}

/** All the ways in which a secret could be written, found by other means than those of the program. */
function forms(secret: string): readonly string[] {
  const base64 = (text: string) => btoa(text).replace(/=+$/, "");
  // Inside a longer text it may begin at three places; the characters at its ends depend on others.
  const inner = ["", "x", "xy"].map((before) => base64(before + secret).slice(4, -4));
  return [
    secret,
    encodeURIComponent(secret),
    encodeURIComponent(encodeURIComponent(secret)),
    base64(secret),
    base64(`root:${secret}`),
    ...inner,
  ].filter((text) => text.length >= 8);
}

Deno.test("a support archive of a node with credentials holds none of them", async () => {
  await using bed = await startPodsBed({ etcd: { tls: "server", auth: true } });
  const { lab, host, a } = bed;
  const { root, certificates } = lab.etcd;
  const password = root?.password ?? "";
  const token = await host.readFile("/run/fabric/etcd/token");
  const tokens = [...token.matchAll(/[A-Za-z]{8,}\.\d+/g)].map(([text]) => text);
  assert(tokens.length > 0, token);

  // Where others may have left them.
  const log = `/var/log/openvswitch/ovs-vswitchd.log`;
  await host.execOk(`echo '2026|x|WARN|https://root:${password}@etcd said ${tokens[0]}' >>${log}
    printf '%s\\n' 'said ${certificates?.keyFile.split("\n")[2] ?? ""} then' >>${log}`);
  await host.writeFile(
    "/etc/cni/net.d/99-other.conflist",
    JSON.stringify({ name: "other", plugins: [{ type: "x", apiKey: "planted-key-1" }] }),
  );
  await host.writeFile("/etc/cni/net.d/other-kubeconfig", "token: planted-token-2\n");
  await host.ovs.vsctl(
    "set",
    "interface",
    hostEnd(a),
    `external_ids:login=${btoa(`root:${password}`).replaceAll("=", "")}`,
    "external_ids:psk=planted-psk-3",
  );
  const config = await host.readFile("/etc/fabric/config.yaml");
  await host.writeFile("/etc/fabric/config.yaml", `# planted-comment-4\n${config}`);

  const before = await snapshot(lab, { host, pods: [a] });
  const files = await unpack(host);
  const after = await snapshot(lab, { host, pods: [a] });
  for (const [name, text] of Object.entries(before)) assertEquals(after[name], text, name);
  assertEquals(((await Deno.stat(host.path(FILE))).mode ?? 0) & 0o777, 0o600);

  const keyLines = certificates?.keyFile.split("\n")
    .filter((line) => line.length >= 16 && !line.startsWith("-----")) ?? [];
  const planted = ["planted-key-1", "planted-token-2", "planted-psk-3", "planted-comment-4"];
  const secrets = [password, ...tokens, ...keyLines, ...planted];
  assert(secrets.every((secret) => secret.length >= 8) && keyLines.length > 0);
  for (const [name, text] of files) {
    assert(!text.includes("PRIVATE KEY"), name);
    for (const secret of secrets) {
      for (const form of forms(secret)) {
        assert(
          !text.includes(form) && !text.includes(form.replaceAll("+", "-")),
          `${name}: ${form}`,
        );
      }
    }
  }

  // And what is needed to help.
  const has = (name: string, pattern: RegExp) => assertMatch(files.get(name) ?? "", pattern, name);
  has("README.txt", /Support archive of fabric .*\nNode local\/host1, zone zone1/);
  has("config.yaml", /passwordFile: \/etc\/fabric\/etcd-password/);
  has("cni.txt", /"type": "fabric"/);
  has("logs/fabric.log", /ADD/);
  has("logs/ovs-vswitchd.log", /https:\/\/\[removed\]@etcd said \[removed\]/);
  has("switch/ovsdb.json", /beyondfabric\.io\/pod/);
  has("switch/br-prod-flows.txt", /priority=0.*NORMAL/);
  has("host/network.txt", new RegExp(hostEnd(a)));
  has("host/pods.txt", /web\/a eth0/);
  has("store/summary.json", /"attachments": 3/);
  has("store/objects.yaml", /kind: Network\n/);
  has("store/attachments.txt", /^attachments\/local\/host1\//);
  has("findings.txt", /keys read/);
  has("diagnosis.txt", /SOUND: the way to gateway 10\.100\.0\.1/);
  has("version.json", /"deno"/);
});

Deno.test("a support archive is bounded, and made also where nothing works", async () => {
  await using bed = await startPodsBed();
  const { lab, host } = bed;
  const line = `{"message":"${"x".repeat(980)}"}`;
  await host.execOk(`i=0; while [ $i -lt 3000 ]; do echo '${line}'; i=$((i + 1)); done \
    >>/var/log/fabric/fabric.log; echo the-last-line >>/var/log/fabric/fabric.log`);
  const files = await unpack(host, "--max-size", "1");
  const all = [...files.values()].reduce((sum, text) => sum + text.length, 0);
  assert(all < 1.1 * 1024 * 1024, `${all} characters`);
  assert(files.get("logs/fabric.log")?.endsWith("the-last-line\n"));
  assertMatch(files.get("README.txt") ?? "", /fabric\.log; only the last \d+ of \d+ characters/);

  const again = await host.admin(["bundle", FILE]);
  assertEquals([again.code, again.stdout], [1, ""]);
  assertMatch(again.stderr, /Cannot write .*: it exists; name another file/);

  await lab.etcd.kill(0);
  await host.ovs.kill("ovsdb-server");
  await host.ovs.kill("ovs-vswitchd");
  await host.writeFile("/etc/fabric/config.yaml", "zone: [oops\n");
  const broken = await unpack(host);
  assertMatch(broken.get("README.txt") ?? "", /The configuration cannot be used: /);
  assertMatch(broken.get("config.yaml") ?? "", /oops/);
  assert(broken.has("host/network.txt"));
});
