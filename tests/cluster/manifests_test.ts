/** What `deploy/` holds agrees with itself. */

import { assertEquals, assertMatch } from "@std/assert";
import { parseAllDocuments } from "yaml";

const ROOT = new URL("../../", import.meta.url).pathname;

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function start(program: string, ...args: readonly string[]): Promise<Ended> {
  const { code, stdout, stderr } = await new Deno.Command(program, { args: [...args], cwd: ROOT })
    .output();
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}

async function run(program: string, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await start(program, ...args);
  assertEquals(code, 0, stderr);
  return stdout;
}

/** What Helm makes of the chart with these settings, for a Kubernetes of this version. */
function template(settings: string, version = "1.37.0"): Promise<Ended> {
  return start(
    ".cache/tools/helm",
    ...["template", "fabric", "deploy/chart", "--namespace=kube-system", `--set=${settings}`],
    `--kube-version=${version}`,
  );
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

Deno.test("the server is upgraded, and its node drained, with as many nodes as replicas", async () => {
  for (const replicas of [1, 2]) {
    const { stdout } = await template(`ctl.replicas=${replicas}`);
    const objects = parseAllDocuments(stdout).map((document) => document.toJS());
    const specOf = (wanted: string) => objects.find(({ kind }) => kind === wanted).spec;
    assertEquals(specOf("Deployment").strategy, {
      rollingUpdate: { maxSurge: 0, maxUnavailable: 1 },
    });
    const { maxUnavailable, minAvailable } = specOf("PodDisruptionBudget");
    assertEquals([maxUnavailable, minAvailable], [1, undefined]);
  }
});

Deno.test("the chart refuses an upgrade without a surge, and a Kubernetes that is too old", async () => {
  for (const surge of ["0", "0%"]) {
    const { code, stderr } = await template(`node.maxSurge=${surge}`);
    assertEquals(code, 1);
    assertMatch(stderr, new RegExp(`node\\.maxSurge ${surge} cannot be used`));
  }
  for (const surge of ["1", "100%"]) {
    assertEquals((await template(`node.maxSurge=${surge}`)).code, 0);
  }
  // There a sidecar would be an init container without an end.
  const { code, stderr } = await template("ctl.replicas=2", "1.28.15");
  assertEquals(code, 1);
  assertMatch(stderr, /kubeVersion: >=1\.29/);
});
