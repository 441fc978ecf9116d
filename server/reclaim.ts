/**
 * The reclaimer in `fabric-ctl serve`, where the host's configuration names a Kubernetes.
 *
 * @module
 */

import type { AuditWriter } from "../mod/audit/append.ts";
import type { Config } from "../mod/config.ts";
import { formatOwner } from "../mod/model/identity.ts";
import type { Log } from "../mod/log.ts";
import { asFabricError } from "../mod/error.ts";
import type { IpamContext } from "../mod/ipam/context.ts";
import { runReclaimer } from "../mod/ipam/reclaim/run.ts";
import { openKubeClient } from "../mod/kube/client.ts";
import { readKubeconfig } from "../mod/kube/kubeconfig.ts";

/** Runs until the signal; at once over on a host without Kubernetes. Never throws. */
export async function runServerReclaimer(
  { config, ipam, log, audit, signal }: {
    readonly config: Config;
    readonly ipam: IpamContext;
    readonly log: Log;
    readonly audit: AuditWriter;
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
    onEnded: ({ owner, network, addresses }, text) => {
      log.write("info", text, { owner, network, addresses });
      audit.append({
        at: new Date(ipam.now()).toISOString(),
        who: "fabric",
        way: "reclaimer",
        from: node,
        requestId: ipam.newId(),
        action: "endOwnership",
        object: `Owner ${formatOwner(owner)}`,
        outcome: "done",
        detail: text,
        before: { network, addresses },
      }).catch((error) => log.write("error", `the audit: ${asFabricError(error).message}`));
    },
    onFault: (text) => log.write("warning", text),
  });
}
