import { assertEquals, assertMatch } from "@std/assert";
import { warnAbout } from "./event.ts";

/** The name of the Event about a Pod of this name. */
async function nameFor(pod: string): Promise<string> {
  const paths: string[] = [];
  const names: unknown[] = [];
  const unused = () => Promise.reject(new Error("not asked for"));
  const isNews = await warnAbout(
    {
      get: unused,
      merge: unused,
      create: (path, { metadata }) => {
        paths.push(path);
        if (typeof metadata === "object" && metadata !== null && "name" in metadata) {
          names.push(metadata.name);
        }
        return Promise.resolve({});
      },
      [Symbol.dispose]: () => {},
    },
    { apiVersion: "v1", kind: "Pod", namespace: "shop", name: pod, uid: "u" },
    {
      reason: "FabricNoFreeAddress",
      message: "none is free",
      node: "node7",
      now: 0,
    },
  );
  assertEquals([isNews, paths], [true, ["/api/v1/namespaces/shop/events"]]);
  return String(names[0]);
}

Deno.test("warnAbout() gives every Pod's Event a name that Kubernetes accepts", async () => {
  // A name of 253 is cut, wherever it may have its dots and hyphens.
  const long = ["-", ".", "--"].map((cut) => `${"p".repeat(200 - cut.length)}${cut}`);
  for (const pod of ["web-0", "a.b-c", ...long.map((start) => `${start}${"q".repeat(53)}`)]) {
    const name = await nameFor(pod);
    // RFC 1123, as validation of names has it: labels begin and end with a letter or digit.
    assertMatch(name, /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/);
    assertEquals(name.length <= 253, true);
  }
});
