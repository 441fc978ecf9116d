/**
 * What one pod's way to Services consists of, held against how it is.
 *
 * @module
 */

import { SERVICE_HOP, SERVICE_HOP_MAC } from "../../host/service_names.ts";
import { inNetns } from "../../host/run.ts";
import type { Ovsdb } from "../../ovsdb/mod.ts";
import type { ServiceContext } from "./context.ts";
import { podCookie } from "./cookie.ts";
import { missingCookies } from "./maintain.ts";
import { readNote, type ServiceNote } from "./notes.ts";
import { missingLines } from "./damage.ts";
import { observeServices } from "./observe.ts";
import { podRoutes } from "./rules.ts";
import { readNode } from "./setup.ts";

/** What a pod has in itself, as lines for `ip -batch`: routes by the next hop, and its neighbour. */
export function insideLines(
  { addresses }: Pick<ServiceNote, "addresses">,
  { ifname, reached }: { readonly ifname: string; readonly reached: readonly string[] },
): readonly string[] {
  return ([4, 6] as const)
    .filter((family) => addresses.some((text) => text.includes(":") === (family === 6)))
    .flatMap((family) => [
      `neigh replace ${SERVICE_HOP[family]} lladdr ${SERVICE_HOP_MAC} dev ${ifname} nud permanent`,
      ...reached.filter((to) => to.includes(":") === (family === 6)).map((to) =>
        `route replace ${to} via ${SERVICE_HOP[family]} dev ${ifname} onlink`
      ),
    ]);
}

/** Differences of one pod, in words; none for a pod that never had the way, or a node without services. */
export async function verifyPod(
  context: ServiceContext,
  db: Ovsdb,
  pod: { readonly port: string; readonly netns: string; readonly ifname: string },
): Promise<readonly string[]> {
  const { config, run } = context;
  const { services } = config;
  const note = readNote(config, pod.port);
  if (services === undefined || note === undefined) return [];
  const [{ nodeAddresses }, seen, inside, cookies] = await Promise.all([
    readNode(context),
    observeServices(run),
    observeServices(inNetns(run, pod.netns)),
    missingCookies(context, db, note.bridge),
  ]);
  const reached = [...services.cidrs, ...nodeAddresses];
  const { ifname } = pod;
  return [
    ...missingLines(seen, podRoutes(note, nodeAddresses)).map((line) => `the node lacks ${line}`),
    ...missingLines(inside, insideLines(note, { ifname, reached }))
      .map((line) => `the sandbox lacks ${line}`),
    ...(cookies.includes(podCookie(pod.port))
      ? [`bridge ${note.bridge} lacks flows of the way to Services`]
      : []),
  ];
}
