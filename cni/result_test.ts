import { assertEquals, assertThrows } from "@std/assert";
import { FabricError } from "../mod/error.ts";
import { chainResult, type CniResult, formatResult, parseResult } from "./result.ts";
import type { SpecVersion } from "./spec_version.ts";

const RESULT: CniResult = {
  interfaces: [
    { name: "fbhost", mac: "0a:00:00:00:00:01", mtu: 1500 },
    { name: "eth0", mac: "0a:58:0a:00:00:05", mtu: 1500, sandbox: "/run/netns/c1" },
  ],
  ips: [
    { address: "10.0.0.5/24", gateway: "10.0.0.1", interface: 1 },
    { address: "2001:db8::5/64", interface: 1 },
  ],
  routes: [
    { dst: "0.0.0.0/0", gw: "10.0.0.1" },
    { dst: "10.9.0.0/16", gw: "10.0.0.1", table: 100 },
  ],
  dns: { nameservers: ["10.0.0.2"] },
};

function formatted(version: SpecVersion): Record<string, unknown> {
  return JSON.parse(formatResult(RESULT, version));
}

Deno.test("formatResult() gives addresses their family until 0.4.0 and not after", () => {
  for (const version of ["0.3.0", "0.3.1", "0.4.0"] as const) {
    assertEquals(formatted(version)["ips"], [
      { version: "4", address: "10.0.0.5/24", gateway: "10.0.0.1", interface: 1 },
      { version: "6", address: "2001:db8::5/64", interface: 1 },
    ]);
  }
  assertEquals(formatted("1.0.0")["ips"], RESULT.ips);
  assertEquals(formatted("1.1.0")["ips"], RESULT.ips);
});

Deno.test("formatResult() tells MTU and tables from 1.1.0 on", () => {
  assertEquals(formatted("1.1.0")["interfaces"], RESULT.interfaces);
  assertEquals(formatted("1.1.0")["routes"], RESULT.routes);
  assertEquals(formatted("1.0.0")["interfaces"], [
    { name: "fbhost", mac: "0a:00:00:00:00:01" },
    { name: "eth0", mac: "0a:58:0a:00:00:05", sandbox: "/run/netns/c1" },
  ]);
  assertEquals(formatted("1.0.0")["routes"], [
    { dst: "0.0.0.0/0", gw: "10.0.0.1" },
    { dst: "10.9.0.0/16", gw: "10.0.0.1" },
  ]);
});

Deno.test("formatResult() says the version that was asked for, and no empty DNS", () => {
  assertEquals(formatted("0.3.1")["cniVersion"], "0.3.1");
  assertEquals(formatted("0.3.1")["dns"], RESULT.dns);
  assertEquals("dns" in JSON.parse(formatResult({ ...RESULT, dns: {} }, "1.0.0")), false);
});

Deno.test("parseResult() reads every version's form and keeps what it does not know", () => {
  for (const version of ["0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const) {
    const read = parseResult(JSON.parse(formatResult(RESULT, version)));
    assertEquals(formatted("0.4.0"), JSON.parse(formatResult(read, "0.4.0")));
  }
  const old = parseResult({
    cniVersion: "0.2.0",
    ip4: { ip: "10.0.0.5/24", gateway: "10.0.0.1", routes: [{ dst: "0.0.0.0/0" }] },
    ip6: { ip: "2001:db8::5/64" },
    dns: { nameservers: null },
  });
  assertEquals(old, {
    interfaces: [],
    ips: [{ address: "10.0.0.5/24", gateway: "10.0.0.1" }, { address: "2001:db8::5/64" }],
    routes: [{ dst: "0.0.0.0/0" }],
    dns: {},
  });
  const strange = { ...RESULT.interfaces[0], name: "x", pciID: "0000:00:1f.6", metadata: { a: 1 } };
  const passed = parseResult({ interfaces: [strange], ips: null, routes: null });
  assertEquals(JSON.parse(formatResult(passed, "1.1.0")).interfaces, [strange]);
});

Deno.test("parseResult() refuses what is no result", () => {
  for (const value of ["x", { ips: [{ address: 1 }] }, { interfaces: {} }]) {
    assertThrows(() => parseResult(value), FabricError, "Cannot read prevResult");
  }
});

Deno.test("chainResult() puts ours behind that of the plugins before", () => {
  const previous = parseResult({
    interfaces: [{ name: "lo", sandbox: "/n" }],
    ips: [{ address: "127.0.0.1/8", interface: 0 }, { address: "192.0.2.1/24" }],
    dns: { domain: "before" },
  });
  const chained = chainResult(previous, RESULT);
  assertEquals(chained.interfaces.map(({ name }) => name), ["lo", "fbhost", "eth0"]);
  assertEquals(chained.ips.map((ip) => ip.interface), [0, undefined, 2, 2]);
  assertEquals(chained.dns, RESULT.dns);
  assertEquals(chainResult(previous, { ...RESULT, dns: {} }).dns, { domain: "before" });
  assertEquals(chainResult(undefined, RESULT), RESULT);
});
