/**
 * The edge to the runtime: what kind of error has which code of the CNI specification (section 5,
 * Error; 0 to 99 are the specification's, from 100 on they are ours), and how it is printed.
 *
 * | code | meaning |
 * |---|---|
 * | 1 | the conf asks for a version of CNI, or a verb, that we do not speak |
 * | 3 | there is no such sandbox (its namespace is gone); nothing is left of the ADD |
 * | 4 | a variable of the environment is missing or wrong |
 * | 5 | standard input or a file could not be read |
 * | 6 | the conf or its prevResult is no JSON of the right form |
 * | 7 | the conf, or this node's configuration, holds something that cannot be used |
 * | 11 | try again: the address is cooling, or its old holder has not ended yet |
 * | 50 | STATUS: an ADD would fail |
 * | 51 | STATUS: an ADD would fail, and running pods may be cut off |
 * | 100 | a bug of ours, or data that nobody should have written |
 * | 101 | no free address, and waiting does not help |
 * | 102 | no such network, physical network or zone |
 * | 103 | the network does not reach this node's zone |
 * | 104 | the address or the MAC that was asked for belongs to somebody else |
 * | 105 | not allowed: the network, the node (fenced, or another machine's name), etcd or Kubernetes |
 * | 106 | etcd refuses user or password, or Kubernetes the token |
 * | 107 | etcd was restored or replaced |
 * | 108 | the store has a schema that this version does not read |
 * | 109 | what is asked for is in use |
 * | 110 | etcd cannot be reached |
 * | 111 | etcd did not answer; the runtime's DEL settles what became of the ADD |
 * | 112 | ovsdb-server cannot be reached |
 * | 113 | ovs-vswitchd does not take up the port |
 * | 114 | the bridge of the physical network does not exist |
 * | 115 | the host refused a command |
 * | 116 | the sandbox has an interface of that name already |
 * | 117 | CHECK found something other than what the ADD made |
 * | 118 | the ADD failed and could not be undone: the runtime's DEL has to clean up |
 * | 119 | something that we depend on cannot be reached |
 * | 120 | Kubernetes' API server cannot be reached |
 * | 121 | the Pod is gone from Kubernetes, or is another one of that name |
 *
 * @module
 */

import type { ErrorKind, FabricError } from "../mod/error.ts";

/** Every kind has a code. */
const CODE_OF_KIND: Readonly<Record<ErrorKind, number>> = {
  "invalid": 7,
  "not-found": 102,
  "conflict": 104,
  "in-use": 109,
  "exhausted": 101,
  "try-again": 11,
  "forbidden": 105,
  "unauthenticated": 106,
  "unavailable": 119,
  "unknown-outcome": 111,
  "store-changed": 107,
  "schema": 108,
  "host": 115,
  "incompatible": 1,
  "internal": 100,
};

/** Where `details.reason` says more than the kind. */
export const REASONS = {
  io: 5,
  decode: 6,
  netns: 3,
  zone: 103,
  bridge: 114,
  ifname: 116,
  check: 117,
  pod: 121,
  undo: 118,
  "not-ready": 50,
  "cut-off": 51,
} as const;

/** Which neighbour did not answer, in `details.neighbour`. */
export const NEIGHBOURS = {
  etcd: 110,
  ovsdb: 112,
  vswitchd: 113,
  kubernetes: 120,
} as const;
export type Neighbour = keyof typeof NEIGHBOURS;

/** The code of the error. */
export function cniCode(error: FabricError): number {
  const { reason, neighbour } = error.details;
  const byReason = lookUp(REASONS, reason);
  if (byReason !== undefined) return byReason;
  if (error.kind === "invalid" && isVariable(error.field ?? "")) return 4;
  // That etcd did not answer a commit is a case of its own: something may have been done.
  if (
    error.kind === "unavailable" || (error.kind === "unknown-outcome" && neighbour !== "etcd")
  ) {
    return lookUp(NEIGHBOURS, neighbour) ?? CODE_OF_KIND[error.kind];
  }
  return CODE_OF_KIND[error.kind];
}

/** A variable of the environment; the last two as the rest of the project calls them. */
function isVariable(field: string): boolean {
  return field.startsWith("CNI_") || field === "ifname" || field === "netns";
}

function lookUp(table: Readonly<Record<string, number>>, key: unknown): number | undefined {
  return typeof key === "string" && Object.hasOwn(table, key) ? table[key] : undefined;
}

/** The error as it is printed to standard output. */
export function formatError(error: FabricError, cniVersion: string): string {
  return JSON.stringify({
    cniVersion,
    code: cniCode(error),
    msg: error.message,
    ...(error.remedy === undefined ? {} : { details: error.remedy }),
  });
}
