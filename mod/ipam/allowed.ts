/**
 * Who may use a network that a Pod names by annotation: `spec.allowed` of the Network. It is read
 * and compared with the ADD's own transaction, so no ADD crosses an edit of it.
 *
 * @module
 */

import { FabricError } from "../error.ts";
import type { Allowed, Network } from "../model/network.ts";

/** On whose behalf an ADD is made. */
export interface NetworkUser {
  readonly cluster: string;
  readonly namespace: string;
  /** Labels of the namespace. */
  readonly labels: Readonly<Record<string, string>>;
  readonly tenant: string | undefined;
}

/**
 * True where the user may have addresses of a network with these rules. The cluster must be one of
 * `clusters`; and where namespaces, a selector or tenants are named, one of them must fit. What is
 * not named restricts nothing.
 */
export function isAllowed(allowed: Allowed | undefined, user: NetworkUser): boolean {
  if (allowed === undefined) return true;
  const { clusters, namespaces, namespaceSelector, tenants } = allowed;
  if (clusters !== undefined && !clusters.includes(user.cluster)) return false;
  if (namespaces === undefined && namespaceSelector === undefined && tenants === undefined) {
    return true;
  }
  const { namespace, labels, tenant } = user;
  if (namespaces?.includes(namespace) === true) return true;
  if (tenant !== undefined && tenants?.includes(tenant) === true) return true;
  if (namespaceSelector === undefined) return false;
  return Object.entries(namespaceSelector).every(([key, value]) => labels[key] === value);
}

/**
 * Refuses a user that the network does not name.
 *
 * @throws {FabricError} `forbidden` with `details.reason` `not-allowed`.
 */
export function checkAllowed({ metadata, spec }: Network, user: NetworkUser): void {
  if (isAllowed(spec.allowed, user)) return;
  const who = user.tenant === undefined ? "" : ` (tenant ${user.tenant})`;
  throw new FabricError(
    "forbidden",
    `Namespace ${user.namespace}${who} of cluster ${user.cluster} may not use network ` +
      metadata.name,
    {
      field: "network",
      value: metadata.name,
      remedy: "choose another network, or have spec.allowed of this one name the namespace, a " +
        "label of it or its tenant",
      details: { reason: "not-allowed", network: metadata.name, user },
    },
  );
}
