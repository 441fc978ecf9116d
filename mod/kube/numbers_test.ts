import { assertEquals } from "@std/assert";
import { mostOf, surgeOf } from "./numbers.ts";
import type { KubeWorkload } from "./objects.ts";

const object = (spec: KubeWorkload["spec"]): KubeWorkload => ({ metadata: META, spec });
const META = { name: "x", uid: "u", annotations: {}, labels: {}, ownerReferences: [] };

Deno.test("surgeOf() rounds a percentage up, as a Deployment's controller does", () => {
  const surges = ([undefined, 0, 2, "0%", "1%", "50%"] as const).map((maxSurge) => {
    const rollingUpdate = maxSurge === undefined ? {} : { maxSurge };
    return surgeOf({
      kind: "Deployment",
      object: object({ replicas: 5, strategy: { rollingUpdate } }),
    })?.surge;
  });
  assertEquals(surges, [2, 0, 2, 0, 1, 3]);
  const recreate = object({ replicas: 5, strategy: { type: "Recreate" } });
  assertEquals(surgeOf({ kind: "Deployment", object: recreate })?.surge, 0);
});

Deno.test("mostOf() knows the controllers whose rules are known, and no others", () => {
  const most = (group: string, kind: string, spec: KubeWorkload["spec"]) =>
    mostOf({ group, kind, object: object(spec) });
  assertEquals(most("apps", "Deployment", { replicas: 4 }), 5);
  assertEquals(most("apps", "ReplicaSet", { replicas: 4 }), 4);
  assertEquals(most("", "ReplicationController", { replicas: 4 }), 4);
  assertEquals(most("batch", "Job", { parallelism: 3 }), 3);
  assertEquals(most("batch", "CronJob", {}), undefined);
  // Of another group's kind of that name only its own controller knows.
  assertEquals(most("example.org", "Deployment", { replicas: 4 }), undefined);
  assertEquals(most("apps.kruise.io", "CloneSet", { replicas: 4 }), undefined);
  assertEquals(mostOf({ group: "apps", kind: "Deployment", object: undefined }), undefined);
});
