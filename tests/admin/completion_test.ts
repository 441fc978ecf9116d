import { assert, assertEquals } from "@std/assert";
import { applyResource } from "../../mod/ipam/apply.ts";
import { network, physicalNetwork, zone } from "../documents.ts";
import { startAdmin } from "./admin_fixture.ts";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;

/** A folder with `fabric-admin` and its bash completion in it. */
async function makeFolder(endpoint: string): Promise<string> {
  const dir = await Deno.makeTempDir();
  const run = `exec ${Deno.execPath()} run -A --no-prompt --no-check ${MAIN} admin "$@"`;
  await Deno.writeTextFile(`${dir}/fabric-admin`, `#!/bin/sh\n${run}\n`, { mode: 0o755 });
  await Deno.writeTextFile(`${dir}/config.yaml`, `etcd: {endpoints: ["${endpoint}"]}\n`);
  return dir;
}

interface Shell {
  readonly dir: string;
}

async function bash({ dir }: Shell, script: string): Promise<readonly string[]> {
  const { stdout, stderr, code } = await new Deno.Command("bash", {
    args: ["--norc", "--noprofile", "-c", script],
    env: { PATH: `${dir}:${Deno.env.get("PATH")}`, FABRIC_CONFIG: `${dir}/config.yaml` },
    cwd: dir,
  }).output();
  assertEquals([new TextDecoder().decode(stderr), code], ["", 0]);
  return new TextDecoder().decode(stdout).split("\n").filter((line) => line !== "");
}

/** What bash offers where the cursor stands at the end of the line. */
async function offered(shell: Shell, line: string): Promise<readonly string[]> {
  return await bash(
    shell,
    `source completion.bash
     declare -F _fabric_admin >/dev/null || exit 1
     COMP_LINE='${line}'; COMP_POINT=\${#COMP_LINE}
     _fabric_admin
     printf '%s\n' "\${COMPREPLY[@]}"`,
  );
}

Deno.test("bash completes commands, flags, kinds, and names from etcd", async () => {
  await using admin = await startAdmin();
  const { context } = admin;
  await applyResource(context, physicalNetwork("prod"));
  await applyResource(context, zone("z1", ["prod"]));
  for (const [i, name] of ["pods", "pods-dmz", "storage"].entries()) {
    const subnets = [{ cidr: `2001:db8:${i + 1}::/64` }];
    await applyResource(context, network(name, { vlan: 10 + i, subnets }));
  }
  const dir = await makeFolder(admin.etcd.endpoints[0] ?? "");
  try {
    const shell = { dir };
    await bash(shell, "fabric-admin completion bash >completion.bash");
    const cases: readonly (readonly [line: string, words: readonly string[]])[] = [
      ["fabric-admin des", ["describe"]],
      ["fabric-admin history ex", ["export"]],
      ["fabric-admin completion ", ["bash", "fish", "zsh"]],
      ["fabric-admin get netw", ["networks"]],
      ["fabric-admin get networks po", ["pods", "pods-dmz"]],
      ["fabric-admin get networks pods st", ["storage"]],
      ["fabric-admin get net/pods-", ["net/pods-dmz"]],
      ["fabric-admin delete --dry-run zone ", ["z1"]],
      ["fabric-admin get addresses --network sto", ["storage"]],
      ["fabric-admin get addresses -n pods-", ["pods-dmz"]],
      ["fabric-admin get addresses --network=sto", ["storage"]],
      ["fabric-admin get networks --field", ["--field-selector"]],
      ["fabric-admin get networks -o js", ["json", "jsonpath="]],
      ["fabric-admin top sub", ["subnets"]],
      ["fabric-admin explain network.spec.sub", ["network.spec.subnets"]],
      ["fabric-admin explain network.spec.subnets.gatewayO", [
        "network.spec.subnets.gatewayOnLink",
      ]],
      ["fabric-admin help lab", ["label"]],
      ["fabric-admin apply -f completion.b", ["completion.bash"]],
      ["fabric-admin --config config.yaml get zones z", ["z1"]],
      ["fabric-admin --etcd-endpoints http://127.0.0.1:1 --request-timeout 1 get zones z", []],
      ["fabric-admin __", []],
    ];
    for (const [line, words] of cases) assertEquals(await offered(shell, line), words, line);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("a person's bash completes a name at the press of tab", async () => {
  await using admin = await startAdmin();
  await applyResource(admin.context, physicalNetwork("manufacturing"));
  const dir = await makeFolder(admin.etcd.endpoints[0] ?? "");
  try {
    await Deno.writeTextFile(`${dir}/rc`, "source <(fabric-admin completion bash)\nPS1=ready:\n");
    const child = new Deno.Command("script", {
      args: ["-qec", "bash --noprofile --rcfile rc -i", "/dev/null"],
      env: { PATH: `${dir}:${Deno.env.get("PATH")}`, FABRIC_CONFIG: `${dir}/config.yaml` },
      cwd: dir,
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const input = child.stdin.getWriter();
    const type = (text: string) => input.write(new TextEncoder().encode(text));
    let seen = "";
    for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
      const before = seen;
      seen += part;
      const shows = (text: string): boolean => seen.includes(text) && !before.includes(text);
      if (shows("ready:")) await type("fabric-admin get pn manu\t-o name\n");
      if (shows("physicalnetwork.beyondfabric.io/manufacturing")) await type("exit\n");
    }
    await input.close().catch(() => {});
    await child.status;
    assert(seen.includes("get pn manufacturing -o name"), seen);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("the completion scripts of other shells are sound where these shells are", async () => {
  const dir = await makeFolder("http://127.0.0.1:1");
  try {
    for (const shell of ["bash", "zsh", "fish"]) {
      await bash({ dir }, `fabric-admin completion ${shell} >script.${shell}`);
      await bash({ dir }, `command -v ${shell} >/dev/null || exit 0; ${shell} -n script.${shell}`);
    }
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
