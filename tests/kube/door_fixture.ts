/**
 * The door of a node: `fabric keep-kubeconfig` as a process of its own, with the token of the plugin's
 * service account in a file as a kubelet writes it.
 *
 * @module
 */

import * as v from "valibot";
import type { EquippedHost } from "../lab/equipped_host.ts";
import { FABRIC_BINARY } from "../lab/fabric.ts";
import type { Running } from "../lab/process.ts";
import type { KubeFixture } from "../kube_fixture.ts";
import { USERS } from "./bed.ts";
import { supervise, type Supervised } from "../supervised.ts";

const Kubeconfig = v.object({
  clusters: v.tuple([v.object({
    cluster: v.object({ "server": v.string(), "certificate-authority-data": v.string() }),
  })]),
  users: v.tuple([v.object({ user: v.object({ token: v.string() }) })]),
});

/** What a kubelet shows to the Pod that keeps the kubeconfig. */
export interface Account {
  readonly server: string;
  readonly ca: string;
  readonly token: string;
}

/** The account of a user. */
export function accountOf(kube: KubeFixture, user: string): Account {
  const { clusters: [{ cluster }], users: [{ user: { token } }] } = v.parse(
    Kubeconfig,
    kube.kubeconfig(user),
  );
  return { server: cluster.server, ca: atob(cluster["certificate-authority-data"]), token };
}

/** The command, and its paths, all in one folder; `run` is the folder of the plugin's state. */
export function keeperCommand(
  dir: string,
  { server, run, interval = 1 }: {
    readonly server: string;
    readonly run: string;
    readonly interval?: number;
  },
): readonly string[] {
  return [
    "keep-kubeconfig",
    `--server=${server}`,
    `--token-file=${dir}/token`,
    `--ca-file=${dir}/ca.crt`,
    `--kubeconfig=${dir}/kubeconfig`,
    `--run-dir=${run}`,
    `--interval=${interval}`,
  ];
}

export interface Keeper extends Supervised {
  /** What it has written. */
  log(): string;
}

/** Starts it on this very machine; returns when its door is open. */
export async function startKeeper(dir: string, account: Account): Promise<Keeper> {
  Deno.writeTextFileSync(`${dir}/token`, account.token);
  Deno.writeTextFileSync(`${dir}/ca.crt`, account.ca);
  const logFile = `${dir}/keeper.log`;
  const log = (): string => Deno.readTextFileSync(logFile);
  Deno.writeTextFileSync(logFile, "");
  const keeper = await supervise([
    FABRIC_BINARY,
    ...keeperCommand(dir, { server: account.server, run: `${dir}/run` }),
  ], logFile);
  await until(() => keeper.isOver() || log().includes("listening on"));
  if (keeper.isOver()) throw new Error(`it ended: ${log()}`);
  return { ...keeper, log };
}

/**
 * Opens a host's door, as an installation does; returns when it is open. The host's kubeconfig is the
 * one that is kept.
 */
export async function openDoorOn(host: EquippedHost, kube: KubeFixture): Promise<Running> {
  const { server, token, ca } = accountOf(kube, USERS.plugin);
  await host.writeFile("/etc/fabric/keep/token", token);
  await host.writeFile("/etc/fabric/keep/ca.crt", ca);
  const keeper = host.start([
    "/opt/cni/bin/fabric",
    ...keeperCommand("/etc/fabric/keep", { server, run: "/run/fabric", interval: 60 }),
  ]);
  await keeper.until(/listening on/, 20_000);
  await host.execOk("cp /etc/fabric/keep/kubeconfig /etc/fabric/kubeconfig");
  return keeper;
}

/** Waits for a condition, 20 s at most. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!await holds()) {
    if (performance.now() > deadline) throw new Error("it did not happen within 20 s");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
