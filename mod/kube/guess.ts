/**
 * What the owners of a Pod must be called if its name is one that a controller of Kubernetes made.
 * They are read beside the Pod; its references decide whether that was right.
 *
 * @module
 */

import { objectPath } from "./paths.ts";

/** Letters and digits of names that Kubernetes makes (apimachinery, `util/rand`). */
const MADE = "[bcdfghjklmnpqrstvwxz2456789]";
/** Deployment, hash of its template, Pod of the ReplicaSet. */
const OF_DEPLOYMENT = new RegExp(`^((.+)-${MADE}{6,10})-${MADE}{5}$`);
const OF_STATEFUL_SET = /^(.+)-\d{1,9}$/;
/** The names of ReplicaSets are cut so that those of their Pods get no longer than this. */
const MAX_NAME = 63;

/** Paths of the owners; none where the name tells nothing. */
export function guessOwnerPaths(
  { namespace, name }: { readonly namespace: string; readonly name: string },
): readonly string[] {
  const path = (plural: string, of: string): string =>
    objectPath({ apiVersion: "apps/v1", plural }, { namespace, name: of });
  if (name.length < MAX_NAME) {
    const [, replicaSet, deployment] = OF_DEPLOYMENT.exec(name) ?? [];
    if (replicaSet !== undefined && deployment !== undefined) {
      return [path("replicasets", replicaSet), path("deployments", deployment)];
    }
  }
  const [, statefulSet] = OF_STATEFUL_SET.exec(name) ?? [];
  return statefulSet === undefined ? [] : [path("statefulsets", statefulSet)];
}
