/**
 * Workloads as people write them.
 *
 * @module
 */

import { TOOLS_IMAGE } from "./images.ts";

/** An object as `kubectl apply` takes it. */
export type KubernetesObject = Readonly<Record<string, unknown>>;

export interface WorkloadOptions {
  /** Default 1. */
  readonly replicas?: number;
  /** On the Pod template. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** Fields of the workload's `spec`. */
  readonly spec?: Readonly<Record<string, unknown>>;
  /** Fields of the Pod's `spec`. */
  readonly pod?: Readonly<Record<string, unknown>>;
}

function podTemplate(name: string, { annotations = {}, pod = {} }: WorkloadOptions) {
  return {
    metadata: { labels: { app: name }, annotations },
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [{ name: "main", image: TOOLS_IMAGE, imagePullPolicy: "Never" }],
      ...pod,
    },
  };
}

/** A Deployment that replaces its Pods one after another, without a surge. */
export function deployment(name: string, options: WorkloadOptions = {}): KubernetesObject {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name },
    spec: {
      replicas: options.replicas ?? 1,
      selector: { matchLabels: { app: name } },
      strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } },
      template: podTemplate(name, options),
      ...options.spec,
    },
  };
}

/** A StatefulSet without a Service. */
export function statefulSet(name: string, options: WorkloadOptions = {}): KubernetesObject {
  return {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: { name },
    spec: {
      replicas: options.replicas ?? 1,
      serviceName: name,
      podManagementPolicy: "Parallel",
      selector: { matchLabels: { app: name } },
      template: podTemplate(name, options),
      ...options.spec,
    },
  };
}

/** A DaemonSet. */
export function daemonSet(name: string, options: WorkloadOptions = {}): KubernetesObject {
  return {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { name },
    spec: {
      selector: { matchLabels: { app: name } },
      template: podTemplate(name, options),
      ...options.spec,
    },
  };
}

/** A Pod without a controller; a kubelet starts it from a file, too. */
export function barePod(name: string, options: WorkloadOptions = {}): KubernetesObject {
  const { metadata, spec } = podTemplate(name, options);
  return { apiVersion: "v1", kind: "Pod", metadata: { ...metadata, name }, spec };
}

/** A Job; its Pods do not start their containers again. */
export function job(name: string, options: WorkloadOptions = {}): KubernetesObject {
  const { metadata, spec } = podTemplate(name, options);
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name },
    spec: {
      template: { metadata, spec: { restartPolicy: "Never", ...spec } },
      ...options.spec,
    },
  };
}

/** A CronJob that only starts by hand. */
export function cronJob(name: string, options: WorkloadOptions = {}): KubernetesObject {
  const { metadata, spec } = podTemplate(name, options);
  return {
    apiVersion: "batch/v1",
    kind: "CronJob",
    metadata: { name },
    spec: {
      schedule: "0 0 1 1 *",
      suspend: true,
      jobTemplate: {
        spec: { template: { metadata, spec: { restartPolicy: "Never", ...spec } } },
      },
    },
  };
}

/** A ReplicaSet of nobody. */
export function replicaSet(name: string, options: WorkloadOptions = {}): KubernetesObject {
  return {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: { name },
    spec: {
      replicas: options.replicas ?? 1,
      selector: { matchLabels: { app: name } },
      template: podTemplate(name, options),
    },
  };
}

/** The container of a Pod template, with fields of one's own. */
export function containers(
  fields: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  return {
    containers: [{ name: "main", image: TOOLS_IMAGE, imagePullPolicy: "Never", ...fields }],
  };
}
