/** The one executable: who it is by its names, and what it may do and touch. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { permissionFlags } from "../../mod/permissions.ts";
import { call, RELEASE } from "../executable.ts";

const FOLDER = RELEASE.slice(0, RELEASE.lastIndexOf("/"));

async function withLinks(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    for (const name of ["fabric", "fabric-ctl", "fabric-admin"]) {
      await Deno.symlink(RELEASE, `${folder}/${name}`);
    }
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The name in the first line of `version`. */
async function whoIs(program: string, path: string): Promise<string | undefined> {
  const { stdout } = await call(program, { args: ["version"], env: { PATH: path } });
  return stdout.split(" ")[0];
}

Deno.test("the executable's role is the name of the link that it is called by", async () => {
  await withLinks(async (folder) => {
    for (const name of ["fabric", "fabric-ctl", "fabric-admin"]) {
      assertEquals(await whoIs(`${folder}/${name}`, "/usr/bin"), name);
      // Found by PATH, argv[0] is a name without a folder.
      const { stdout } = await call("sh", {
        args: ["-c", `${name} version`],
        env: { PATH: `${folder}:/usr/bin:/bin` },
      });
      assertEquals(stdout.split(" ")[0], name);
    }
  });
});

Deno.test("the executable's role is its first argument when its name is fabric", async () => {
  const first = async (...args: string[]) => (await call(RELEASE, { args })).stdout.split(" ")[0];
  assertEquals(await first("version"), "fabric");
  assertEquals(await first("ctl", "version"), "fabric-ctl");
  assertEquals(await first("admin", "version"), "fabric-admin");
});

Deno.test("the executable is the plugin when only CNI_COMMAND says so", async () => {
  const { stdout, code } = await call(RELEASE, { env: { CNI_COMMAND: "NONSENSE" } });
  const answer: unknown = JSON.parse(stdout);
  assertEquals(Object.keys(Object(answer)).includes("code"), true);
  assertEquals(code, 1);
});

Deno.test("a command that it does not have ends with exit status 2 and a hint", async () => {
  const { code, stdout, stderr } = await call(RELEASE, { args: ["instal"] });
  assertEquals({ code, stdout }, { code: 2, stdout: "" });
  assertMatch(stderr, /unknown command "instal"; run "fabric help"/);
  assertEquals((await call(RELEASE)).code, 2);
  assertEquals((await call(RELEASE, { args: ["help"] })).code, 0);
});

Deno.test("version -o json names commit, date and the origin of the runtime inside", async () => {
  const { stdout } = await call(RELEASE, { args: ["version", "-o", "json"] });
  const info: unknown = JSON.parse(stdout);
  const origin = await Deno.readTextFile(
    new URL("../../.toolchain/denort.origin", import.meta.url),
  );
  assertEquals(Object(info).denort, origin.trim());
  assertEquals(Object(info).deno, Deno.version.deno);
  assertMatch(Object(info).commit, /^([0-9a-f]{40}(-dirty)?|unknown)$/);
  assertMatch(Object(info).date, /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ|unknown)$/);
});

Deno.test("the SHA-256 beside the executable is its own", async () => {
  const { code } = await call("/usr/bin/sha256sum", {
    args: ["--check", "fabric.sha256"],
    cwd: FOLDER,
  });
  assertEquals(code, 0);
});

Deno.test("the executable carries the permissions of the table and no others", async () => {
  const granted = await metadataPermissions();
  const list = (name: string) =>
    permissionFlags().find((flag) => flag.startsWith(`${name}=`))?.slice(name.length + 1).split(
      ",",
    );
  assertEquals(granted["allow_run"], list("--allow-run"));
  assertEquals(granted["allow_env"], list("--allow-env"));
  assertEquals(granted["allow_write"], list("--allow-write"));
  assertEquals(granted["allow_sys"], list("--allow-sys"));
  assertEquals(granted["allow_ffi"], null);
  assertEquals(granted["deny_import"], []);
  assertEquals(granted["prompt"], false);
});

Deno.test("every role starts with any PATH: another one, an empty one, none", async () => {
  const planted = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${planted}/ip`, "#!/bin/sh\ntouch $0.ran\n", { mode: 0o755 });
    for (const env of [{ PATH: "/usr/bin:/bin" }, { PATH: "" }, { PATH: planted }, {}]) {
      for (const args of [["version"], ["admin", "version"], ["ctl", "version"]]) {
        const { code, stderr } = await call(RELEASE, { args, env });
        assertEquals({ code, stderr }, { code: 0, stderr: "" });
      }
      const { stdout } = await call(RELEASE, { env: { ...env, CNI_COMMAND: "VERSION" } });
      assertStringIncludes(stdout, "supportedVersions");
    }
    assertEquals([...Deno.readDirSync(planted)].map(({ name }) => name), ["ip"]);
  } finally {
    await Deno.remove(planted, { recursive: true });
  }
});

Deno.test("nothing is read from or written to a folder that everybody may write to", async () => {
  await using node = await makeNode();
  const calls = [[], ["version"], ["admin", "version"], ["ctl", "version"]]
    .map((args) => ({ args, verb: "VERSION" }));
  for (const { args, verb } of [...calls, { args: [], verb: "STATUS" }]) {
    const trace = `${node.folder}/trace`;
    const temporary = await Deno.makeTempDir();
    try {
      await call("/usr/bin/strace", {
        args: ["-f", "-e", "trace=%file", "-o", trace, RELEASE, ...args],
        env: { PATH: "/usr/bin", TMPDIR: temporary, HOME: temporary, CNI_COMMAND: verb },
        input: node.conf,
      });
      assertEquals([...Deno.readDirSync(temporary)], []);
    } finally {
      await Deno.remove(temporary, { recursive: true });
    }
    const lines = (await Deno.readTextFile(trace)).split("\n");
    const touched = lines.flatMap((line) => [...line.matchAll(/"(\/[^"]*)"/g)].map((m) => m[1]));
    assert(touched.length > 10);
    const ours = (path: string | undefined) => path?.startsWith(FOLDER);
    const open = ["/tmp", "/var/tmp", "/dev/shm", temporary];
    const bad = touched.filter((path) => !ours(path) && open.some((o) => path?.startsWith(o)));
    assertEquals(bad, []);
  }
});

Deno.test("a CNI call loads the plugin's code and no other role's", async () => {
  const bundles = new URL("../../.build/fabric/", import.meta.url);
  const text = (name: string) => Deno.readTextFile(new URL(name, bundles));
  const main = await text("main.js");
  // Each role is behind one literal import.
  for (const role of ["cni", "server", "admin", "command"]) {
    assertEquals(main.split(`import("fabric/${role}")`).length, 2);
  }
  assertEquals([...main.matchAll(/\bimport\(|(^|;)import\b/g)].length, 4);
  const files = [...Deno.readDirSync(new URL("cni/", bundles))].map(({ name }) => name)
    .filter((name) => name.endsWith(".js"));
  const parts = await Promise.all(files.map((name) => text(`cni/${name}`)));
  const plugin = parts.join("\n");
  const imported = [...plugin.matchAll(/\bimport\(["'][^)]*|\brequire\([^)]*/g)].map(([m]) => m);
  const later = imported.map((it) => it.replace(/^import\("(\.\/)?|-[A-Z0-9]+\.js"$|"$/g, ""));
  assertEquals([...new Set(later)].sort(), [
    "audit",
    "config",
    "kubernetes",
    "other_verbs",
    "plain_yaml",
    "services_leg",
    "yaml",
  ]);
  for (const foreign of ["fabric-admin: ", "fabric install", "--bin-dir"]) {
    assert(!plugin.includes(foreign), `the plugin's bundle contains "${foreign}"`);
  }
});

Deno.test("the plugin loads the rest of YAML when a configuration needs it", async () => {
  await using node = await makeNode();
  const { stdout } = await call(RELEASE, { env: { CNI_COMMAND: "STATUS" }, input: node.conf });
  // It got as far as asking etcd.
  assertStringIncludes(stdout, "etcd cannot be reached");
});

Deno.test("settings that name what may not be written are told as such", async () => {
  await using node = await makeNode();
  const verb = (command: string, settings: Readonly<Record<string, string>>) =>
    call(RELEASE, {
      env: {
        CNI_COMMAND: command,
        CNI_CONTAINERID: "some",
        CNI_NETNS: "/run/netns/none",
        CNI_IFNAME: "eth0",
        CNI_PATH: "/opt/cni/bin",
        ...settings,
      },
      input: node.conf,
    });
  const log = await verb("STATUS", { FABRIC_LOG_FILE: "/data/fabric.log" });
  assertEquals(
    log.stderr,
    'fabric: cannot write the log: Cannot use log.file "/data/fabric.log": fabric may not write ' +
      "there; use one below /run, /var/lib/fabric or /var/log/fabric\n",
  );
  assertStringIncludes(log.stdout, "etcd cannot be reached");
  for (const command of ["ADD", "STATUS"]) {
    const { stdout } = await verb(command, { FABRIC_STATE_DIR: "/data" });
    assertStringIncludes(JSON.parse(stdout).msg, 'stateDir "/data"');
    assertEquals(JSON.parse(stdout).code, 7);
  }
  const del = await verb("DEL", { FABRIC_STATE_DIR: "/data" });
  assertStringIncludes(JSON.parse(del.stdout).msg, 'Cannot use stateDir "/data/spool"');
});

interface Node extends AsyncDisposable {
  readonly folder: string;
  /** A network configuration that names the node's, as the runtime gives it. */
  readonly conf: string;
}

/** A node without etcd or Open vSwitch, whose configuration needs all of YAML (an alias). */
async function makeNode(): Promise<Node> {
  const folder = await Deno.makeTempDir({ dir: "/run" });
  const config = `${folder}/config.yaml`;
  await Deno.writeTextFile(
    config,
    `cluster: &name local\nzone: *name\nrunDir: ${folder}\nstateDir: ${folder}\n` +
      `log: {file: ${folder}/log}\netcd: {endpoints: ["http://127.0.0.1:1"]}\n` +
      `ovsdb: {socket: ${folder}/no.sock}\n`,
  );
  return {
    folder,
    conf: JSON.stringify({ cniVersion: "1.1.0", name: "x", type: "fabric", config }),
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

/** What `deno compile` wrote into the executable about its permissions. */
async function metadataPermissions(): Promise<Readonly<Record<string, unknown>>> {
  const { stdout } = await call("/usr/bin/grep", {
    args: ["-a", "-o", '"permissions":{[^}]*}', RELEASE],
  });
  const found = stdout.trim().split("\n").filter((line) => line.includes('"allow_run"'));
  assertEquals(found.length, 1);
  return Object(JSON.parse(`{${found[0]}}`)).permissions;
}
