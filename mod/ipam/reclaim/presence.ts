/**
 * Whether a workload exists: only the server's word that this very object does not is proof that it
 * does not. Everything else, a refusal or a path that nothing serves, says nothing.
 *
 * @module
 */

import * as v from "valibot";
import { isKind } from "../../error.ts";
import type { KubeClient } from "../../kube/client.ts";
import { groupPath, objectPath, pluralOf } from "../../kube/paths.ts";
import type { WorkloadRef } from "../../model/identity.ts";

export type Presence = "exists" | "gone" | "unknown";

/**
 * Looks for the workload, live.
 *
 * @throws {FabricError} Where the server does not answer: then nothing is known of any workload.
 */
export async function presenceOf(client: KubeClient, workload: WorkloadRef): Promise<Presence> {
  const { group, kind, namespace, name } = workload;
  try {
    const apiVersion = await versionOf(client, group);
    const plural = apiVersion === undefined
      ? undefined
      : await pluralOf(client, { apiVersion, kind });
    if (apiVersion === undefined || plural === undefined) return "unknown";
    await client.get(objectPath({ apiVersion, plural }, { namespace, name }));
    return "exists";
  } catch (error) {
    if (isKind(error, "forbidden")) return "unknown";
    if (!isKind(error, "not-found")) throw error;
    return error.details["reason"] === "object" ? "gone" : "unknown";
  }
}

const Group = v.looseObject({ preferredVersion: v.looseObject({ groupVersion: v.string() }) });

/** Groups whose version is part of Kubernetes' promise. */
const STABLE: Readonly<Record<string, string>> = { "": "v1", apps: "apps/v1", batch: "batch/v1" };

async function versionOf(client: KubeClient, group: string): Promise<string | undefined> {
  const stable = STABLE[group];
  if (stable !== undefined) return stable;
  const parsed = v.safeParse(Group, await client.get(groupPath(group)));
  return parsed.success ? parsed.output.preferredVersion.groupVersion : undefined;
}
