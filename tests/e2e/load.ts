/**
 * Many pods at once on several hosts, as after the start of a cluster: their sandboxes, what the
 * runtimes were answered, and what the pods really have.
 *
 * @module
 */

import * as v from "valibot";
import type { EquippedHost, PluginAnswer } from "../lab/mod.ts";
import { inFlight } from "./lanes.ts";

/** A sandbox of a load, made with many others at a time. */
export interface LoadPod {
  readonly host: EquippedHost;
  readonly containerId: string;
  readonly netns: string;
}

/** What a runtime was answered to an ADD. */
export interface Answered {
  readonly pod: LoadPod;
  readonly answer: PluginAnswer;
}

/** Makes the sandboxes, spread over the hosts in turn; `name` begins their names. */
export async function makeSandboxes(
  hosts: readonly EquippedHost[],
  options: { readonly name: string; readonly count: number },
): Promise<readonly LoadPod[]> {
  const { name, count } = options;
  const pods = Array.from({ length: count }, (_, i): LoadPod => {
    const host = hosts[i % hosts.length];
    if (host === undefined) throw new Error("a load needs a host");
    return { host, containerId: `${name}-${i}`, netns: `/run/netns/${name}-${i}` };
  });
  await forEachHost(
    pods,
    (host, own) =>
      host.execOk(own.map(({ containerId }) => `ip netns add ${containerId}`).join("\n"), LONG),
  );
  return pods;
}

/** Takes the sandboxes away. */
export async function removeSandboxes(pods: readonly LoadPod[]): Promise<void> {
  await forEachHost(
    pods,
    (host, own) =>
      host.execOk(own.map(({ containerId }) => `ip netns del ${containerId}`).join("\n"), LONG),
  );
}

const LONG = { timeoutMs: 300_000 };

/** Calls the plugin for each pod, at most `limit` calls at a time. */
export function callForEach(
  verb: string,
  pods: readonly LoadPod[],
  options: {
    readonly limit: number;
    readonly conf: Readonly<Record<string, unknown>>;
    readonly onAnswer?: (answered: Answered, count: number) => Promise<void> | void;
  },
): Promise<readonly Answered[]> {
  const { limit, conf, onAnswer } = options;
  let count = 0;
  return inFlight(pods, limit, async (pod) => {
    const { containerId, netns } = pod;
    const answer = await pod.host.fabric(verb, { containerId, netns, conf, timeoutMs: 120_000 });
    const answered = { pod, answer };
    await onAnswer?.(answered, ++count);
    return answered;
  });
}

const Links = v.array(v.object({
  addr_info: v.array(v.object({ local: v.string(), scope: v.string() })),
}));

/** The addresses that the pods' interfaces have, by container id; none for a pod without `eth0`. */
export async function realAddresses(
  pods: readonly LoadPod[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const found = new Map<string, readonly string[]>();
  await forEachHost(pods, async (host, own) => {
    const script = own.map(({ containerId }) =>
      `ip -n ${containerId} -j address show dev eth0 2>/dev/null || echo '[]'`
    );
    const text = await host.execOk(script.join("\n"), LONG);
    const lines = text.trim().split("\n");
    own.forEach(({ containerId }, i) => {
      const links = v.parse(Links, JSON.parse(lines[i] ?? ""));
      const addresses = links.flatMap(({ addr_info }) => addr_info)
        .filter(({ scope }) => scope === "global").map(({ local }) => local);
      found.set(containerId, addresses.sort());
    });
  });
  return found;
}

/** Values that stand in the list more than once. */
export function duplicates<T>(values: readonly T[]): readonly T[] {
  return values.filter((value, i) => values.indexOf(value) !== i);
}

async function forEachHost(
  pods: readonly LoadPod[],
  action: (host: EquippedHost, own: readonly LoadPod[]) => Promise<unknown>,
): Promise<void> {
  const hosts = [...new Set(pods.map(({ host }) => host))];
  await Promise.all(hosts.map((host) => action(host, pods.filter((pod) => pod.host === host))));
}
