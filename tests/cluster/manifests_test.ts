/** What `deploy/` holds agrees with itself. */

import { assertEquals } from "@std/assert";
import { parseAllDocuments } from "yaml";

const ROOT = new URL("../../", import.meta.url).pathname;

async function run(program: string, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(program, { args: [...args], cwd: ROOT })
    .output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

/** Kinds and names of the objects, sorted. */
function objectsOf(yaml: string): readonly string[] {
  return parseAllDocuments(yaml).map((document) => document.toJS()).filter((it) => it !== null)
    .map(({ kind, metadata }) => `${kind} ${metadata.name}`).toSorted();
}

Deno.test("deploy/fabric.yaml is the chart with its default values", async () => {
  const made = await run("scripts/manifests", "--print");
  assertEquals(await Deno.readTextFile(`${ROOT}deploy/fabric.yaml`), made);
});

Deno.test("the kustomization and the chart have the same objects", async () => {
  const kustomized = await run(".cache/tools/kubernetes/kubectl", "kustomize", "deploy");
  const charted = await run(
    ".cache/tools/helm",
    ...["template", "fabric", "deploy/chart", "--namespace=kube-system", "--kube-version=1.37.0"],
  );
  assertEquals(objectsOf(kustomized), objectsOf(charted));
});
