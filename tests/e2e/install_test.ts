/** `fabric install` and `fabric uninstall` by the executable; each step is in `cni/install_test.ts`. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { call, type Ended, RELEASE, WITH_FAULTS } from "../executable.ts";

interface Host extends AsyncDisposable {
  readonly bin: string;
  readonly conf: string;
  run(program: string, verb: "install" | "uninstall", fault?: string): Promise<Ended>;
  /** Every file below. */
  files(): readonly string[];
}

async function makeHost(): Promise<Host> {
  const root = await Deno.makeTempDir();
  const [bin, conf] = [`${root}/bin`, `${root}/net.d`];
  return {
    bin,
    conf,
    run: (program, verb, fault) =>
      call(program, {
        args: [verb, "--bin-dir", bin, ...(verb === "install" ? ["--conf-dir", conf] : [])],
        env: fault === undefined ? {} : { FABRIC_FAULT: `${fault}:kill` },
      }),
    files: () => walk(root).map((path) => path.slice(root.length + 1)).sort(),
    [Symbol.asyncDispose]: () => Deno.remove(root, { recursive: true }),
  };
}

function walk(folder: string): readonly string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) =>
    isDirectory ? walk(`${folder}/${name}`) : [`${folder}/${name}`]
  );
}

const INSTALLED = [
  "bin/.fabric-install.json",
  "bin/fabric",
  "bin/fabric-admin",
  "bin/fabric-ctl",
  "net.d/10-fabric.conflist",
];

Deno.test("the executable installs itself, also from where it is installed, and takes itself away", async () => {
  await using host = await makeHost();
  for (const program of [RELEASE, `${host.bin}/fabric`]) {
    const { code, stdout } = await host.run(program, "install");
    assertEquals(code, 0);
    assertStringIncludes(stdout, `installed ${host.bin}/fabric-admin\n`);
    assertEquals(host.files(), INSTALLED);
  }
  for (const name of ["fabric", "fabric-ctl", "fabric-admin"]) {
    const { stdout } = await call(`${host.bin}/${name}`, { args: ["version"] });
    assertEquals(stdout.split(" ")[0], name);
  }
  assertEquals((await host.run(`${host.bin}/fabric`, "uninstall")).code, 0);
  assertEquals(host.files(), []);
  assertMatch((await host.run(RELEASE, "uninstall")).stdout, /^nothing was installed into /);
});

Deno.test("the executable replaces an older version that is running, also when killed half way", async () => {
  await using host = await makeHost();
  assertEquals((await host.run(RELEASE, "install")).code, 0);
  await using _running = await runLong(`${host.bin}/fabric`);
  assertEquals((await host.run(WITH_FAULTS, "install", "install:before-rename")).code, 137);
  assertEquals((await call(`${host.bin}/fabric`, { args: ["version"] })).code, 0);
  const { code, stderr } = await host.run(WITH_FAULTS, "install");
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  assertEquals((await call("/usr/bin/cmp", { args: [`${host.bin}/fabric`, WITH_FAULTS] })).code, 0);
  assertEquals(host.files(), INSTALLED);
});

/** Runs the program until the end of the test: it waits to install into a folder that we lock. */
async function runLong(program: string): Promise<AsyncDisposable> {
  const root = await Deno.makeTempDir();
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

Deno.test("install refuses another's file with exit status 1 and the way out", async () => {
  await using host = await makeHost();
  await Deno.mkdir(host.bin);
  await Deno.writeTextFile(`${host.bin}/fabric`, "somebody else's");
  const { code, stderr } = await host.run(RELEASE, "install");
  assertEquals(code, 1);
  assertMatch(stderr, /fabric was not put by fabric install; move it away, or use --force/);
  assertEquals(host.files(), ["bin/fabric"]);
});

Deno.test("install says when the runtime would take another configuration first", async () => {
  await using host = await makeHost();
  await Deno.mkdir(host.conf);
  await Deno.writeTextFile(`${host.conf}/05-bridge.conf`, "{}");
  const { code, stderr } = await host.run(RELEASE, "install");
  assertEquals(code, 0);
  assertStringIncludes(stderr, "05-bridge.conf comes first");
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
