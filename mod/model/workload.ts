/**
 * Workloads as people write them: `statefulset/trade/orders`, `StatefulSet.apps/trade/orders`.
 *
 * @module
 */

import { FabricError } from "../error.ts";
import type { OwnerRef } from "./identity.ts";

/** A workload, without the slot and the interface. */
export type Workload = Pick<OwnerRef, "group" | "kind" | "namespace" | "name">;

/** Kinds that people write without their group, in small letters or by their short names. */
const KINDS: readonly (readonly [kind: string, group: string, ...names: readonly string[]])[] = [
  ["StatefulSet", "apps", "statefulset", "statefulsets", "sts"],
  ["Deployment", "apps", "deployment", "deployments", "deploy"],
  ["DaemonSet", "apps", "daemonset", "daemonsets", "ds"],
  ["ReplicaSet", "apps", "replicaset", "replicasets", "rs"],
  ["Job", "batch", "job", "jobs"],
  ["CronJob", "batch", "cronjob", "cronjobs", "cj"],
  ["Pod", "", "pod", "pods", "po"],
  ["VirtualMachine", "kubevirt.io", "virtualmachine", "virtualmachines", "vm", "vms"],
];

const NAME = /^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/;

/**
 * Parses `KIND[.GROUP]/NAMESPACE/NAME`; without a namespace it is `default`.
 *
 * @throws {FabricError} `invalid`.
 */
export function parseWorkload(text: string): Workload {
  const parts = text.split("/");
  const [first = "", second = "", third] = parts;
  const namespace = third === undefined ? "default" : second;
  const name = third ?? second;
  if (parts.length > 3 || !NAME.test(namespace) || !NAME.test(name)) throw malformed(text);
  const dot = first.indexOf(".");
  if (dot > 0 && NAME.test(first)) {
    const [kind, group] = [first.slice(0, dot), first.slice(dot + 1)];
    const known = KINDS.find(([, of, ...names]) =>
      of === group && names.includes(kind.toLowerCase())
    );
    return { kind: known?.[0] ?? kind, group, namespace, name };
  }
  const known = KINDS.find(([, , ...names]) => names.includes(first.toLowerCase()));
  if (known !== undefined) return { kind: known[0], group: known[1], namespace, name };
  throw new FabricError("invalid", `Unknown kind of workload "${first}" in "${text}"`, {
    field: "workload",
    value: text,
    remedy: "write its group too, as in Rollout.argoproj.io/trade/orders",
  });
}

function malformed(text: string): FabricError {
  return new FabricError("invalid", `Cannot parse workload "${text}"`, {
    field: "workload",
    value: text,
    remedy: "write KIND/NAMESPACE/NAME, as in statefulset/trade/orders",
  });
}

/** `StatefulSet.apps/trade/orders`, as {@linkcode parseWorkload} reads it. */
export function workloadName({ group, kind, namespace, name }: Workload): string {
  return `${group === "" ? kind : `${kind}.${group}`}/${namespace}/${name}`;
}
