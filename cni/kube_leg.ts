/**
 * Where an ADD meets Kubernetes: what it asks for with all that is said of the Pod there. A node
 * without Kubernetes loads nothing of what stands behind this.
 *
 * @module
 */

import { asFabricError, type FabricError } from "../mod/error.ts";
import { allocate } from "../mod/ipam/allocate.ts";
import type { AllocateRequest, Allocation } from "../mod/ipam/allocation.ts";
import type { IpamContext } from "../mod/ipam/context.ts";
import { doorPath, knock } from "../mod/kube/knock.ts";
import type { Call } from "./call.ts";
import { reworded } from "./neighbour.ts";
import type { AddRequest } from "./request.ts";

/** What an ADD asks of IPAM and of the host. */
export interface ResolvedAdd {
  readonly asked: AllocateRequest;
  /** Allocates what is asked. */
  allocate(context: IpamContext): Promise<Allocation>;
}

/** Kubernetes' part of one ADD. */
export interface KubeLeg extends Disposable {
  /** Completes the request. May be called once. */
  resolve(base: AllocateRequest): Promise<ResolvedAdd>;
  /** Tells people why the ADD failed, by Events on the Pod and on its workload. Never throws. */
  tell(error: FabricError): Promise<void>;
}

/** Begins to read; undefined where the node has no Kubernetes, or the sandbox is no Pod of it. */
export async function beginKubeLeg(request: AddRequest, call: Call): Promise<KubeLeg | undefined> {
  const { kubernetes } = call.config;
  const { pod } = request;
  if (kubernetes === undefined || pod === undefined) return undefined;
  const knocked = knock(doorPath(call.config));
  const { openKubeLeg } = await import("./kubernetes.ts");
  // Then the request goes out before the next step blocks this thread for some milliseconds.
  await knocked?.done;
  return openKubeLeg(request, { call, kubeconfig: kubernetes.kubeconfig, pod, knocked });
}

/** Without Kubernetes addresses belong to nobody, and the request says everything. */
export function withoutKubernetes(asked: AllocateRequest): ResolvedAdd {
  return { asked, allocate: (context) => allocate(context, asked) };
}

/** Why an ADD failed: where Kubernetes is, people look for the Pod's name, and for an Event. */
export async function failureOf(
  cause: unknown,
  { pod }: Pick<AddRequest, "pod">,
  kube: KubeLeg | undefined,
): Promise<FabricError> {
  const error = asFabricError(cause);
  if (kube === undefined || pod === undefined) return error;
  const name = `${pod.namespace}/${pod.name}`;
  const named = error.message.includes(name)
    ? error
    : reworded(error, { message: `Pod ${name}: ${error.message}` });
  await kube.tell(named);
  return named;
}
