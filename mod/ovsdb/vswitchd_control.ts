/**
 * The control socket of ovs-vswitchd: what `ovs-appctl` speaks to. Its protocol is JSON-RPC 1.0 with
 * text for arguments and answers (ovs-appctl(8), lib/unixctl.c), so no program need be started, and
 * a flow can be traced or the table of MACs read in a millisecond.
 *
 * @module
 */

import * as v from "valibot";
import { FabricError } from "../error.ts";
import { connectJsonRpc } from "./json_rpc.ts";

/** A connection to ovs-vswitchd itself. */
export interface VswitchdControl extends AsyncDisposable {
  /**
   * Carries out a command as `ovs-appctl` would: `call("fdb/show", "br-prod")`; what it prints.
   *
   * @throws {FabricError} `unavailable` when vswitchd does not answer; `host` when it refuses, with
   * its words.
   */
  call(command: string, ...args: readonly string[]): Promise<string>;
}

export interface ConnectVswitchdOptions {
  /** The socket of ovsdb-server: vswitchd keeps its own in the same folder. */
  readonly socket: string;
  /** For connecting, and for every answer. Default 4,000 ms. */
  readonly timeoutMs?: number;
}

/**
 * Connects to ovs-vswitchd.
 *
 * @throws {FabricError} `unavailable` when it does not run or does not answer, `forbidden` when the
 * caller may not use its socket.
 */
export async function connectVswitchd(options: ConnectVswitchdOptions): Promise<VswitchdControl> {
  const timeoutMs = options.timeoutMs ?? 4_000;
  const folder = options.socket.replace(/\/[^/]*$/, "");
  const rpc = await connectJsonRpc({
    socket: `${folder}/ovs-vswitchd.${readPid(folder)}.ctl`,
    server: "ovs-vswitchd",
    timeoutMs,
  });
  return {
    async call(command, ...args) {
      const answer = await rpc.call(command, {
        params: [...args],
        timeoutMs,
        error: (value) =>
          new FabricError("host", `ovs-vswitchd refused ${command}: ${String(value).trim()}`),
      });
      return v.parse(v.string(), answer);
    },
    [Symbol.asyncDispose]: () => rpc[Symbol.asyncDispose](),
  };
}

function readPid(folder: string): string {
  const file = `${folder}/ovs-vswitchd.pid`;
  try {
    return Deno.readTextFileSync(file).trim();
  } catch (cause) {
    if (cause instanceof Deno.errors.PermissionDenied) {
      throw new FabricError("forbidden", `no permission to read ${file}`, { cause });
    }
    throw new FabricError("unavailable", `ovs-vswitchd does not run: there is no ${file}`, {
      remedy: "start ovs-vswitchd",
      cause,
    });
  }
}
