/**
 * Runs critest, the tests that a container runtime must pass, on a host of a lab.
 *
 * @module
 */

import { imageArchive, PAUSE_IMAGE, TOOLS_IMAGE, WEB_IMAGE } from "../cluster/images.ts";
import { type EquippedHost, TOOLS } from "../lab/mod.ts";
import { type GinkgoResult, readGinkgoReport } from "./ginkgo.ts";

export interface CritestOptions {
  /** Folder of containerd; default: Debian's. */
  readonly binaries?: string;
  /** Regular expression for names of tests. */
  readonly focus: string;
}

export interface CritestRun {
  /** Version of containerd. */
  readonly version: string;
  readonly results: readonly GinkgoResult[];
  /** What was printed, for when a test fails. */
  readonly output: string;
}

const DIR = "/run/critest";

/** Starts a containerd whose network is what the host has in /etc/cni/net.d, and tests it. */
export async function runCritest(
  host: EquippedHost,
  { binaries, focus }: CritestOptions,
): Promise<CritestRun> {
  // containerd asks it for `lo` of every sandbox.
  await host.mount(`${TOOLS}cni/loopback`, "/opt/cni/bin/loopback");
  await host.execOk("ip link set lo up");
  await using containerd = await host.containerd({
    sandboxImage: PAUSE_IMAGE,
    ...(binaries === undefined ? {} : { binaries }),
  });
  await containerd.ctr(
    ...["--namespace=k8s.io", "images", "import", "--digests=false", await imageArchive()],
  );
  await host.writeFile(
    `${DIR}/images.yaml`,
    JSON.stringify({ defaultTestContainerImage: TOOLS_IMAGE, webServerTestImage: WEB_IMAGE }),
  );
  const { stdout, stderr } = await host.exec([
    `${TOOLS}critools/critest`,
    `--runtime-endpoint=unix://${containerd.socket}`,
    ...[`--test-images-file=${DIR}/images.yaml`, `--ginkgo.focus=${focus}`],
    ...[`--ginkgo.json-report=${DIR}/report.json`, "--ginkgo.no-color"],
  ], { timeoutMs: 180_000 });
  const output = `${stdout}\n${stderr}`;
  if (!await host.exists(`${DIR}/report.json`)) throw new Error(`no report of critest: ${output}`);
  const results = readGinkgoReport(await host.readFile(`${DIR}/report.json`));
  return { version: containerd.version, results, output };
}
