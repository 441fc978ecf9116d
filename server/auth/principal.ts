/**
 * Who is asking, and what they may do: a role, and for a tenant the labels of the networks that are
 * theirs.
 *
 * @module
 */

import type { Network } from "../../mod/model/network.ts";

/** What people may do: look; change addresses and networks; also accounts, tokens and the audit. */
export const ROLES = ["viewer", "operator", "admin"] as const;
/** A role; each may do what those before it may. */
export type Role = typeof ROLES[number];

/** How somebody showed who they are. */
export const WAYS = [
  "anonymous",
  "token",
  "certificate",
  "account",
  "oidc",
  "kubernetes",
] as const;
/** A way in. */
export type Way = typeof WAYS[number];

/** Labels that a network must all carry to be a tenant's. */
export type Scope = Readonly<Record<string, string>>;

/** Who is asking. */
export interface Principal {
  readonly name: string;
  readonly way: Way;
  readonly role: Role;
  /** Undefined: all networks. */
  readonly scope?: Scope | undefined;
  /** Of the console's session; absent without one. */
  readonly session?: string | undefined;
}

/** True where the role may do what `needed` may. */
export function roleCovers(role: Role, needed: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(needed);
}

/** True where the network is within the scope. A network that is not known is in none. */
export function scopeCovers(
  scope: Scope | undefined,
  network: Pick<Network, "metadata"> | undefined,
): boolean {
  if (scope === undefined) return true;
  const labels = network?.metadata.labels;
  return labels !== undefined &&
    Object.entries(scope).every(([name, value]) => labels[name] === value);
}
