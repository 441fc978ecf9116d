/**
 * The check of the store against Kubernetes. Pods come and go while it looks, so what it saw once it
 * looks for again: only what is so twice is a finding.
 *
 * @module
 */

import type { KubeClient } from "../../../kube/client.ts";
import { pause } from "../../../timer.ts";
import type { IpamContext } from "../../context.ts";
import { checkCluster } from "../../reclaim/cluster.ts";
import type { Finding } from "../finding.ts";
import { kubernetesFindings } from "./findings.ts";
import { type Look, lookAtBoth } from "./look.ts";

/** Between the two looks: as long as an ADD or a DEL may take to reach both sides. */
const BETWEEN_MS = 2_000;

export interface KubernetesReport {
  readonly findings: readonly Finding[];
  readonly pods: number;
}

/**
 * Checks.
 *
 * @throws {FabricError} `conflict`: the API server is that of another cluster; those of both sides.
 */
export async function checkKubernetes(
  context: IpamContext,
  input: {
    readonly client: KubeClient;
    readonly cluster: string;
    readonly betweenMs?: number;
  },
): Promise<KubernetesReport> {
  await checkCluster(context, input.client, input.cluster);
  const first = await lookAtBoth(context, input);
  const suspicions = kubernetesFindings(first);
  if (suspicions.length === 0) return reportOf(first, []);
  await pause(input.betweenMs ?? BETWEEN_MS);
  const second = await lookAtBoth(context, input);
  const before = new Set(suspicions.map(keyOf));
  return reportOf(second, kubernetesFindings(second).filter((one) => before.has(keyOf(one))));
}

function keyOf({ kind, object }: Finding): string {
  return `${kind.code} ${object}`;
}

function reportOf({ pods }: Look, findings: readonly Finding[]): KubernetesReport {
  return { findings, pods: pods.length };
}
