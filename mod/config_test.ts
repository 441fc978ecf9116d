import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { type Config, type ConfigSources, etcdOptions, loadConfig } from "./config.ts";
import { SETTINGS } from "./config_setting.ts";
import { FabricError } from "./error.ts";

async function withFile<T>(text: string, use: (file: string) => Promise<T>): Promise<T> {
  const dir = Deno.makeTempDirSync();
  try {
    Deno.writeTextFileSync(`${dir}/config.yaml`, text);
    return await use(`${dir}/config.yaml`);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

function load(text: string, sources: Partial<ConfigSources> = {}): Promise<Config> {
  return withFile(text, (file) => loadConfig({ file, hostname: () => "host-1", ...sources }));
}

async function faultOf(text: string, sources: Partial<ConfigSources> = {}): Promise<FabricError> {
  return await withFile(
    text,
    (file) =>
      assertRejects(
        () => loadConfig({ file, hostname: () => "h", ...sources }),
        FabricError,
      ).then((error) => {
        if (!(error instanceof FabricError)) throw error;
        return new FabricError(error.kind, error.message.replaceAll(file, "FILE"), {
          ...(error.field === undefined ? {} : { field: error.field }),
          ...(error.value === undefined ? {} : { value: error.value }),
          ...(error.remedy === undefined ? {} : { remedy: error.remedy }),
        });
      }),
  );
}

Deno.test("loadConfig() gives defaults to what is not set", async () => {
  const config = await load("");
  assertEquals(config, {
    cluster: "local",
    node: "host-1",
    zone: "default",
    defaultNetwork: [],
    physicalNetworks: {},
    etcd: { endpoints: ["http://127.0.0.1:2379"] },
    ovsdb: { socket: "/run/openvswitch/db.sock" },
    log: { level: "info", file: "/var/log/fabric/fabric.log", maxBytes: 10485760 },
    stateDir: "/var/lib/fabric",
    runDir: "/run/fabric",
    machineIdFile: "/etc/machine-id",
  });
});

Deno.test("loadConfig() reads the file, as YAML of any style and as JSON", async () => {
  const plain = await load(
    "zone: a\ndefaultNetwork: prod\nphysicalNetworks:\n  prod: {bridge: br-prod, create: true}\n",
  );
  const fancy = await load(
    "zone: &z a\ndefaultNetwork: [prod]\nphysicalNetworks:\n  ? prod\n  : bridge: !!str br-prod\n    create: true\n",
  );
  const json = await load(JSON.stringify({
    zone: "a",
    defaultNetwork: ["prod"],
    physicalNetworks: { prod: { bridge: "br-prod", create: true } },
  }));
  assertEquals(plain.defaultNetwork, ["prod"]);
  assertEquals(plain.physicalNetworks, { prod: { bridge: "br-prod", create: true } });
  assertEquals(fancy, plain);
  assertEquals(json, plain);
});

Deno.test("loadConfig() takes a flag before a variable, a variable before the file", async () => {
  const env = (name: string): string | undefined =>
    ({
      FABRIC_ZONE: "from-env",
      FABRIC_CLUSTER: "from-env",
      FABRIC_NODE: "",
      FABRIC_ETCD_ENDPOINTS: "http://10.0.0.1:2379, http://10.0.0.2:2379",
      FABRIC_PHYSICAL_NETWORKS: "prod=br0,dmz=br1",
      FABRIC_LOG_MAX_BYTES: "5000",
    })[name];
  const config = await load("cluster: from-file\nzone: from-file\nnode: from-file\n", {
    env,
    flags: { zone: "from-flag" },
  });
  assertEquals([config.zone, config.cluster, config.node], ["from-flag", "from-env", "from-file"]);
  assertEquals(config.etcd.endpoints, ["http://10.0.0.1:2379", "http://10.0.0.2:2379"]);
  assertEquals(config.physicalNetworks, {
    prod: { bridge: "br0", create: false },
    dmz: { bridge: "br1", create: false },
  });
  assertEquals(config.log.maxBytes, 5000);
});

Deno.test("loadConfig() refuses what it does not know, and names the nearest field", async () => {
  const top = await faultOf("zones: a\n");
  assertEquals(top.message, "Cannot use FILE: unknown field zones");
  assertStringIncludes(top.remedy ?? "", "did you mean zone;");
  const inner = await faultOf("etcd:\n  endpoint: http://x:1\n");
  assertEquals(inner.field, "etcd.endpoint");
  assertStringIncludes(inner.remedy ?? "", "did you mean endpoints;");
  const bridge = await faultOf("physicalNetworks:\n  prod: {bridge: br0, uplnk: eth1}\n");
  assertEquals(bridge.field, "physicalNetworks.prod.uplnk");
  assertStringIncludes(bridge.remedy ?? "", "did you mean uplink;");
});

Deno.test("loadConfig() never repeats a secret that stands in the file by mistake", async () => {
  const error = await faultOf("etcd:\n  user: root\n  password: hunter2\n");
  assertEquals(`${error.message} ${error.remedy} ${error.value}`.includes("hunter2"), false);
  assertStringIncludes(error.remedy ?? "", "etcd.passwordFile");
});

Deno.test("loadConfig() names source, field, value and remedy of what it cannot use", async () => {
  const cases: readonly (readonly [string, string, string])[] = [
    [
      "zone: [a]\n",
      "zone",
      "Cannot use zone of FILE: it is not text",
    ],
    [
      "node: a b\n",
      "node",
      'Cannot use node "a b" of FILE: it is not a name',
    ],
    [
      "etcd:\n  endpoints: [http://10.0.0.1:2379, 10.0.0.2]\n",
      "etcd.endpoints[1]",
      'Cannot use etcd.endpoints[1] "10.0.0.2" of FILE: it is not an address such as https://10.0.0.1:2379',
    ],
    [
      "etcd:\n  endpoints: []\n",
      "etcd.endpoints",
      "Cannot use etcd.endpoints of FILE: it is empty",
    ],
    [
      "etcd:\n  prefix: fabric\n",
      "etcd.prefix",
      'Cannot use etcd.prefix "fabric" of FILE: it does not begin and end with /',
    ],
    [
      "physicalNetworks:\n  prod: {uplink: eth1}\n",
      "physicalNetworks.prod.bridge",
      "Cannot use FILE: physicalNetworks.prod.bridge is missing",
    ],
    [
      "physicalNetworks:\n  prod: {bridge: a-name-of-20-letters}\n",
      "physicalNetworks.prod.bridge",
      'Cannot use physicalNetworks.prod.bridge "a-name-of-20-letters" of FILE: it is no name of a device (1 to 15 characters)',
    ],
    [
      "physicalNetworks:\n  prod: br0\n",
      "physicalNetworks.prod",
      'Cannot use physicalNetworks.prod "br0" of FILE: it is not a mapping with the field bridge',
    ],
    [
      "log:\n  maxBytes: 1\n",
      "log.maxBytes",
      'Cannot use log.maxBytes "1" of FILE: it is under 4096',
    ],
    [
      "log:\n  level: loud\n",
      "log.level",
      'Cannot use log.level "loud" of FILE: it is none of trace, debug, info, warning, error, fatal',
    ],
    [
      "stateDir: var\n",
      "stateDir",
      'Cannot use stateDir "var" of FILE: it is not an absolute path',
    ],
    [
      "defaultNetwork: {a: b}\n",
      "defaultNetwork",
      "Cannot use defaultNetwork of FILE: it is neither a name nor a list",
    ],
    [
      "defaultNetwork: [prod, a b]\n",
      "defaultNetwork[1]",
      'Cannot use defaultNetwork[1] "a b" of FILE: it is not a name',
    ],
    [
      "etcd:\n  certFile: /a\n",
      "etcd.keyFile",
      "Cannot use etcd.certFile of FILE: etcd.keyFile is missing",
    ],
    ["- a\n", "", "Cannot use FILE: it is a list, not a mapping"],
    ["etcd: [a]\n", "etcd", "Cannot use etcd of FILE: it is a list, not a mapping"],
    ["word\n", "", "Cannot use FILE: it is not a mapping"],
  ];
  for (const [text, field, message] of cases) {
    const error = await faultOf(text);
    assertEquals([error.kind, error.field, error.message], ["invalid", field, message]);
    assertEquals(error.remedy === undefined, false, text);
  }
});

Deno.test("loadConfig() reads the way of Services, and refuses ranges that are none", async () => {
  assertEquals((await load("services: {cidrs: [10.96.0.0/16, 'fd00:96::/112']}\n")).services, {
    cidrs: ["10.96.0.0/16", "fd00:96::/112"],
    viaNode: [],
  });
  assertEquals((await load("zone: a\n")).services, undefined);
  // What is compared with the kernel's is written as the kernel writes it.
  const other =
    "{cidrs: ['FD00:0096::/112'], nodeAddresses: ['2001:DB8:0::7'], viaNode: ['FD00:0:0::/48']}";
  assertEquals((await load(`services: ${other}\n`)).services, {
    cidrs: ["fd00:96::/112"],
    nodeAddresses: ["2001:db8::7"],
    viaNode: ["fd00::/48"],
  });
  const by = await load("", {
    env: (name) => name === "FABRIC_SERVICES_CIDRS" ? "10.96.0.0/16" : undefined,
    flags: { "services-node-addresses": "192.0.2.7,2001:db8::7" },
  });
  assertEquals(by.services?.nodeAddresses, ["192.0.2.7", "2001:db8::7"]);
  const faults = [
    ["services: {}", "Cannot use FILE: services.cidrs is missing"],
    ["services: {cidrs: []}", "Cannot use services.cidrs of FILE: it is empty"],
    [
      "services: {cidrs: [10.96.0.5/16]}",
      'Cannot use services.cidrs[0] "10.96.0.5/16" of FILE: it is not a CIDR such as 10.96.0.0/16, ' +
      "with no bit set behind its length",
    ],
    [
      "services: {cidrs: [10.96.0.0/16], nodeAddresses: [node7]}",
      'Cannot use services.nodeAddresses[0] "node7" of FILE: it is not an IP address',
    ],
    ["services: {cidr: [10.96.0.0/16]}", "Cannot use FILE: services.cidrs is missing"],
    [
      "services: {cidrs: [10.96.0.0/16], vianode: []}",
      "Cannot use FILE: unknown field services.vianode",
    ],
  ] as const;
  for (const [text, message] of faults) assertEquals((await faultOf(text)).message, message);
});

Deno.test("loadConfig() names the variable or the flag where the fault is there", async () => {
  const variable = await faultOf("", {
    env: (name) => name === "FABRIC_ETCD_ENDPOINTS" ? "ftp://x" : undefined,
  });
  assertStringIncludes(variable.message, '"ftp://x" of FABRIC_ETCD_ENDPOINTS');
  const flag = await faultOf("", { flags: { "physical-networks": "prod" } });
  assertEquals(flag.message, 'Cannot use --physical-networks: "prod" names no bridge');
});

Deno.test("loadConfig() says what is wrong with the YAML, and on which line", async () => {
  const error = await faultOf("zone: a\netcd: [\n");
  assertStringIncludes(error.message, "Cannot read the configuration FILE, line ");
});

Deno.test("loadConfig() insists on a file that was named, and not on the default one", async () => {
  const missing = await assertRejects(
    () => loadConfig({ file: "/nonexistent/config.yaml", hostname: () => "h" }),
    FabricError,
    "there is no such file",
  );
  assertEquals(missing instanceof FabricError ? missing.kind : "", "invalid");
});

Deno.test("every setting says the same in file, variable and flag", () => {
  for (const { field, variable, flag } of SETTINGS) {
    const words = field.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`).replaceAll(".", "-");
    assertEquals(flag, words);
    assertEquals(variable, `FABRIC_${words.toUpperCase().replaceAll("-", "_")}`);
  }
});

Deno.test("etcdOptions() hands over what is set and leaves out what is not", async () => {
  const plain = etcdOptions(await load("runDir: /run/f\n"));
  assertEquals(plain, {
    endpoints: ["http://127.0.0.1:2379"],
    tokenFile: "/run/f/etcd/token",
    firstEndpoint: 0,
  });
  const full = etcdOptions(
    await load(
      "etcd: {endpoints: ['https://a:1', 'https://b:1'], prefix: /x/, caFile: /ca, user: u, passwordFile: /p}\n",
    ),
  );
  assertEquals(full.tls, { caFile: "/ca" });
  assertEquals(full.auth, { user: "u", passwordFile: "/p" });
  assertEquals(full.prefix, "/x/");
});

Deno.test("loadConfig() does not repeat a password that somebody wrote into a URL", async () => {
  const { message, value, field } = await faultOf("etcd: {endpoints: ['https://u:word@a:2379']}\n");
  assertEquals([field, value], ["etcd.endpoints[0]", "...@a:2379"]);
  assertEquals(message.includes("word"), false, message);
});
