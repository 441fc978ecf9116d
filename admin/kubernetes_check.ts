/**
 * `check kubernetes`: the store against the API server that the configuration names.
 *
 * @module
 */

import { checkKubernetes } from "../mod/ipam/check/kubernetes/check.ts";
import { openKubeClient } from "../mod/kube/client.ts";
import { readKubeconfig } from "../mod/kube/kubeconfig.ts";
import { asFabricError, FabricError } from "../mod/error.ts";
import type { Checker } from "./checkers.ts";

/** A list of many Pods takes a while. */
const TIMEOUT_MS = 30_000;

const LEFT_OUT = "without Kubernetes, whose Pods these credentials may not list";

/** The checker; on a host without Kubernetes there is nothing to look at. */
export const KUBERNETES: Checker = {
  sources: ["kubernetes"],
  check: async (context, { asked, onProgress }) => {
    const { kubernetes, cluster } = await context.config();
    if (kubernetes === undefined) {
      if (!asked) return { findings: [], looked: "", truncated: false };
      throw new FabricError("invalid", "No Kubernetes is configured on this host", {
        field: "kubernetes.kubeconfig",
        remedy: "name a kubeconfig, also with --kubernetes-kubeconfig FILE",
      });
    }
    onProgress("checking Kubernetes");
    using client = openKubeClient(await readKubeconfig(kubernetes.kubeconfig), {
      timeoutMs: TIMEOUT_MS,
    });
    try {
      const { findings, pods } = await checkKubernetes(await context.ipam(), { client, cluster });
      return { findings, looked: `${pods} Pods of Kubernetes`, truncated: false };
    } catch (cause) {
      const error = asFabricError(cause);
      if (asked) throw error;
      // The plugin's own credentials may read single Pods only: on a node that is no fault.
      if (error.kind === "forbidden") return { findings: [], looked: LEFT_OUT, truncated: false };
      return { findings: [], looked: "", truncated: false, unseen: error.message };
    }
  },
};
