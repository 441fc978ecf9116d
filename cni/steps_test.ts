import { assertEquals, assertRejects } from "@std/assert";
import { createSteps } from "./steps.ts";

Deno.test("steps have their times, also those that fail", async () => {
  let now = 100;
  const steps = createSteps(() => now);
  now = 102.34;
  steps.mark("config");
  await steps.time("etcd", () => Promise.resolve(now = 110));
  await assertRejects(() =>
    steps.time("port", () => {
      now = 112;
      return Promise.reject(new Error("no"));
    })
  );
  assertEquals(steps.spans(), { config: [2.3, 2.3], etcd: [2.3, 10], port: [10, 12] });
  assertEquals(steps.elapsed(), 12);
});
