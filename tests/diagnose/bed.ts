/**
 * A lab with pods in it whose ways are diagnosed, and the words of `fabric-admin diagnose`.
 *
 * @module
 */

import * as v from "valibot";
import type { EquippedHost, Lab, LabOptions, PluginCall, Server } from "../lab/mod.ts";
import { confFor, startBed } from "../e2e/bed.ts";
import { addPod, type HandPod } from "../e2e/by_hand.ts";

const Report = v.object({
  kind: v.literal("Diagnosis"),
  sound: v.boolean(),
  ways: v.array(v.object({
    subject: v.string(),
    broken: v.nullable(v.string()),
    path: v.array(v.object({
      layer: v.string(),
      status: v.string(),
      says: v.string(),
      proof: v.optional(v.string()),
      remedy: v.optional(v.string()),
      evidence: v.optional(v.array(v.object({ source: v.string(), says: v.string() }))),
      notes: v.optional(v.array(v.string())),
    })),
  })),
});
export type Report = v.InferOutput<typeof Report>;

/** One diagnosis as it ended. */
export interface Diagnosed {
  readonly code: number;
  readonly stderr: string;
  readonly sound: boolean;
  /** The layer that is broken, of the first way that is. */
  readonly broken: string | undefined;
  /** What is said of it. */
  readonly says: string;
  readonly report: Report;
  readonly durationMs: number;
}

/** Runs `diagnose ... -o json` on a host. */
export async function diagnose(host: EquippedHost, ...args: readonly string[]): Promise<Diagnosed> {
  const { code, stdout, stderr, durationMs } = await host.admin([
    "diagnose",
    ...args,
    "-o",
    "json",
  ]);
  if (stdout === "") throw new Error(`diagnose ${args.join(" ")}: ${stderr}`);
  const report = v.parse(Report, JSON.parse(stdout));
  const way = report.ways.find(({ broken }) => broken !== null);
  const broken = way?.broken ?? undefined;
  const says = way?.path.find(({ layer }) => layer === broken)?.says ?? "";
  return { code, stderr, sound: report.sound, broken, says, report, durationMs };
}

/** Two hosts with pods in one VLAN, and one in another. */
export interface PodsBed extends AsyncDisposable {
  readonly lab: Lab;
  readonly host: EquippedHost;
  readonly other: EquippedHost;
  /** `web/a` and `web/b` on the first host, `web/c` on the second, in VLAN 100. */
  readonly a: HandPod;
  readonly b: HandPod;
  readonly c: HandPod;
  /** In VLAN 200, beyond the router. */
  readonly server: Server;
}

/** An ADD as a Kubernetes runtime calls it. */
export function podCall(
  name: string,
  network = "vlan100",
): PluginCall & { readonly name: string } {
  return {
    name: `sandbox-${name}`,
    args: { K8S_POD_NAMESPACE: "web", K8S_POD_NAME: name, K8S_POD_UID: `uid-of-${name}` },
    conf: confFor(network),
  };
}

/** Starts it. */
export async function startPodsBed(options: LabOptions = {}): Promise<PodsBed> {
  const lab = await startBed({ hosts: 2, ...options });
  try {
    const [host, other] = [lab.host(0), lab.host(1)];
    const [a, b, c, server] = await Promise.all([
      addPod(host, podCall("a")),
      addPod(host, podCall("b")),
      addPod(other, podCall("c")),
      lab.addServer({ vlan: 200, addresses: ["10.200.0.10/24", "fd00:200::10/64"] }),
    ]);
    return { lab, host, other, a, b, c, server, [Symbol.asyncDispose]: () => lab.close() };
  } catch (error) {
    await lab.close();
    throw error;
  }
}

/** Name of the host's end of a pod's `eth0`. */
export function hostEnd(pod: HandPod): string {
  return pod.result.interfaces[0]?.name ?? "";
}

/** The pod's address of a family, without prefix length. */
export function addressOf(pod: HandPod, family: 4 | 6): string {
  const found = pod.result.ips.find(({ address }) => address.includes(":") === (family === 6));
  return found?.address.replace(/\/.*$/, "") ?? "";
}
