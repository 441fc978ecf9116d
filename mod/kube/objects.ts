/**
 * The objects of Kubernetes that we read, with the fields that we use. Whatever else they have is
 * none of our business.
 *
 * Source: Kubernetes API reference (core/v1, apps/v1, batch/v1, meta/v1).
 *
 * @module
 */

import * as v from "valibot";
import { FabricError } from "../error.ts";

const Texts = v.record(v.string(), v.string());

const OwnerReferenceSchema = v.looseObject({
  apiVersion: v.string(),
  kind: v.string(),
  name: v.string(),
  uid: v.string(),
  controller: v.optional(v.boolean()),
});
/** Who made an object. */
export type OwnerReference = v.InferOutput<typeof OwnerReferenceSchema>;

const MetaSchema = v.looseObject({
  name: v.string(),
  namespace: v.optional(v.string()),
  uid: v.string(),
  annotations: v.optional(Texts, {}),
  labels: v.optional(Texts, {}),
  ownerReferences: v.optional(v.array(OwnerReferenceSchema), []),
  deletionTimestamp: v.optional(v.string()),
});

const TemplateSchema = v.looseObject({
  metadata: v.optional(v.looseObject({ annotations: v.optional(Texts, {}) })),
});
/** What a controller makes its Pods of. */
export type PodTemplate = v.InferOutput<typeof TemplateSchema>;

const PodSchema = v.looseObject({
  metadata: MetaSchema,
  spec: v.looseObject({
    nodeName: v.optional(v.string()),
    hostNetwork: v.optional(v.boolean()),
  }),
  status: v.optional(
    v.looseObject({
      phase: v.optional(v.string()),
      podIP: v.optional(v.string()),
      podIPs: v.optional(v.array(v.looseObject({ ip: v.optional(v.string()) })), []),
    }),
    {},
  ),
});
/** A Pod. */
export type KubePod = v.InferOutput<typeof PodSchema>;

/** What all controllers look like, and the numbers of those that have some. */
const WorkloadSchema = v.looseObject({
  metadata: MetaSchema,
  spec: v.optional(
    v.looseObject({
      template: v.optional(TemplateSchema),
      jobTemplate: v.optional(v.looseObject({
        spec: v.optional(v.looseObject({ template: v.optional(TemplateSchema) })),
      })),
      replicas: v.optional(v.number()),
      parallelism: v.optional(v.number()),
      ordinals: v.optional(v.looseObject({ start: v.optional(v.number()) })),
      completionMode: v.optional(v.string()),
      strategy: v.optional(v.looseObject({
        type: v.optional(v.string()),
        rollingUpdate: v.nullish(v.looseObject({
          maxSurge: v.optional(v.union([v.number(), v.string()])),
        })),
      })),
    }),
    {},
  ),
});
/** A controller of Pods: Deployment, StatefulSet, …, or one that we know by its reference alone. */
export type KubeWorkload = v.InferOutput<typeof WorkloadSchema>;

const NamespaceSchema = v.looseObject({ metadata: MetaSchema });
/** A Namespace. */
export type KubeNamespace = v.InferOutput<typeof NamespaceSchema>;

const NodeSchema = v.looseObject({
  metadata: MetaSchema,
  spec: v.optional(
    v.looseObject({
      taints: v.optional(
        v.array(v.looseObject({ key: v.string(), effect: v.optional(v.string()) })),
        [],
      ),
    }),
    {},
  ),
});
/** A Node. */
export type KubeNode = v.InferOutput<typeof NodeSchema>;

/**
 * Parses a Pod.
 *
 * @throws {FabricError} `internal`, as the others here: the server answered something else.
 */
export function parsePod(value: unknown): KubePod {
  return parse(PodSchema, { value, what: "a Pod" });
}

/** Parses a controller. */
export function parseWorkload(value: unknown): KubeWorkload {
  return parse(WorkloadSchema, { value, what: "a workload" });
}

/** Parses a Namespace. */
export function parseNamespace(value: unknown): KubeNamespace {
  return parse(NamespaceSchema, { value, what: "a Namespace" });
}

/** Parses a Node. */
export function parseNode(value: unknown): KubeNode {
  return parse(NodeSchema, { value, what: "a Node" });
}

function parse<T>(
  schema: v.GenericSchema<unknown, T>,
  { value, what }: { readonly value: unknown; readonly what: string },
): T {
  const parsed = v.safeParse(schema, value, { abortEarly: true });
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const field = v.getDotPath(issue) ?? "value";
  throw new FabricError(
    "internal",
    `Kubernetes answered something that is not ${what}: ${field}: ${issue.message}`,
    { field },
  );
}

/** What the workload makes its Pods of; undefined: it does not say. */
export function templateOf({ spec }: KubeWorkload): PodTemplate | undefined {
  return spec.template ?? spec.jobTemplate?.spec?.template;
}

/** The controller among the owners; undefined: nobody made it. */
export function controllerOf(
  { metadata }: { readonly metadata: { readonly ownerReferences: readonly OwnerReference[] } },
): OwnerReference | undefined {
  return metadata.ownerReferences.find(({ controller }) => controller === true);
}

/** `apps` of `apps/v1`, and the empty group of `v1`. */
export function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf("/");
  return slash < 0 ? "" : apiVersion.slice(0, slash);
}
