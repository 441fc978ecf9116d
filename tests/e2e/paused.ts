/**
 * Calls of the plugin that a fault point stops, until they are told to go on.
 *
 * @module
 */

import { type EquippedHost, eventually, type PluginAnswer, type PluginCall } from "../lab/mod.ts";

/** A call that stands still at a fault point. */
export interface PausedCall {
  /** Lets it go on; its answer. */
  resume(): Promise<PluginAnswer>;
}

/** nsenter, which brings the plugin onto the host, would stop with it; a shell does not. */
const WRAPPER = "fabric-paused";

/** Calls the plugin, and returns when it has stopped at the point. One at a time on a host. */
export async function pauseAt(
  point: string,
  verb: string,
  { host, call }: { readonly host: EquippedHost; readonly call: PluginCall },
): Promise<PausedCall> {
  await host.writeFile(
    `/opt/cni/bin/${WRAPPER}`,
    "#!/bin/sh\n/opt/cni/bin/fabric\nexit $?\n",
    { mode: 0o755 },
  );
  const env = { ...call.env, FABRIC_FAULT: `${point}:pause` };
  const calling = host.fabric(verb, { ...call, env, plugin: WRAPPER, timeoutMs: 120_000 });
  let early: PluginAnswer | undefined;
  calling.then((answer) => early = answer, () => {});
  const pid = await eventually(`${verb} stops at ${point}`, async () => {
    if (early !== undefined) throw new Error(`${verb} did not stop at ${point}: ${early.stdout}`);
    return await stopped(host);
  }, { timeoutMs: 30_000 });
  return {
    async resume() {
      await host.execOk(["kill", "-CONT", pid]);
      return await calling;
    },
  };
}

/** The process id, on the host, of a plugin that stands still. */
async function stopped(host: EquippedHost): Promise<string | undefined> {
  const script = `for d in /proc/[0-9]*; do
    if grep -qs '^State:.T' $d/status && [ "$(readlink $d/exe)" = /opt/cni/bin/fabric ]; then
      echo "\${d#/proc/}"
    fi
  done 2>/dev/null || :`;
  const text = (await host.execOk(script)).trim();
  return text === "" ? undefined : text;
}
