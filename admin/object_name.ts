/**
 * Objects in the lines that commands answer with.
 *
 * @module
 */

import type { ObjectRef } from "../mod/ipam/kinds.ts";
import { API_GROUP } from "../mod/model/resource.ts";

/** `network.beyondfabric.io/pods`, `node.beyondfabric.io/local/n1`. */
export function objectName({ kind, name, cluster }: ObjectRef): string {
  const owner = cluster === undefined ? "" : `${cluster}/`;
  return `${kind.toLowerCase()}.${API_GROUP}/${owner}${name}`;
}
