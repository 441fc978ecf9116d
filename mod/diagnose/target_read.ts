/**
 * Asking the target, and looking at it where it is a pod of this node.
 *
 * @module
 */

import type { TargetFacts } from "./layers/target.ts";
import { connectTcp, type Heard, type Origin, ping } from "./probe.ts";
import type { PodWalk, WantedTarget } from "./pod_walk.ts";
import type { Way } from "./way.ts";
import { podText } from "./words.ts";

/** Asks it. */
export async function targetFacts(
  pod: PodWalk,
  { target, way, heard: before }: {
    readonly target: WantedTarget;
    readonly way: Way;
    /** What it said a moment ago. */
    readonly heard: Heard | undefined;
  },
): Promise<TargetFacts> {
  const { scene, record } = pod;
  const { netns, ifname } = record;
  const origin: Origin = { netns, ifname, source: way.source, family: way.family };
  const [heard, tcp] = await Promise.all([
    before ?? ping(scene.run, origin, { target: way.target, hop: way.hop ?? way.target }),
    target.port === undefined
      ? undefined
      : connectTcp(scene.run, origin, { address: way.target, port: target.port }),
  ]);
  const facts: TargetFacts = {
    address: way.target,
    port: target.port,
    who: target.found === undefined ? undefined : whoIs(target.found.record),
    gateway: way.onLink ? undefined : way.hop,
    heard,
    tcp,
  };
  const well = target.port === undefined ? heard.pingMs !== undefined : tcp?.answer === "open";
  if (well || target.found === undefined) return facts;
  return { ...facts, ...await lookOn(pod, target.found) };
}

function whoIs(record: PodWalk["record"]): string {
  return `${podText(record)} on node ${record.node}`;
}

/** What is wrong with a target that is a pod: here, or where to look. */
async function lookOn(
  { scene, lookAt }: PodWalk,
  found: NonNullable<WantedTarget["found"]>,
): Promise<Pick<TargetFacts, "local" | "next">> {
  const { record } = found;
  const { cluster, node } = scene.config;
  const name = record.pod === undefined
    ? record.containerId
    : `${record.pod.namespace}/${record.pod.name}`;
  if (record.cluster !== cluster || record.node !== node) {
    return { next: `on node ${record.node}: fabric-admin diagnose pod ${name}` };
  }
  const { broken } = await lookAt(found);
  if (broken === undefined) return {};
  return { local: `${broken.says} (${broken.layer} of ${podText(record)})` };
}
