/**
 * The door of a node: `fabric keep-kubeconfig` as a process of its own, with the token of the plugin's
 * service account in a file as a kubelet writes it; and who comes to it.
 *
 * @module
 */

import * as v from "valibot";
import { asFabricError } from "../../mod/error.ts";
import { type HttpAnswer, HttpConnection, httpHost } from "../../mod/http.ts";
import { type KubeClient, openKubeClient } from "../../mod/kube/client.ts";
import { DOOR, type KubeDoor, openKubeDoor } from "../../mod/kube/door.ts";
import { doorPath, knock } from "../../mod/kube/knock.ts";
import { readKubeconfig } from "../../mod/kube/kubeconfig.ts";
import { parseNamespace } from "../../mod/kube/objects.ts";
import type { EquippedHost } from "../lab/equipped_host.ts";
import { FABRIC_BINARY } from "../lab/fabric.ts";
import type { Running } from "../lab/process.ts";
import type { KubeFixture } from "../kube_fixture.ts";
import { applyRbac, makeNamespace, startKubeApi, USERS } from "./bed.ts";
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
  await keeper.until(/listening on/, 60_000);
  await host.execOk("cp /etc/fabric/keep/kubeconfig /etc/fabric/kubeconfig");
  return keeper;
}

/** Waits for a condition, a minute at most. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!await holds()) {
    if (performance.now() > deadline) throw new Error("it did not happen within a minute");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** What everybody may read. */
export const SHOP = "/api/v1/namespaces/shop";

/** What a step works with. */
export interface DoorBed {
  readonly kube: KubeFixture;
  /** Has the keeper's files. */
  readonly dir: string;
  /** A step that ends it puts another one in its place. */
  keeper: Keeper;
}

/** A step of a test, and what it shows. */
export type DoorStep = readonly [name: string, step: (bed: DoorBed) => Promise<void>];

/** Runs the steps one after the other, with an API server and a door to it. */
export async function withDoor(t: Deno.TestContext, steps: readonly DoorStep[]): Promise<void> {
  await using kube = await startKubeApi();
  await applyRbac(kube);
  await makeNamespace(kube, "shop");
  const dir = await Deno.makeTempDir({ prefix: "fabric-door-" });
  const keeper = await startKeeper(dir, accountOf(kube, USERS.plugin));
  const bed: DoorBed = { kube, dir, keeper };
  try {
    for (const [name, step] of steps) await t.step(name, () => step(bed));
  } finally {
    await bed.keeper.end();
    await Deno.remove(dir, { recursive: true });
  }
}

/** Who reads as an ADD does. */
export interface Visitor extends Disposable {
  readonly client: KubeClient;
  /** Answers that came by the door; -1 when it is given up, or was never used. */
  byDoor(): number;
  readonly warnings: readonly string[];
}

/** A client as an ADD has it. */
export async function visit(
  { dir }: Pick<DoorBed, "dir">,
  // On a machine that does other things, too, silence of a moment is no wonder.
  { silenceMs = 2_000 }: { readonly silenceMs?: number } = {},
): Promise<Visitor> {
  const target = await readKubeconfig(`${dir}/kubeconfig`);
  const warnings: string[] = [];
  const knocked = knock(doorPath({ runDir: `${dir}/run` }));
  const door = knocked === undefined ? undefined : openKubeDoor(knocked, {
    host: httpHost(target.target),
    warn: (why) => void warnings.push(why),
    silenceMs,
  });
  let byDoor = door === undefined ? -1 : 0;
  const counted: KubeDoor | undefined = door === undefined ? undefined : {
    get: async (path, headers) => {
      const answer = await door.get(path, headers);
      byDoor = answer === undefined ? -1 : byDoor + 1;
      return answer;
    },
    [Symbol.dispose]: () => door[Symbol.dispose](),
  };
  const client = openKubeClient(target, { door: counted, timeoutMs: 15_000 });
  return {
    client,
    byDoor: () => byDoor,
    warnings,
    [Symbol.dispose]: () => client[Symbol.dispose](),
  };
}

/** The step that the Namespace names now. */
export async function labelOf(client: KubeClient): Promise<string | undefined> {
  return parseNamespace(await client.get(SHOP)).metadata.labels["step"];
}

/** Has the Namespace name a step. */
export async function setLabel({ kube }: DoorBed, step: string): Promise<void> {
  await kube.client.merge(SHOP, { metadata: { labels: { step } } });
}

/** How it ended: `found`, or what was wrong. */
export async function kindOf(asking: Promise<unknown>): Promise<string> {
  return await asking.then(() => "found", (error) => {
    const { kind, details } = asFabricError(error);
    return `${kind} ${details["reason"] ?? ""}`.trim();
  });
}

/** One request, as anybody with the socket could make it. */
export async function knockBy(
  { kube, dir }: DoorBed,
  {
    method = "GET",
    path = `${DOOR}?${SHOP}`,
    host = new URL(accountOf(kube, USERS.plugin).server).host,
    token,
  }: {
    readonly method?: string;
    readonly path?: string;
    readonly host?: string;
    readonly token?: string;
  },
): Promise<HttpAnswer> {
  const conn = await Deno.connect({
    transport: "unix",
    path: doorPath({ runDir: `${dir}/run` }),
  });
  using connection = new HttpConnection(conn, { name: host, fill: 0 });
  return await connection.request({
    method,
    path,
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  }, { timeoutMs: 10_000 });
}
