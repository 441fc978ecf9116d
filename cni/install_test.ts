import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import config from "../deno.json" with { type: "json" };
import { FabricError } from "../mod/error.ts";
import { conflistText, install } from "./install.ts";
import type { InstallOptions } from "./install_options.ts";
import { uninstall } from "./uninstall.ts";

/** A host with a small program in the place of the executable. */
interface Host extends AsyncDisposable {
  readonly root: string;
  readonly options: InstallOptions;
  readonly executable: string;
  /** Every file below the two folders. */
  files(): readonly string[];
}

async function makeHost(): Promise<Host> {
  const root = await Deno.makeTempDir();
  const executable = `${root}/program`;
  await Deno.writeTextFile(executable, "#!/bin/sh\necho one\n", { mode: 0o755 });
  const target = `${root}/host`;
  await Deno.mkdir(target);
  return {
    root,
    executable,
    options: {
      binDir: `${target}/opt/cni/bin`,
      confDir: `${target}/etc/cni/net.d`,
      confName: "10-fabric.conflist",
      networkName: "fabric",
      config: "/etc/fabric/config.yaml",
      force: false,
    },
    files: () => walk(target).map((path) => path.slice(target.length)).sort(),
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

/** Runs `install` or `uninstall` in a process that is killed at the fault point. */
async function killedAt(point: string, verb: "install" | "uninstall", host: Host): Promise<void> {
  const here = new URL(".", import.meta.url);
  const imports = Object.entries(config.imports).map(([name, target]) =>
    [name, target.startsWith("./") ? new URL(`../${target}`, here).href : target] as const
  );
  const map = {
    ...Object.fromEntries(imports),
    "fabric/fault": new URL("../mod/fault_on.ts", here).href,
  };
  await Deno.writeTextFile(`${host.root}/imports.json`, JSON.stringify({ imports: map }));
  await Deno.writeTextFile(
    `${host.root}/run.ts`,
    `import { ${verb} } from ${JSON.stringify(new URL(`${verb}.ts`, here).href)};
     await ${verb}(...JSON.parse(Deno.args[0]));`,
  );
  const { signal } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "--quiet", "--no-check", "--no-config", "--cached-only", "--frozen"],
      `--lock=${new URL("../deno.lock", here).pathname}`,
      `--import-map=${host.root}/imports.json`,
      `${host.root}/run.ts`,
      JSON.stringify([host.options, { executable: host.executable }]),
    ],
    env: { FABRIC_FAULT: `${point}:kill` },
    stderr: "inherit",
  }).output();
  assertEquals(signal, "SIGKILL", point);
}

Deno.test("install() puts executable, links and conflist, and uninstall() takes back just that", async () => {
  await using host = await makeHost();
  await install(host.options, host);
  assertEquals(host.files(), INSTALLED);
  const { binDir } = host.options;
  assertEquals(Deno.statSync(`${binDir}/fabric`).mode! & 0o777, 0o755);
  assertEquals(Deno.readLinkSync(`${binDir}/fabric-admin`), "fabric");
  await Deno.writeTextFile(`${binDir}/bridge`, "another plugin");
  assertEquals((await uninstall(host.options))?.length, 4);
  assertEquals(host.files(), ["/opt/cni/bin/bridge"]);
});

Deno.test("uninstall() removes the folders that install() made, and no others", async () => {
  await using host = await makeHost();
  const before = `${host.root}/host/opt`;
  await Deno.mkdir(before);
  await install(host.options, host);
  await uninstall(host.options);
  assertEquals([...Deno.readDirSync(`${host.root}/host`)].map(({ name }) => name), ["opt"]);
  assertEquals([...Deno.readDirSync(before)], []);
});

Deno.test("install() and uninstall() may be repeated", async () => {
  await using host = await makeHost();
  await install(host.options, host);
  await install(host.options, host);
  assertEquals(host.files(), INSTALLED);
  assertEquals((await uninstall(host.options))?.length, 4);
  assertEquals(await uninstall(host.options), undefined);
});

Deno.test("install() killed at any step is completed by the next", async () => {
  for (const point of INSTALL_POINTS) {
    await using host = await makeHost();
    await killedAt(point, "install", host);
    // A runtime that reads the configuration now must find a plugin that is whole.
    const files = host.files();
    assertEquals(files.includes(INSTALLED[0] ?? ""), point === "install:after-conflist");
    await install(host.options, host);
    assertEquals(host.files(), INSTALLED, point);
  }
});

Deno.test("install() killed at any step of an upgrade is completed by the next, or taken back", async () => {
  for (const point of INSTALL_POINTS) {
    for (const then of ["install", "uninstall"]) {
      await using host = await makeHost();
      await install(host.options, host);
      await Deno.writeTextFile(host.executable, "#!/bin/sh\necho two\n");
      await killedAt(point, "install", host);
      const { stdout } = await new Deno.Command(`${host.options.binDir}/fabric`).output();
      const half = new TextDecoder().decode(stdout).trim();
      const renamed = INSTALL_POINTS.indexOf(point) > 1;
      assertEquals(half, renamed ? "two" : "one", point);
      if (then === "install") await install(host.options, host);
      else await uninstall(host.options);
      assertEquals(host.files(), then === "install" ? INSTALLED : [], point);
    }
  }
});

Deno.test("install() killed at any step can be taken back", async () => {
  for (const point of INSTALL_POINTS) {
    await using host = await makeHost();
    await killedAt(point, "install", host);
    await uninstall(host.options);
    assertEquals(host.files(), [], point);
  }
});

Deno.test("uninstall() killed at any step is completed by the next", async () => {
  for (const point of UNINSTALL_POINTS) {
    await using host = await makeHost();
    await install(host.options, host);
    await killedAt(point, "uninstall", host);
    assertEquals(host.files().includes(INSTALLED[0] ?? ""), false);
    await uninstall(host.options);
    assertEquals(host.files(), [], point);
  }
});

Deno.test("install() refuses to replace what it did not put, and changes nothing", async () => {
  const foreign = [
    "/opt/cni/bin/fabric",
    "/opt/cni/bin/fabric-ctl",
    "/etc/cni/net.d/10-fabric.conflist",
  ];
  for (const path of foreign) {
    await using host = await makeHost();
    const file = `${host.root}/host${path}`;
    await Deno.mkdir(file.slice(0, file.lastIndexOf("/")), { recursive: true });
    await Deno.writeTextFile(file, "somebody else's");
    const error = await assertRejects(() => install(host.options, host), FabricError);
    assertEquals(error.kind, "conflict");
    assertEquals(error.message, `${file} was not put by fabric install`);
    assertEquals(host.files(), [path]);
    assertEquals(await uninstall(host.options), undefined);
    await install({ ...host.options, force: true }, host);
    assertEquals(host.files(), INSTALLED);
  }
});

Deno.test("install() and uninstall() refuse a configuration that was changed since", async () => {
  await using host = await makeHost();
  await install(host.options, host);
  const conflist = `${host.options.confDir}/10-fabric.conflist`;
  await Deno.writeTextFile(conflist, "{}");
  for (const verb of [() => install(host.options, host), () => uninstall(host.options)]) {
    const error = await assertRejects(verb, FabricError);
    assertEquals(error.message, `${conflist} was changed since fabric install put it`);
  }
  assertEquals(host.files(), INSTALLED);
  await uninstall({ ...host.options, force: true });
  assertEquals(host.files(), []);
});

Deno.test("install() under another name of the configuration removes the former one", async () => {
  await using host = await makeHost();
  await install(host.options, host);
  await install({ ...host.options, confName: "05-pods.conflist" }, host);
  assertEquals(host.files(), ["/etc/cni/net.d/05-pods.conflist", ...INSTALLED.slice(1)]);
  await uninstall(host.options);
  assertEquals(host.files(), []);
});

Deno.test("install() refuses a folder that everybody may write to, and names it", async () => {
  await using host = await makeHost();
  const { binDir } = host.options;
  await Deno.mkdir(binDir, { recursive: true });
  const above = binDir.replace(/\/bin$/, "");
  for (const [path, mode] of [[binDir, 0o777], [binDir, 0o1777], [above, 0o777]] as const) {
    await Deno.chmod(path, mode);
    const error = await assertRejects(() => install(host.options, host), FabricError);
    assertEquals([error.kind, error.field], ["invalid", path]);
    assertStringIncludes(error.remedy ?? "", `chmod o-w ${path}`);
    await Deno.chmod(path, 0o755);
  }
  assertEquals(host.files(), []);
  // Below a sticky folder, what is ours stays ours.
  await Deno.chmod(above, 0o1777);
  await install(host.options, host);
});

Deno.test("installs at the same time leave one complete installation", async () => {
  await using host = await makeHost();
  await Promise.all(Array.from({ length: 8 }, () => install(host.options, host)));
  assertEquals(host.files(), INSTALLED);
});

Deno.test("conflistText() offers old and new versions, and asks for what the plugin can do", () => {
  const conflist: unknown = JSON.parse(conflistText({ networkName: "pods", config: "/x.yaml" }));
  assertEquals(conflist, {
    cniVersion: "1.0.0",
    cniVersions: ["0.4.0", "1.0.0", "1.1.0"],
    name: "pods",
    plugins: [{
      type: "fabric",
      config: "/x.yaml",
      capabilities: { ips: true, mac: true, bandwidth: true, dns: true },
    }],
  });
});

Deno.test("install() chains portmap where it lies beside us and the node has services", async () => {
  await using host = await makeHost();
  const options = { ...host.options, config: `${host.root}/config.yaml` };
  const chained = async () => {
    await install(options, host);
    const text = await Deno.readTextFile(`${options.confDir}/${options.confName}`);
    return [...text.matchAll(/"type": "(\w+)"/g)].map(([, type]) => type);
  };
  await Deno.mkdir(options.binDir, { recursive: true });
  await Deno.writeTextFile(options.config, "services: {cidrs: [10.96.0.0/16]}\n");
  assertEquals(await chained(), ["fabric"]);
  await Deno.writeTextFile(`${options.binDir}/portmap`, "#!/bin/sh\n", { mode: 0o755 });
  assertEquals(await chained(), ["fabric", "portmap"]);
  await Deno.writeTextFile(options.config, "zone: zone1\n");
  assertEquals(await chained(), ["fabric"]);
});
