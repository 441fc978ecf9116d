import { assertEquals, assertThrows } from "@std/assert";
import { FabricError } from "../error.ts";
import { parseWorkload, workloadName } from "./workload.ts";

Deno.test("parseWorkload() takes kinds as kubectl does, and any with its group", () => {
  const set = { kind: "StatefulSet", group: "apps", namespace: "trade", name: "orders" };
  for (
    const text of ["statefulset", "sts", "StatefulSet", "StatefulSet.apps", "statefulsets.apps"]
  ) {
    assertEquals(parseWorkload(`${text}/trade/orders`), set);
  }
  assertEquals(parseWorkload("pod/x"), { kind: "Pod", group: "", namespace: "default", name: "x" });
  const rollout = parseWorkload("Rollout.argoproj.io/trade/orders");
  assertEquals([rollout.kind, rollout.group], ["Rollout", "argoproj.io"]);
  assertEquals(parseWorkload(workloadName(rollout)), rollout);
});

Deno.test("parseWorkload() refuses what it cannot know", () => {
  for (
    const text of ["", "orders", "sts/", "sts/a/b/c", "sts//x", "thing/a/b", "sts/a/b c", "/a/b"]
  ) {
    assertThrows(() => parseWorkload(text), FabricError, undefined, text);
  }
});
