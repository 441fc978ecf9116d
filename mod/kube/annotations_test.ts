import { assert, assertEquals, assertThrows } from "@std/assert";
import { FabricError } from "../error.ts";
import { ANNOTATIONS, type Layer, readWish } from "./annotations.ts";
import { listSize, parseAddressList, parseRate, parseReclaim } from "./annotation_value.ts";

function layer(object: string, annotations: Readonly<Record<string, string>>): Layer {
  return {
    object,
    annotations: Object.fromEntries(
      Object.entries(annotations).map(([name, value]) => [`beyondfabric.io/${name}`, value]),
    ),
  };
}

Deno.test("readWish() takes each annotation from the nearest layer that has it", () => {
  const wish = readWish([
    layer("Pod a/b", { "egress-rate": "2M" }),
    layer("Deployment a/b", { network: "near, far", "egress-rate": "1M" }),
    layer("Namespace a", { network: "other", fixed: "true", reclaim: "never" }),
  ], "eth0");
  assertEquals(wish.networks, {
    object: "Deployment a/b",
    annotation: "beyondfabric.io/network",
    names: ["near", "far"],
  });
  assertEquals([wish.egressRate, wish.fixed, wish.reclaim, wish.ips], [
    2_000_000,
    true,
    "never",
    undefined,
  ]);
});

Deno.test("readWish() keeps interfaces apart, but not what is the workload's", () => {
  const layers = [
    layer("Pod a/b", { network: "one", "network.net1": "two", ips: "10.0.0.1" }),
    layer("Namespace a", { "on-exhausted": "borrow", "network.eth0": "three" }),
  ];
  assertEquals(readWish(layers, "eth0").networks?.names, ["three"], "by name before without");
  const second = readWish(layers, "net1");
  assertEquals([second.networks?.names, second.ips, second.onExhausted], [
    ["two"],
    undefined,
    "borrow",
  ]);
  assertEquals(readWish(layers, "net2").networks, undefined);
});

Deno.test("readWish() takes Kubernetes' own rates where ours are not there", () => {
  const pod = { object: "Pod a/b", annotations: { "kubernetes.io/ingress-bandwidth": "10M" } };
  assertEquals(readWish([pod], "eth0").ingressRate, 10_000_000);
  assertEquals(readWish([pod], "net1").ingressRate, undefined);
  assertEquals(
    readWish([pod, layer("Namespace a", { "ingress-rate": "5M" })], "eth0").ingressRate,
    5_000_000,
  );
});

Deno.test("readWish() names annotation, object, value and what would be right", () => {
  const cases: readonly (readonly [Readonly<Record<string, string>>, string, string])[] = [
    [{ fixed: "yes" }, "beyondfabric.io/fixed", "true"],
    [{ ips: "" }, "beyondfabric.io/ips", "no address"],
    [{ ips: "10.0.0.1-10.0.0.3,fd00::1" }, "beyondfabric.io/ips", "3 IPv4 and 1 IPv6"],
    [{ ips: "10.0.0.0/24" }, "beyondfabric.io/ips", "neither an address nor a range"],
    [{ ips: "10.0.0.1", fixed: "false" }, "beyondfabric.io/fixed", "leave out one"],
    [{ netwrok: "x" }, "beyondfabric.io/netwrok", "did you mean network"],
    [{ "reclaim": "after=10" }, "beyondfabric.io/reclaim", "after=10m"],
  ];
  for (const [annotations, field, says] of cases) {
    const error = assertThrows(
      () => readWish([layer("Pod a/b", annotations)], "eth0"),
      FabricError,
      "Pod a/b",
    );
    assertEquals([error.kind, error.field], ["invalid", field]);
    assert(`${error.message}; ${error.remedy}`.includes(says), `${error.message} ${error.remedy}`);
  }
});

Deno.test("readWish() leaves annotations of others alone", () => {
  const annotations = { "kubectl.kubernetes.io/x": "y", "beyondfabric.io.example/fixed": "maybe" };
  assertEquals(readWish([{ object: "Pod a/b", annotations }], "eth0").fixed, false);
});

Deno.test("parseRate() reads Kubernetes' quantities from 1k to 1P", () => {
  const good: readonly (readonly [string, number])[] = [
    ["1k", 1e3],
    ["1000", 1e3],
    ["1.5M", 1.5e6],
    ["1e6", 1e6],
    ["1Gi", 2 ** 30],
    [".5G", 5e8],
    ["1P", 1e15],
  ];
  for (const [text, rate] of good) assertEquals(parseRate(text), rate, text);
  for (const text of ["999", "1.1P", "", "M", "1 M", "-5M", "1m", "0x10M", "1E", "1MB", "NaN"]) {
    assertThrows(() => parseRate(text), Error, "it is", text);
  }
});

Deno.test("parseReclaim() reads words and durations", () => {
  assertEquals(
    ["immediately", "never", "after=90s", "after=10m", "after=2h", "after=7d"].map(parseReclaim),
    [0, "never", 90, 600, 7200, 604_800],
  );
});

Deno.test("parseAddressList() takes ranges of thousands, and no more than 65,536 addresses", () => {
  assertEquals(listSize(parseAddressList("10.0.0.0-10.0.255.255")), 65_536);
  assertEquals(listSize(parseAddressList("fd00::1-fd00::ff, 10.0.0.1-10.0.0.255")), 255);
  assertThrows(() => parseAddressList("10.0.0.0-10.1.0.0"), Error, "more than 65536");
  assertThrows(() => parseAddressList("10.0.0.1-10.0.0.9,10.0.0.5"), Error, "twice");
});

Deno.test("docs/kubernetes.md lists every annotation", async () => {
  const text = await Deno.readTextFile(new URL("../../docs/kubernetes.md", import.meta.url));
  const rows = text.split("\n").filter((line) => line.startsWith("| `"));
  for (const name of Object.keys(ANNOTATIONS)) {
    assert(rows.some((row) => row.includes(`\`${name}\``)), name);
  }
});
