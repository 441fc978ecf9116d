/**
 * What a diagnosis looks at: the node and the store, each read when it is first needed, and once.
 * Nothing here changes anything.
 *
 * @module
 */

import type { Config } from "../config.ts";
import { asFabricError, isKind } from "../error.ts";
import type { Store } from "../etcd/store.ts";
import { observeHost, type SeenHost } from "../host/observe.ts";
import type { Run } from "../host/run.ts";
import { connectOvsdb } from "../ovsdb/client.ts";
import { observeSwitch, type SeenPort, type SeenSwitch } from "../ovsdb/observe.ts";
import { parsePortNumbers, type PortNumbers } from "../ovsdb/trace_parse.ts";
import { connectVswitchd, type VswitchdControl } from "../ovsdb/vswitchd_control.ts";

/** What it takes. */
export interface SceneOptions {
  readonly config: Config;
  readonly run: Run;
  /** The store stays the caller's. */
  readonly openStore: () => Promise<Store>;
}

/** An answer of the store, or why there is none. */
export type Asked<T> = { readonly value: T } | { readonly silent: string };

export interface Scene extends AsyncDisposable {
  readonly config: Config;
  readonly run: Run;
  /** Devices of this host. */
  host(): Promise<SeenHost>;
  /** @throws {FabricError} `unavailable` when ovsdb-server does not answer. */
  switch(): Promise<SeenSwitch>;
  /** @throws {FabricError} `unavailable` when ovs-vswitchd does not answer. */
  control(): Promise<VswitchdControl>;
  /** Numbers of all ports, by name; as {@linkcode Scene.control}. */
  numbers(): Promise<ReadonlyMap<string, PortNumbers>>;
  /** For what makes no sense without the store. */
  store(): Promise<Store>;
  /** Asks the store; it need not answer, since pods that run do not need it either. */
  ask<T>(question: (store: Store) => Promise<T>): Promise<Asked<T>>;
}

/** Opens it; nothing is read yet. */
export function openScene({ config, run, openStore }: SceneOptions): Scene {
  const { socket } = config.ovsdb;
  const host = once(() => observeHost(run));
  const seenSwitch = once(async () => {
    await using db = await connectOvsdb({ socket });
    return await observeSwitch(db);
  });
  const control = once(() => connectVswitchd({ socket }));
  const numbers = once(async () => parsePortNumbers(await (await control.get()).call("dpif/show")));
  const store = once(openStore);
  let silent: string | undefined;
  return {
    config,
    run,
    host: host.get,
    switch: seenSwitch.get,
    control: control.get,
    numbers: numbers.get,
    store: store.get,
    async ask(question) {
      // Who kept silent once is not waited for again.
      if (silent !== undefined) return { silent };
      try {
        return { value: await question(await store.get()) };
      } catch (error) {
        if (!isKind(error, "unavailable", "unauthenticated", "forbidden")) throw error;
        silent = asFabricError(error).message;
        return { silent };
      }
    },
    async [Symbol.asyncDispose]() {
      await (await control.begun()?.catch(() => undefined))?.[Symbol.asyncDispose]();
    },
  };
}

interface Once<T> {
  readonly get: () => Promise<T>;
  /** Undefined: nobody asked for it. */
  readonly begun: () => Promise<T> | undefined;
}

function once<T>(make: () => Promise<T>): Once<T> {
  let made: Promise<T> | undefined;
  return { get: () => made ??= make(), begun: () => made };
}

/** Ports of a bridge that may lead to the wire: not ours, and not Open vSwitch's own. */
export function wirePorts({ ports }: SeenSwitch, bridge: string): readonly SeenPort[] {
  return ports.filter(({ bridges, facts, interfaces }) =>
    bridges.includes(bridge) && facts["container-id"] === undefined &&
    interfaces.some(({ type }) => type === "" || type === "system" || type === "dpdk")
  );
}
