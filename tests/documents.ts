/**
 * Documents of the kinds as an administrator writes them, for tests.
 *
 * @module
 */

import { API_VERSION } from "../mod/model/resource.ts";

type Fields = Readonly<Record<string, unknown>>;

function document(kind: string, metadata: string | Fields, spec: Fields): Fields {
  const fields = typeof metadata === "string" ? { name: metadata } : metadata;
  return { apiVersion: API_VERSION, kind, metadata: fields, spec };
}

/** A PhysicalNetwork by name, or by metadata. */
export function physicalNetwork(metadata: string | Fields, spec: Fields = {}): Fields {
  return document("PhysicalNetwork", metadata, spec);
}

/** A Zone that reaches the physical networks. */
export function zone(metadata: string | Fields, physicalNetworks: readonly string[]): Fields {
  return document("Zone", metadata, { physicalNetworks });
}

/** A Node of cluster `local`. */
export function node(metadata: string | Fields, spec: Fields): Fields {
  return document("Node", metadata, { cluster: "local", ...spec });
}

/** A Network of physical network `prod`. */
export function network(metadata: string | Fields, spec: Fields): Fields {
  return document("Network", metadata, { physicalNetwork: "prod", ...spec });
}
