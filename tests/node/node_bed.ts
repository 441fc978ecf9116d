/**
 * A node of the lab as a check sees it: the test's own process reads the host's files and sockets
 * through /proc, and runs the host's programs by entering it.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { ulid } from "@std/ulid";
import { parse } from "yaml";
import { loadConfig } from "../../mod/config.ts";
import { readClock } from "../../mod/etcd/clock.ts";
import { openGatewayStore } from "../../mod/etcd/gateway.ts";
import type { Store } from "../../mod/etcd/store.ts";
import { run as runHere } from "../../mod/host/run.ts";
import { memoryLeaseCache } from "../../mod/ipam/context.ts";
import type { Journal } from "../../mod/ipam/repair/journal.ts";
import { NO_JOURNAL } from "../../mod/ipam/repair/journal.ts";
import { applyPlan, planRepair, type Repaired } from "../../mod/ipam/repair/repair.ts";
import { checkNode, type NodeCheckReport } from "../../mod/node/check/check.ts";
import type { NodeContext } from "../../mod/node/context.ts";
import { connectOvsdb } from "../../mod/ovsdb/client.ts";
import type { Source } from "../../mod/ipam/check/finding.ts";
import type { EquippedHost, Lab } from "../lab/mod.ts";

/** A node under check. */
export interface NodeBed extends AsyncDisposable {
  readonly host: EquippedHost;
  readonly store: Store;
  context(changes?: Partial<NodeContext>): Promise<NodeContext>;
  check(options?: BedCheck): Promise<NodeCheckReport>;
  /** Checks, and applies the plan. */
  repair(options?: BedCheck & { readonly journal?: Journal }): Promise<readonly Repaired[]>;
}

export interface BedCheck {
  readonly sources?: readonly Source[];
  /** Parts of the context in place of the host's. */
  readonly changes?: Partial<NodeContext>;
}

/** How to reach a host of the lab, as plain data: another process can be told. */
export interface NodeAccess {
  /** The command that enters it. */
  readonly enter: readonly string[];
  /** Its root, as the machine sees it. */
  readonly root: string;
  readonly node: string;
  readonly endpoints: readonly string[];
}

/** The access to a host. */
export function accessOf(lab: Lab, host: EquippedHost): NodeAccess {
  return {
    enter: host.enter(),
    root: host.path(""),
    node: host.plan.name,
    endpoints: lab.etcd.testEndpoints,
  };
}

const CONFIG = "/etc/fabric/config.yaml";

/** The node's context, for a process outside of it. */
export async function contextFrom(
  { enter, root, node, endpoints }: NodeAccess,
  store: Store,
): Promise<NodeContext> {
  const config = await loadConfig({ file: `${root}${CONFIG}`, hostname: () => node });
  const under = (path: string): string => root + path;
  const [program = "", ...args] = enter;
  return {
    config: {
      ...config,
      stateDir: under(config.stateDir),
      runDir: under(config.runDir),
      machineIdFile: under(config.machineIdFile),
      bootIdFile: under("/proc/sys/kernel/random/boot_id"),
    },
    configFile: under(CONFIG),
    run: (argv, options) => runHere([program, ...args, ...argv], options),
    ipam: { store, now: Date.now, random: Math.random, newId: ulid, leases: memoryLeaseCache() },
    id: ulid(),
    folders: { binDir: under("/opt/cni/bin"), confDir: under("/etc/cni/net.d") },
    connect: () => connectOvsdb({ socket: under(config.ovsdb.socket), timeoutMs: 4_000 }),
    clock: () => readClock({ endpoints }, Date.now),
  };
}

/** The node that a host of the lab is. */
export async function nodeBed(lab: Lab, host: EquippedHost): Promise<NodeBed> {
  const store = await openGatewayStore({ endpoints: lab.etcd.testEndpoints, timeoutMs: 20_000 });
  const context = async (changes: Partial<NodeContext> = {}): Promise<NodeContext> => ({
    ...await contextFrom(accessOf(lab, host), store),
    ...changes,
  });
  const check = async ({ sources, changes = {} }: BedCheck = {}): Promise<NodeCheckReport> =>
    await checkNode(await context(changes), {
      settleMs: 50,
      ...(sources === undefined ? {} : { sources }),
    });
  return {
    host,
    store,
    context,
    check,
    async repair({ journal = NO_JOURNAL, ...checked } = {}) {
      const { ipam } = await context();
      const { findings } = await check(checked);
      return await Array.fromAsync(applyPlan({ ipam, journal }, planRepair(findings)));
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

/** What was found, for people and for asserts. */
export function saying({ findings }: NodeCheckReport): readonly string[] {
  return findings.map(({ kind, object, detail }) => `${kind.code} ${object}: ${detail}`);
}

/** Codes of the findings, sorted. */
export function codesOf({ findings }: NodeCheckReport): readonly string[] {
  return findings.map(({ kind }) => kind.code).sort();
}

/** Fails where anything is found, and says what. */
export function assertClean(report: NodeCheckReport): void {
  assertEquals(saying(report), []);
  assertEquals(report.unseen, []);
}

/** The host's configuration, changed. */
export async function changeConfig(
  host: EquippedHost,
  change: (config: Record<string, unknown>) => void,
): Promise<void> {
  const config: unknown = parse(await host.readFile("/etc/fabric/config.yaml"));
  const fields: Record<string, unknown> = { ...Object(config) };
  change(fields);
  // JSON is YAML.
  await host.writeFile("/etc/fabric/config.yaml", JSON.stringify(fields));
}
