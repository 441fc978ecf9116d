/**
 * Pods without a container runtime: a namespace, and the plugin called as a runtime calls it.
 *
 * @module
 */

import * as v from "valibot";
import {
  type EquippedHost,
  type PluginAnswer,
  type PluginCall,
  requireOk,
  type Sandbox,
} from "../lab/mod.ts";

export interface HandPod extends Sandbox {
  /** Of the ADD. */
  readonly result: CniResult;
  readonly call: PluginCall;
  /** Calls another verb for the same interface. */
  again(verb: string, more?: PluginCall): Promise<PluginAnswer>;
}

const Result = v.looseObject({
  cniVersion: v.string(),
  interfaces: v.array(v.looseObject({ name: v.string(), mac: v.optional(v.string()) })),
  ips: v.array(v.looseObject({
    address: v.string(),
    gateway: v.optional(v.string()),
    version: v.optional(v.string()),
  })),
  routes: v.optional(v.array(v.looseObject({ dst: v.string(), gw: v.optional(v.string()) })), []),
  dns: v.optional(v.looseObject({}), {}),
});
export type CniResult = v.InferOutput<typeof Result>;

const Failure = v.looseObject({
  cniVersion: v.string(),
  code: v.number(),
  msg: v.string(),
  details: v.optional(v.string()),
});
export type CniFailure = v.InferOutput<typeof Failure>;

/** The result of an ADD; throws with all that was said unless it succeeded. */
export function resultOf(answer: PluginAnswer): CniResult {
  requireOk(answer);
  return v.parse(Result, answer.json);
}

/** The error of a call; throws when it succeeded. */
export function failureOf(answer: PluginAnswer): CniFailure {
  if (answer.code !== 1) throw new Error(`exit code ${answer.code}, not 1: ${answer.stdout}`);
  return v.parse(Failure, answer.json);
}

/** Makes a sandbox and ADDs its `eth0` (or what `call` says). */
export async function addPod(
  host: EquippedHost,
  call: PluginCall & { readonly name?: string } = {},
): Promise<HandPod> {
  const { name, ...plain } = call;
  const sandbox = plain.sandbox ?? await host.sandbox(name);
  const whole = { ...plain, sandbox };
  const result = resultOf(await host.fabric("ADD", whole));
  return {
    ...sandbox,
    ...(plain.containerId === undefined ? {} : { containerId: plain.containerId }),
    result,
    call: whole,
    again: (verb, more = {}) => host.fabric(verb, { ...whole, ...more }),
  };
}
