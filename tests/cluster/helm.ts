/**
 * Helm, as an administrator runs it against the cluster of a lab.
 *
 * @module
 */

import { stringify } from "yaml";
import { requireOk } from "../lab/mod.ts";
import type { Cluster } from "./cluster.ts";
import { ADMIN_KUBECONFIG } from "./control_plane.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const HELM = `${ROOT}.cache/tools/helm`;

/** The chart, and the folder of the kustomization beside it. */
export const DEPLOY = `${ROOT}deploy`;

/** Runs `helm VERB fabric`, with the chart and values where they are given; its standard output. */
export async function helm(
  { lab }: Cluster,
  verb: "install" | "upgrade" | "uninstall" | "template",
  values?: unknown,
): Promise<string> {
  const chart = values === undefined ? [] : [`${DEPLOY}/chart`, "--values=-"];
  const version = verb === "template" ? ["--kube-version=1.37.0"] : [];
  const argv = [HELM, verb, "fabric", ...chart, ...version, "--namespace=kube-system"];
  return requireOk(
    await lab.management.exec([...argv, `--kubeconfig=${ADMIN_KUBECONFIG}`], {
      input: values === undefined ? "" : stringify(values),
      timeoutMs: 120_000,
    }),
  );
}
