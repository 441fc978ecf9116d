import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { loadConfig } from "../mod/config.ts";
import { FabricError } from "../mod/error.ts";
import { configure } from "./configure.ts";
import { parseConfigure } from "./configure_options.ts";

async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const CONFIG = `# of the cluster
zone: zone1 # of the hall

node: overridden
# Of the switch.
physicalNetworks:
  prod: { bridge: br-prod }
`;

Deno.test("configure() writes credentials and configuration, with the node's name", async () => {
  await inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/secret/..data`, { recursive: true });
    await Deno.writeTextFile(`${folder}/secret/etcd-ca.pem`, "CA");
    await Deno.writeTextFile(`${folder}/config`, CONFIG);
    const paths = await configure({
      config: `${folder}/config`,
      credentials: `${folder}/secret`,
      node: "node-7",
      to: `${folder}/to`,
    });
    assertEquals(paths, [`${folder}/to/etcd-ca.pem`, `${folder}/to/config.yaml`]);
    assertEquals(
      await Deno.readTextFile(`${folder}/to/config.yaml`),
      CONFIG.replace("overridden", "node-7"),
    );
    const modes = await Promise.all(paths.map(async (path) => (await Deno.stat(path)).mode));
    assertEquals(modes.map((mode) => (mode ?? 0) & 0o777), [0o600, 0o644]);
  });
});

Deno.test("configure() names the node in a configuration of every style", async () => {
  const styles: Readonly<Record<string, string>> = {
    "JSON": JSON.stringify({ zone: "z", node: "old", physicalNetworks: { p: { bridge: "b" } } }),
    "JSON on lines": JSON.stringify({ zone: "z", etcd: { prefix: "/p/" } }, null, 2),
    "flow": "{zone: z, physicalNetworks: {p: {bridge: b}}}",
    "quoted": `"zone": z\n"node": old\n`,
    "with a marker": "---\nzone: z\n",
    "only a comment": "# all is default\n",
    "nothing": "",
    "nothing, in a word": "null\n",
    "a long line": `log: {file: /var/log/fabric/${"a".repeat(200)}}  # kept\nzone: z\n`,
  };
  await inFolder(async (folder) => {
    for (const [style, text] of Object.entries(styles)) {
      const file = `${folder}/config`;
      await Deno.writeTextFile(file, text);
      const hostname = () => "host";
      const expected = { ...await loadConfig({ file, hostname }), node: "null" };
      await configure({ config: file, credentials: undefined, node: "null", to: folder });
      const to = `${folder}/config.yaml`;
      assertEquals(await loadConfig({ file: to, hostname }), expected, style);
      for (const [comment] of text.matchAll(/#.*/g)) {
        assertStringIncludes(await Deno.readTextFile(to), comment);
      }
    }
  });
});

Deno.test("configure() writes nothing when the configuration cannot be used", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/config`, "zoen: zone1\n");
    const attempt = () =>
      configure({
        config: `${folder}/config`,
        credentials: undefined,
        node: "n",
        to: `${folder}/to`,
      });
    const error = await assertRejects(attempt, FabricError);
    assertStringIncludes(error.message, "zoen");
    assertEquals(error.remedy?.includes("zone"), true);
    await assertRejects(() => Deno.stat(`${folder}/to`), Deno.errors.NotFound);
    await Deno.writeTextFile(`${folder}/config`, "zone: zone1\n");
    const nameless = { config: `${folder}/config`, credentials: undefined, node: undefined };
    const missing = await assertRejects(
      () => configure({ ...nameless, to: `${folder}/to` }),
      FabricError,
    );
    assertEquals(missing.field, "--node");
    for (const node of ["hall/7", "nöde", "n".repeat(300)]) {
      const error = await assertRejects(
        () => configure({ ...nameless, node, to: `${folder}/to` }),
        FabricError,
      );
      assertEquals([error.field, error.value], ["node", node]);
      assertStringIncludes(error.message, "--node");
      await assertRejects(() => Deno.stat(`${folder}/to`), Deno.errors.NotFound);
    }
  });
});

Deno.test("configure() refuses what the plugin may not write", async () => {
  const wrong = {
    "log: {file: /data/fabric.log}": ["log.file", "/data/fabric.log"],
    "log: {file: /dev/stderr}": ["log.file", "/dev/stderr"],
    "stateDir: /var/lib/fabric2": ["stateDir", "/var/lib/fabric2"],
    "stateDir: /var/lib/fabric/../x": ["stateDir", "/var/lib/fabric/../x"],
    "runDir: /tmp": ["runDir", "/tmp"],
    "log: {file: /var/log/fabric}": ["log.file", "/var/log/fabric"],
    "log: {file: /var/log/fabric/}": ["log.file", "/var/log/fabric/"],
    "log: {file: /run}": ["log.file", "/run"],
  };
  await inFolder(async (folder) => {
    const file = `${folder}/config`;
    const attempt = () =>
      configure({ config: file, credentials: undefined, node: "n", to: folder });
    for (const [text, [field, value]] of Object.entries(wrong)) {
      await Deno.writeTextFile(file, text);
      const error = await assertRejects(attempt, FabricError);
      assertEquals([error.field, error.value, error.kind], [field, value, "invalid"]);
      assertStringIncludes(error.remedy ?? "", "below /run, /var/lib/fabric or /var/log/fabric");
    }
    await Deno.writeTextFile(file, "stateDir: /run/fabric/state\nlog: {file: /run/fabric.log}\n");
    assertEquals(await attempt(), [`${folder}/config.yaml`]);
  });
});

Deno.test("parseConfigure() names the flag that cannot be used", () => {
  const faultOf = (...args: readonly string[]): string | undefined => {
    try {
      parseConfigure(args);
      return undefined;
    } catch (error) {
      return error instanceof FabricError ? error.field : "none";
    }
  };
  assertEquals(faultOf(), "--config");
  assertEquals(faultOf("--config", "relative"), "--config");
  assertEquals(faultOf("--config", "/a", "--to", "/a/../b"), "--to");
  assertEquals(faultOf("--config", "/a", "--nodes", "x"), "--nodes");
  assertEquals(faultOf("--config", "/a"), undefined);
});

Deno.test("configure() gives services the node's addresses, unless they are named", async () => {
  await inFolder(async (folder) => {
    const made = async (text: string) => {
      await Deno.writeTextFile(`${folder}/config`, text);
      await configure({
        config: `${folder}/config`,
        credentials: undefined,
        node: "node-7",
        nodeAddresses: ["192.0.2.7", "2001:db8::7"],
        to: `${folder}/to`,
      });
      const read = await loadConfig({ file: `${folder}/to/config.yaml`, hostname: () => "" });
      return read.services?.nodeAddresses;
    };
    const both = ["192.0.2.7", "2001:db8::7"];
    assertEquals(await made("services:\n  cidrs: [10.96.0.0/16]\n"), both);
    assertEquals(await made("services: {cidrs: [10.96.0.0/16]}\n"), both);
    const named = "services: {cidrs: [10.96.0.0/16], nodeAddresses: [192.0.2.9]}\n";
    assertEquals(await made(named), ["192.0.2.9"]);
    assertEquals(await made("zone: z\n"), undefined);
  });
});

Deno.test("parseConfigure() takes the node's addresses as Kubernetes gives them", () => {
  const options = parseConfigure(["--config=/c", "--node-addresses=192.0.2.7,2001:db8::7"]);
  assertEquals(options?.nodeAddresses, ["192.0.2.7", "2001:db8::7"]);
  assertThrows(
    () => parseConfigure(["--config=/c", "--node-addresses=node7"]),
    FabricError,
    "node7",
  );
});
