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

/** The node that a host of the lab is. */
export async function nodeBed(lab: Lab, host: EquippedHost): Promise<NodeBed> {
  const options = { endpoints: lab.etcd.testEndpoints, timeoutMs: 20_000 };
  const store = await openGatewayStore(options);
  const inside = "/etc/fabric/config.yaml";
  const context = async (changes: Partial<NodeContext> = {}): Promise<NodeContext> => {
    // Read anew each time: a test may change it.
    const file = await Deno.makeTempFile({ suffix: ".yaml" });
    try {
      await Deno.writeTextFile(file, await host.readFile(inside));
      const config = await loadConfig({ file, hostname: () => host.plan.name });
      const under = (path: string): string => host.path(path);
      const [program = "", ...enter] = host.enter();
      return {
        config: {
          ...config,
          stateDir: under(config.stateDir),
          runDir: under(config.runDir),
          machineIdFile: under(config.machineIdFile),
          bootIdFile: under("/proc/sys/kernel/random/boot_id"),
        },
        configFile: under(inside),
        run: (argv, runOptions) => runHere([program, ...enter, ...argv], runOptions),
        ipam: {
          store,
          now: Date.now,
          random: Math.random,
          newId: ulid,
          leases: memoryLeaseCache(),
        },
        id: ulid(),
        folders: { binDir: under("/opt/cni/bin"), confDir: under("/etc/cni/net.d") },
        connect: () => connectOvsdb({ socket: under(config.ovsdb.socket), timeoutMs: 4_000 }),
        clock: () => readClock(options, Date.now),
        ...changes,
      };
    } finally {
      await Deno.remove(file);
    }
  };
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
