/**
 * Which role somebody has whom others vouch for: the authority of a client certificate, a provider
 * of OpenID Connect, a Kubernetes cluster. The first rule that fits counts; without one nobody is
 * let in.
 *
 * @module
 */

import * as v from "valibot";
import type { Way } from "./principal.ts";
import { type Principal, ROLES } from "./principal.ts";

const Text = v.pipe(v.string("it is not text"), v.minLength(1, "it is empty"));

/** One rule of `server.access`. */
export const BindingSchema = v.strictObject({
  way: v.picklist(
    ["certificate", "oidc", "kubernetes"],
    "it is none of certificate, oidc, kubernetes",
  ),
  /** CN or a subject's alternative name; user name. */
  user: v.optional(Text),
  /** O; group. */
  group: v.optional(Text),
  role: v.picklist(ROLES, `it is none of ${ROLES.join(", ")}`),
  /** Labels of the networks that are theirs; absent: all networks. */
  tenant: v.optional(v.record(v.string(), Text, "it is not a mapping of labels")),
}, "it is not a mapping");
export type Binding = v.InferOutput<typeof BindingSchema>;

/** Whom somebody vouches for. */
export interface Vouched {
  readonly way: Binding["way"] & Way;
  /** For people and the audit. */
  readonly name: string;
  /** All names that a rule may mean by `user`. */
  readonly users: readonly string[];
  readonly groups: readonly string[];
}

/** Who it is to us; undefined: no rule fits. */
export function bind(bindings: readonly Binding[], vouched: Vouched): Principal | undefined {
  const { way, name, users, groups } = vouched;
  const rule = bindings.find((binding) =>
    binding.way === way && (binding.user !== undefined || binding.group !== undefined) &&
    (binding.user === undefined || users.includes(binding.user)) &&
    (binding.group === undefined || groups.includes(binding.group))
  );
  if (rule === undefined) return undefined;
  return { name, way, role: rule.role, scope: rule.tenant };
}
