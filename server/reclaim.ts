/**
 * The reclaimer in `fabric-ctl serve`, where the host's configuration names a Kubernetes.
 *
 * @module
 */

import type { Config } from "../mod/config.ts";
import type { Log } from "../mod/log.ts";
import type { IpamContext } from "../mod/ipam/context.ts";
import { runReclaimer } from "../mod/ipam/reclaim/run.ts";
import { openKubeClient } from "../mod/kube/client.ts";
import { readKubeconfig } from "../mod/kube/kubeconfig.ts";


/** Runs until the signal; at once over on a host without Kubernetes. Never throws. */
export async function runServerReclaimer(
  { config, ipam, log, signal }: {
    readonly config: Config;
    readonly ipam: IpamContext;
    readonly log: Log;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { kubernetes, cluster, node } = config;
  if (kubernetes === undefined) return;
  await runReclaimer(ipam, {
    cluster,
    who: node,
    openClient: async () => openKubeClient(await readKubeconfig(kubernetes.kubeconfig)),
    signal,
    onEnded: ({ owner, network, addresses }, text) =>
      log.write("info", text, { owner, network, addresses }),
    onFault: (text) => log.write("warning", text),
  });
}
