import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { FabricError } from "../mod/error.ts";
import { formatAddress } from "../mod/ip/address.ts";
import { cniCode } from "./error_code.ts";
import { type AddRequest, type CniRequest, parseRequest } from "./request.ts";

const ENV = {
  CNI_COMMAND: "ADD",
  CNI_CONTAINERID: "c1",
  CNI_NETNS: "/run/netns/c1",
  CNI_IFNAME: "eth0",
  CNI_PATH: "/opt/cni/bin",
};

const CONF = { cniVersion: "1.1.0", name: "fabric", type: "fabric" };

function parse(env: Readonly<Record<string, string>>, conf: unknown): CniRequest {
  const all: Readonly<Record<string, string>> = { ...ENV, ...env };
  return parseRequest((name) => all[name], typeof conf === "string" ? conf : JSON.stringify(conf));
}

function add(conf: object, args = ""): AddRequest {
  const request = parse({ CNI_ARGS: args }, { ...CONF, ...conf });
  if (request.verb !== "ADD") throw new Error(`it is a ${request.verb}`);
  return request;
}

function faultOf(env: Readonly<Record<string, string>>, conf: unknown): FabricError {
  const error = assertThrows(() => parse(env, conf), FabricError);
  if (!(error instanceof FabricError)) throw error;
  return error;
}

function codeOf(env: Readonly<Record<string, string>>, conf: unknown = CONF): number {
  return cniCode(faultOf(env, conf));
}

Deno.test("parseRequest() reads an ADD with everything that a runtime may say", () => {
  const request = add({
    config: "/etc/fabric/other.yaml",
    network: ["prod", "dmz"],
    runtimeConfig: {
      IPs: ["10.0.0.5/24", "2001:db8::5"],
      mac: "0A-58-0A-00-00-05",
      bandwidth: { IngressRate: 1_000_000, IngressBurst: 4294967295, egressRate: 2_000_000 },
      dns: { Servers: ["10.0.0.2"], Searches: ["example.org"], Options: ["ndots:2"] },
    },
    somethingElse: { of: "another plugin" },
  }, "IgnoreUnknown=1;K8S_POD_NAMESPACE=ns;K8S_POD_NAME=web-0;K8S_POD_UID=u1;X=y");
  assertEquals(request.sandbox, { containerId: "c1", ifname: "eth0", netns: "/run/netns/c1" });
  assertEquals(request.conf.config, "/etc/fabric/other.yaml");
  assertEquals(request.pod, { namespace: "ns", name: "web-0", uid: "u1" });
  const { wanted } = request;
  assertEquals(wanted.confNetworks, ["prod", "dmz"]);
  assertEquals(wanted.addresses.map(formatAddress), ["10.0.0.5", "2001:db8::5"]);
  assertEquals(wanted.mac, "0a:58:0a:00:00:05");
  assertEquals(wanted.bandwidth, { ingress: 1_000_000, egress: 2_000_000 });
  assertEquals(wanted.dns, {
    nameservers: ["10.0.0.2"],
    search: ["example.org"],
    options: ["ndots:2"],
  });
  assertEquals(wanted.defaultRoute, undefined);
  assertEquals(request.previous, undefined);
});

Deno.test("parseRequest() takes a name without a namespace, as podman gives it, for no pod", () => {
  assertEquals(add({}, "IgnoreUnknown=1;K8S_POD_NAME=web").pod, undefined);
});

Deno.test("parseRequest() takes what nobody asked for as not asked for", () => {
  const { wanted, pod } = add({
    network: null,
    dns: {},
    runtimeConfig: { ips: [], mac: "", bandwidth: { ingressRate: 0 }, dns: {} },
    args: null,
  });
  assertEquals(pod, undefined);
  assertEquals(wanted, {
    networks: [],
    confNetworks: [],
    addresses: [],
    mac: undefined,
    bandwidth: { ingress: undefined, egress: undefined },
    dns: undefined,
    defaultRoute: undefined,
  });
});

Deno.test("parseRequest() takes the network of the sandbox before that of the conflist", () => {
  assertEquals(add({ network: "a" }).wanted.confNetworks, ["a"]);
  assertEquals(add({ network: "a" }, "FABRIC_NETWORK=b,c").wanted.networks, ["b", "c"]);
  const args = { cni: { network: "d" } };
  assertEquals(add({ network: "a", args }, "FABRIC_NETWORK=b").wanted.networks, ["d"]);
});

Deno.test("parseRequest() takes addresses and MAC of the runtime, then args.cni, then CNI_ARGS", () => {
  const args = { cni: { ips: ["10.0.0.2"], mac: "0a:00:00:00:00:02" } };
  const environment = "IP=10.0.0.3;MAC=0a:00:00:00:00:03";
  const runtimeConfig = { ips: ["10.0.0.1"], mac: "0a:00:00:00:00:01" };
  const asked = (conf: object) => {
    const { addresses, mac } = add(conf, environment).wanted;
    return [addresses.map(formatAddress).join(), mac];
  };
  assertEquals(asked({ args, runtimeConfig }), ["10.0.0.1", "0a:00:00:00:00:01"]);
  assertEquals(asked({ args }), ["10.0.0.2", "0a:00:00:00:00:02"]);
  assertEquals(asked({}), ["10.0.0.3", "0a:00:00:00:00:03"]);
});

Deno.test("parseRequest() hears who is to have the default route", () => {
  assertEquals(add({ defaultRoute: false }).wanted.defaultRoute, false);
  const args = { cni: { defaultRoute: true } };
  assertEquals(add({ defaultRoute: false, args }).wanted.defaultRoute, true);
});

Deno.test("parseRequest() requires of each verb its own variables", () => {
  const without = (verb: string, ...names: readonly string[]) => ({
    CNI_COMMAND: verb,
    ...Object.fromEntries(names.map((name) => [name, ""])),
  });
  for (const verb of ["ADD", "CHECK", "DEL"]) {
    for (const name of ["CNI_CONTAINERID", "CNI_IFNAME"]) {
      const error = faultOf(without(verb, name), CONF);
      assertEquals([cniCode(error), error.field], [4, name]);
    }
  }
  const all = faultOf(without("ADD", "CNI_CONTAINERID", "CNI_IFNAME", "CNI_NETNS"), CONF);
  assertEquals(all.message, "ADD needs CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME in the environment");
  assertEquals(codeOf(without("ADD", "CNI_NETNS")), 4);
  assertEquals(parse(without("DEL", "CNI_NETNS"), CONF).verb, "DEL");
  assertEquals(codeOf(without("GC", "CNI_PATH")), 4);
  const none = ["CNI_CONTAINERID", "CNI_IFNAME", "CNI_NETNS", "CNI_PATH"];
  assertEquals(parse(without("STATUS", ...none), CONF).verb, "STATUS");
  assertEquals(parse(without("VERSION", ...none), "").verb, "VERSION");
  assertEquals(codeOf({ CNI_COMMAND: "" }), 4);
  assertEquals(codeOf({ CNI_COMMAND: "add" }), 4);
});

Deno.test("parseRequest() refuses names of containers and interfaces that the specification forbids", () => {
  for (const id of ["-a", ".a", "a/b", "a b", "ä"]) {
    assertEquals(codeOf({ CNI_CONTAINERID: id }), 4, id);
  }
  for (const name of ["0123456789abcdef", "a/b", "a:b", "a b", "a\tb", ".", "..", "ääääääää"]) {
    assertEquals(codeOf({ CNI_IFNAME: name }), 4, name);
    assertEquals(codeOf({ CNI_IFNAME: name, CNI_COMMAND: "DEL" }), 4, name);
  }
  const fine = parse({ CNI_IFNAME: "0123456789abcde", CNI_CONTAINERID: "0_a.B-c" }, CONF);
  assertEquals(fine.verb, "ADD");
});

Deno.test("parseRequest() speaks all versions from 0.3.0 to 1.1.0, and no other", () => {
  for (const cniVersion of ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]) {
    assertEquals(parse({}, { ...CONF, cniVersion }).verb, "ADD");
  }
  for (const cniVersion of ["0.1.0", "0.2.0", "0.5.0", "1.2.0", "2.0.0", "", null, "one"]) {
    assertEquals(codeOf({}, { ...CONF, cniVersion }), 1, String(cniVersion));
  }
  assertEquals(codeOf({ CNI_COMMAND: "CHECK" }, { ...CONF, cniVersion: "0.3.1" }), 1);
  assertEquals(codeOf({ CNI_COMMAND: "GC" }, { ...CONF, cniVersion: "1.0.0" }), 1);
  assertEquals(codeOf({ CNI_COMMAND: "STATUS" }, { ...CONF, cniVersion: "1.0.0" }), 1);
});

Deno.test("parseRequest() tells a conf that is no JSON from one that cannot be used", () => {
  for (const conf of ["", "{", "[]", "null", "1"]) assertEquals(codeOf({}, conf), 6, conf);
  const unusable = [
    { name: "" },
    { name: "-a" },
    { name: "a/b" },
    { network: 3 },
    { network: [3] },
    { config: "relative.yaml" },
    { defaultRoute: "yes" },
    { runtimeConfig: { ips: ["10.0.0.256"] } },
    { runtimeConfig: { ips: { a: 1 } } },
    { runtimeConfig: { mac: "0a" } },
    { runtimeConfig: { mac: 1 } },
    { runtimeConfig: { bandwidth: 5 } },
    { runtimeConfig: { bandwidth: { ingressRate: -1 } } },
    { runtimeConfig: { bandwidth: { ingressRate: 100 } } },
    { runtimeConfig: { dns: { servers: [1] } } },
    { args: { cni: { defaultRoute: 1 } } },
  ];
  for (const part of unusable) {
    assertEquals(codeOf({}, { ...CONF, ...part }), 7, JSON.stringify(part));
  }
  const error = faultOf({}, { ...CONF, runtimeConfig: { ips: ["10.0.0.1", "10.0.0.010"] } });
  assertEquals([error.field, error.value], ["runtimeConfig.ips[1]", "10.0.0.010"]);
  assertStringIncludes(error.remedy ?? "", "did you mean 10.0.0.10");
});

Deno.test("parseRequest() refuses CNI_ARGS that it does not understand, unless told not to mind", () => {
  assertEquals(codeOf({ CNI_ARGS: "FOO=bar" }), 4);
  assertEquals(codeOf({ CNI_ARGS: "FOO" }), 4);
  assertEquals(codeOf({ CNI_ARGS: "IP=nonsense" }), 4);
  assertEquals(parse({ CNI_ARGS: "FOO=bar;IgnoreUnknown=true;" }, CONF).verb, "ADD");
  assertEquals(parse({ CNI_ARGS: "FOO", CNI_COMMAND: "DEL" }, CONF).verb, "DEL");
});

Deno.test("parseRequest() reads a prevResult for ADD and CHECK, and never minds it for DEL", () => {
  const prevResult = { ips: [{ version: "4", address: "10.0.0.5/24", interface: 0 }], extra: 1 };
  assertEquals(add({ prevResult }).previous?.ips, prevResult.ips);
  assertEquals(codeOf({}, { ...CONF, prevResult: { ips: "x" } }), 6);
  assertEquals(codeOf({ CNI_COMMAND: "CHECK" }), 7);
  assertEquals(parse({ CNI_COMMAND: "CHECK" }, { ...CONF, prevResult }).verb, "CHECK");
  const del = { ...CONF, prevResult: { ips: "x" }, runtimeConfig: { ips: ["?"] } };
  assertEquals(parse({ CNI_COMMAND: "DEL" }, del).verb, "DEL");
});

Deno.test("parseRequest() reads what GC may not touch, under both names of the key", () => {
  const list = [{ containerID: "a", ifname: "eth0" }];
  const valid = [{ containerId: "a", ifname: "eth0" }];
  const gc = (conf: object) => {
    const request = parse({ CNI_COMMAND: "GC" }, { ...CONF, ...conf });
    return request.verb === "GC" ? request.valid : undefined;
  };
  assertEquals(gc({ "cni.dev/valid-attachments": list }), valid);
  assertEquals(gc({ "cni.dev/attachments": list }), valid);
  assertEquals(gc({ "cni.dev/valid-attachments": list, "cni.dev/attachments": [] }), valid);
  assertEquals(gc({ "cni.dev/valid-attachments": null }), []);
  assertEquals(codeOf({ CNI_COMMAND: "GC" }), 7);
  assertEquals(codeOf({ CNI_COMMAND: "GC" }, { ...CONF, "cni.dev/valid-attachments": [1] }), 7);
});

Deno.test("parseRequest() answers VERSION whatever stands on standard input", () => {
  const version = (stdin: string) => {
    const request = parse({ CNI_COMMAND: "VERSION" }, stdin);
    return request.verb === "VERSION" ? request.cniVersion : "none";
  };
  assertEquals(version('{"cniVersion":"0.4.0"}'), "0.4.0");
  assertEquals(version("{}"), undefined);
  assertEquals(version("not JSON"), undefined);
});
