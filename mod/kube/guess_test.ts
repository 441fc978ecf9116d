import { assertEquals } from "@std/assert";
import { guessOwnerPaths } from "./guess.ts";

const APPS = "/apis/apps/v1/namespaces/shop";

Deno.test("guessOwnerPaths() knows the Pods of Deployments and StatefulSets by their names", () => {
  const cases: Readonly<Record<string, readonly string[]>> = {
    "web-7d4b9c6f58-x2k9p": [`${APPS}/replicasets/web-7d4b9c6f58`, `${APPS}/deployments/web`],
    "a-b-c-6d4cf56db6-bcdfg": [`${APPS}/replicasets/a-b-c-6d4cf56db6`, `${APPS}/deployments/a-b-c`],
    "db-0": [`${APPS}/statefulsets/db`],
    "db-main-12": [`${APPS}/statefulsets/db-main`],
    // Vowels, and digits that look like letters, are in no name that Kubernetes makes.
    "web-7d4b9c6f58-apple": [],
    "web-shop-x2k9p": [],
    "agent-x2k9p": [],
    "bare": [],
    // Cut: the name of the ReplicaSet is longer.
    [`${"w".repeat(46)}-7d4b9c6f58-x2k9p`]: [],
  };
  for (const [name, paths] of Object.entries(cases)) {
    assertEquals(guessOwnerPaths({ namespace: "shop", name }), paths, name);
  }
});
