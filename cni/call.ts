/**
 * What every verb is given: the node's configuration and state, its programs, log and clock.
 *
 * @module
 */

import { ulid } from "@std/ulid";
import type { Config } from "../mod/config.ts";
import { etcdOptions } from "../mod/config_etcd.ts";
import { openGatewayStore } from "../mod/etcd/gateway.ts";
import type { Header, Store } from "../mod/etcd/store.ts";
import type { Run } from "../mod/host/run.ts";
import type { IpamContext } from "../mod/ipam/context.ts";
import type { Log } from "../mod/log.ts";
import type { AttachmentRef } from "../mod/model/identity.ts";
import { type KnownStore, readKnownStore, rememberStore } from "../mod/node/known_store.ts";
import { fileLeaseCache } from "./lease_file.ts";
import { createRun } from "../mod/node/programs.ts";
import type { Sandbox } from "./request.ts";
import { openSpool, type Spool } from "../mod/node/spool.ts";
import type { Steps } from "./steps.ts";

/** One call of the plugin. */
export interface Call {
  readonly config: Config;
  readonly log: Log;
  readonly run: Run;
  readonly steps: Steps;
  readonly spool: Spool;
  /** Unique among the calls of the node. */
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Opens the store; nothing is sent yet. `await using`. */
  openStore(options?: { readonly timeoutMs?: number }): Promise<Store>;
  /** What IPAM needs around the store. */
  ipam(store: Store): IpamContext;
  /** Notes the newest that was seen of the store that was opened (rule 10). */
  remember(header: Header): void;
  /** Told of state that could not be kept: that costs a later call some time, and this one nothing. */
  onError(error: unknown): void;
}

/** Puts the parts of a call together. */
export function createCall(
  config: Config,
  parts: { readonly log: Log; readonly steps: Steps; readonly now: () => number },
): Call {
  const { log, steps, now } = parts;
  const id = ulid(now());
  const onError = (error: unknown): void =>
    log.write("warning", "state could not be kept", { error: String(error) });
  let before: KnownStore | undefined;
  return {
    config,
    log,
    run: createRun(log),
    steps,
    spool: openSpool(config.stateDir),
    id,
    now,
    openStore: ({ timeoutMs } = {}) => {
      before = readKnownStore(config.stateDir);
      return openGatewayStore({
        ...etcdOptions(config),
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
      });
    },
    ipam: (store) => ({
      store,
      now,
      random: Math.random,
      newId: () => ulid(now()),
      leases: fileLeaseCache(config.runDir, { unique: id, onError }),
    }),
    onError,
    remember(header) {
      try {
        rememberStore(config.stateDir, header, { before, unique: id });
      } catch (error) {
        onError(error);
      }
    },
  };
}

/** The sandbox's interface as IPAM names it. */
export function attachmentRef(
  config: Config,
  sandbox: Pick<Sandbox, "containerId" | "ifname">,
): AttachmentRef {
  const { cluster, node } = config;
  return { cluster, node, containerId: sandbox.containerId, ifname: sandbox.ifname };
}
