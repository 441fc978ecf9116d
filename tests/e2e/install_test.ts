/** `fabric install` and `fabric uninstall`, by the executable itself. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { call, type Ended, RELEASE, WITH_FAULTS } from "../executable.ts";

interface Host extends AsyncDisposable {
  readonly bin: string;
  readonly conf: string;
  run(program: string, verb: "install" | "uninstall", ...more: string[]): Promise<Ended>;
  runAt(fault: string, verb: "install" | "uninstall"): Promise<Ended>;
  /** Every path below, without the folder it is in. */
  files(): readonly string[];
}

async function makeHost(): Promise<Host> {
  // In memory: an fsync of 84 MB takes half a second on a disk.
  const root = await Deno.makeTempDir({ dir: "/dev/shm" });
  const [bin, conf] = [`${root}/opt/cni/bin`, `${root}/etc/cni/net.d`];
  const argsOf = (verb: string) =>
    verb === "install" ? [verb, "--bin-dir", bin, "--conf-dir", conf] : [verb, "--bin-dir", bin];
  return {
    bin,
    conf,
    run: (program, verb, ...more) => call(program, { args: [...argsOf(verb), ...more] }),
    runAt: (fault, verb) =>
      call(WITH_FAULTS, { args: argsOf(verb), env: { FABRIC_FAULT: `${fault}:kill` } }),
    files: () => walk(root).map((path) => path.slice(root.length)).sort(),
    [Symbol.asyncDispose]: () => Deno.remove(root, { recursive: true }),
  };
}

function walk(folder: string): readonly string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) =>
    isDirectory ? walk(`${folder}/${name}`) : [`${folder}/${name}`]
  );
}

const INSTALLED = [
  "/etc/cni/net.d/10-fabric.conflist",
  "/opt/cni/bin/.fabric-install.json",
  "/opt/cni/bin/fabric",
  "/opt/cni/bin/fabric-admin",
  "/opt/cni/bin/fabric-ctl",
];

const INSTALL_POINTS = [
  "install:after-record",
  "install:before-rename",
  "install:after-program",
  "install:after-links",
  "install:after-conflist",
];

const UNINSTALL_POINTS = [
  "uninstall:after-10-fabric.conflist",
  "uninstall:after-fabric-admin",
  "uninstall:after-fabric-ctl",
  "uninstall:after-fabric",
];

async function assertComplete(host: Host): Promise<void> {
  assertEquals(host.files(), INSTALLED);
  const { stdout } = await call(`${host.bin}/fabric-admin`, { args: ["version"] });
  assertMatch(stdout, /^fabric-admin /);
  const conflist: unknown = JSON.parse(await Deno.readTextFile(`${host.conf}/10-fabric.conflist`));
  assertEquals(Object(conflist).cniVersions, ["0.4.0", "1.0.0", "1.1.0"]);
}

Deno.test("install puts executable, links and conflist, and uninstall takes back just that", async () => {
  await using host = await makeHost();
  assertEquals((await host.run(RELEASE, "install")).code, 0);
  await assertComplete(host);
  assertEquals(Deno.statSync(`${host.bin}/fabric`).mode! & 0o777, 0o755);
  await Deno.writeTextFile(`${host.bin}/bridge`, "another plugin");
  assertEquals((await host.run(`${host.bin}/fabric`, "uninstall")).code, 0);
  assertEquals(host.files(), ["/opt/cni/bin/bridge"]);
});

Deno.test("install and uninstall may be repeated", async () => {
  await using host = await makeHost();
  for (const program of [RELEASE, RELEASE, `${host.bin}/fabric`]) {
    assertEquals((await host.run(program, "install")).code, 0);
    await assertComplete(host);
  }
  for (let times = 0; times < 2; times++) {
    assertEquals((await host.run(RELEASE, "uninstall")).code, 0);
    assertEquals(host.files(), []);
  }
});

Deno.test("install killed at any step harms nothing, and running it again completes it", async () => {
  for (const point of INSTALL_POINTS) {
    await using host = await makeHost();
    assertEquals((await host.runAt(point, "install")).code, 137, point);
    // A runtime that reads the configuration now must find a plugin that is whole.
    if (host.files().includes("/etc/cni/net.d/10-fabric.conflist")) {
      assertEquals((await call(`${host.bin}/fabric`, { args: ["version"] })).code, 0);
    }
    assertEquals((await host.run(RELEASE, "install")).code, 0, point);
    await assertComplete(host);
  }
});

Deno.test("install killed at any step can be taken back", async () => {
  for (const point of INSTALL_POINTS) {
    await using host = await makeHost();
    await host.runAt(point, "install");
    assertEquals((await host.run(RELEASE, "uninstall")).code, 0, point);
    assertEquals(host.files(), [], point);
  }
});

Deno.test("uninstall killed at any step is completed by the next", async () => {
  for (const point of UNINSTALL_POINTS) {
    await using host = await makeHost();
    assertEquals((await host.run(RELEASE, "install")).code, 0);
    assertEquals((await host.runAt(point, "uninstall")).code, 137, point);
    assertEquals(host.files().includes("/etc/cni/net.d/10-fabric.conflist"), false);
    assertEquals((await host.run(RELEASE, "uninstall")).code, 0, point);
    assertEquals(host.files(), [], point);
  }
});

Deno.test("an upgrade replaces an older version that is running, also when killed half way", async () => {
  for (const point of INSTALL_POINTS) {
    await using host = await makeHost();
    assertEquals((await host.run(RELEASE, "install")).code, 0);
    await using _running = await runLong(`${host.bin}/fabric`);
    assertEquals((await host.runAt(point, "install")).code, 137);
    const { code, stderr } = await host.run(WITH_FAULTS, "install");
    assertEquals({ code, stderr }, { code: 0, stderr: "" }, point);
    const same = await call("/usr/bin/cmp", { args: [`${host.bin}/fabric`, WITH_FAULTS] });
    assertEquals(same.code, 0);
    await assertComplete(host);
  }
});

/** Runs the program until the end of the test: it waits to install into a folder that we lock. */
async function runLong(program: string): Promise<AsyncDisposable> {
  const root = await Deno.makeTempDir({ dir: "/dev/shm" });
  const folder = await Deno.open(root);
  await folder.lock(true);
  const child = new Deno.Command(program, {
    args: ["install", "--bin-dir", root, "--conf-dir", `${root}/net.d`],
    stdout: "null",
    stderr: "null",
  }).spawn();
  return {
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await child.status;
      folder.close();
      await Deno.remove(root, { recursive: true });
    },
  };
}

Deno.test("a file that install did not put is neither replaced nor removed", async () => {
  for (
    const path of [
      "opt/cni/bin/fabric",
      "opt/cni/bin/fabric-ctl",
      "etc/cni/net.d/10-fabric.conflist",
    ]
  ) {
    await using host = await makeHost();
    const root = host.bin.replace(/\/opt\/cni\/bin$/, "");
    const file = `${root}/${path}`;
    await Deno.mkdir(file.slice(0, file.lastIndexOf("/")), { recursive: true });
    await Deno.writeTextFile(file, "somebody else's");
    const { code, stderr } = await host.run(RELEASE, "install");
    assertEquals(code, 1);
    assertStringIncludes(
      stderr,
      `${file} was not put by fabric install; move it away, or use --force`,
    );
    assertEquals(host.files(), [`/${path}`]);
    assertEquals((await host.run(RELEASE, "uninstall")).code, 0);
    assertEquals(await Deno.readTextFile(file), "somebody else's");
    assertEquals((await host.run(RELEASE, "install", "--force")).code, 0);
    await assertComplete(host);
  }
});

Deno.test("uninstall refuses a configuration that was changed since, and touches nothing", async () => {
  await using host = await makeHost();
  await host.run(RELEASE, "install");
  await Deno.writeTextFile(`${host.conf}/10-fabric.conflist`, "{}");
  const { code, stderr } = await host.run(RELEASE, "uninstall");
  assertEquals(code, 1);
  assertStringIncludes(stderr, "10-fabric.conflist was changed since fabric install put it");
  assertEquals(host.files(), INSTALLED);
  assertEquals((await host.run(RELEASE, "uninstall", "--force")).code, 0);
  assertEquals(host.files(), []);
});

Deno.test("another name for the configuration replaces the former one", async () => {
  await using host = await makeHost();
  await host.run(RELEASE, "install");
  await host.run(RELEASE, "install", "--conf-name", "05-pods.conflist", "--network-name", "pods");
  assertEquals(host.files()[0], "/etc/cni/net.d/05-pods.conflist");
  assertEquals(host.files().length, INSTALLED.length);
});

Deno.test("install says when the runtime would take another configuration first", async () => {
  await using host = await makeHost();
  await Deno.mkdir(host.conf, { recursive: true });
  await Deno.writeTextFile(`${host.conf}/05-bridge.conf`, "{}");
  const { code, stderr } = await host.run(RELEASE, "install");
  assertEquals(code, 0);
  assertStringIncludes(stderr, "05-bridge.conf comes first");
});

Deno.test("install refuses a folder that everybody may write to", async () => {
  await using host = await makeHost();
  await Deno.mkdir(host.bin, { recursive: true });
  for (
    const [path, mode] of [[host.bin, 0o777], [host.bin, 0o1777], [
      `${host.bin}/..`,
      0o777,
    ]] as const
  ) {
    await Deno.chmod(path, mode);
    const { code, stderr } = await host.run(RELEASE, "install");
    assertEquals(code, 1);
    assertMatch(stderr, /everybody may write to .*chmod o-w/);
    assertEquals(host.files(), []);
    await Deno.chmod(path, 0o755);
  }
});

Deno.test("four installs at once leave one complete installation", async () => {
  await using host = await makeHost();
  const ended = await Promise.all(Array.from({ length: 4 }, () => host.run(RELEASE, "install")));
  assertEquals(ended.map(({ code }) => code), ended.map(() => 0));
  await assertComplete(host);
});

Deno.test("a wrong command line ends with exit status 2 and names what is wrong", async () => {
  for (
    const args of [["--bin"], ["--bin-dir", "opt"], ["--conf-name", "../x.conflist"], ["more"]]
  ) {
    const { code, stderr } = await call(RELEASE, { args: ["install", ...args] });
    assertEquals(code, 2);
    assertMatch(stderr, /^fabric install: .*; /);
  }
  assertEquals((await call(RELEASE, { args: ["uninstall", "--help"] })).code, 0);
});
