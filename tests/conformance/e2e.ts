/**
 * Runs the tests of Kubernetes itself against a cluster in a lab.
 *
 * @module
 */

import type { Cluster } from "../cluster/cluster.ts";
import { CLUSTER_DIR } from "../cluster/control_plane.ts";
import { TOOLS } from "../lab/mod.ts";
import { E2E_TEST, e2eArchive, REPO_LIST } from "./e2e_images.ts";
import { type GinkgoResult, readGinkgoReport } from "./ginkgo.ts";

export interface E2eRun {
  readonly results: readonly GinkgoResult[];
  /** What was printed, for when a test fails. */
  readonly output: string;
}

export interface E2eOptions {
  /** Names of the tests; see {@linkcode listE2eTests}. */
  readonly tests: readonly string[];
  /** How many at a time. Default 4. */
  readonly processes?: number;
  readonly timeoutMs: number;
}

/** Names of all tests of Kubernetes that a regular expression finds, sorted. */
export async function listE2eTests(focus: string): Promise<readonly string[]> {
  const report = await Deno.makeTempFile();
  try {
    const { code, stderr } = await new Deno.Command(E2E_TEST, {
      args: [
        ...["--ginkgo.dry-run", `--ginkgo.focus=${focus}`, `--ginkgo.json-report=${report}`],
        ...["--provider=skeleton", "--kubeconfig=/nowhere"],
      ],
      stdout: "null",
    }).output();
    if (code !== 0) throw new Error(`e2e.test: ${new TextDecoder().decode(stderr)}`);
    return readGinkgoReport(await Deno.readTextFile(report)).map(({ name }) => name);
  } finally {
    await Deno.remove(report);
  }
}

const DIR = "/run/lab/e2e";

/** Runs tests of Kubernetes on the management network of a cluster with Services. */
export async function runE2eTests(cluster: Cluster, options: E2eOptions): Promise<E2eRun> {
  const place = cluster.lab.management;
  await Promise.all([importImages(cluster), nameZones(cluster)]);
  // ginkgo keeps files of its own beside the program.
  await place.execOk(`mkdir -p ${DIR} && ln -sf ${E2E_TEST} ${DIR}/e2e.test`);
  await place.execOk(`cat >${DIR}/repos.yaml`, { input: REPO_LIST });
  const focus = options.tests.map((name) => ` ${RegExp.escape(name)}$`).join("|");
  const { stdout, stderr } = await place.exec([
    `${TOOLS}kubernetes/ginkgo`,
    ...[`--procs=${options.processes ?? 4}`, "--no-color", "--succinct"],
    ...["--json-report=report.json", `--output-dir=${DIR}`, "--timeout=3h"],
    ...[`${DIR}/e2e.test`, "--"],
    ...[`--ginkgo.focus=${focus}`, "--provider=skeleton", "--dump-logs-on-failure=false"],
    ...[
      `--num-nodes=${cluster.nodes.length}`,
      `--kubeconfig=${CLUSTER_DIR}/admin.conf`,
      `--kubectl-path=${TOOLS}kubernetes/kubectl`,
    ],
  ], { env: { KUBE_TEST_REPO_LIST: `${DIR}/repos.yaml` }, timeoutMs: options.timeoutMs });
  const output = `${stdout}\n${stderr}`;
  const report = await place.exec(["cat", `${DIR}/report.json`]);
  if (report.code !== 0) throw new Error(`no report of the tests: ${output.slice(-8000)}`);
  return { results: readGinkgoReport(report.stdout), output };
}

/** Puts every node in a zone of its own. */
async function nameZones(cluster: Cluster): Promise<void> {
  await Promise.all(
    cluster.nodes.map(({ host: { plan: { name } } }) =>
      cluster.kubectl("label", "node", name, `topology.kubernetes.io/zone=zone-${name}`)
    ),
  );
}

async function importImages(cluster: Cluster): Promise<void> {
  const repoList = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(repoList, REPO_LIST);
    const archive = await e2eArchive(repoList);
    await Promise.all(
      cluster.nodes.map((node) => node.ctr("images", "import", "--digests=false", archive)),
    );
  } finally {
    await Deno.remove(repoList);
  }
}
