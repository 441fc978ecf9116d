/**
 * The CNI plugin: one call of a container runtime, from its environment and standard input to its
 * answer on standard output and one line in the log.
 *
 * @module
 */

import type { LogConfig } from "../mod/config.ts";
import { asFabricError, describeError, FabricError } from "../mod/error.ts";
import { type Log, openLog } from "../mod/log.ts";
import { DEFAULT_LOG } from "../mod/log_default.ts";
import { asWriteFault, refuseUnwritableState } from "../mod/may_write.ts";
import type { RoleIo } from "../mod/role.ts";
import { add } from "./add.ts";
import { type Call, createCall } from "./call.ts";
import { callFacts, failureFacts, recordFacts } from "./call_log.ts";
import { del } from "./del.ts";
import { formatError } from "./error_code.ts";
import { loadNodeConfig } from "./node_config.ts";
import { type CniRequest, parseRequest } from "./request.ts";
import { formatResult } from "./result.ts";
import { asSpecVersion, NEWEST } from "./spec_version.ts";
import { finishSpooled } from "./spooled.ts";
import { createSteps } from "./steps.ts";
import { formatVersions } from "./version.ts";

/** Runs one call; exit status 0, or 1 with the error on standard output. */
export async function main(_args: readonly string[], io: RoleIo): Promise<number> {
  const steps = createSteps(() => performance.now());
  const verb = io.env("CNI_COMMAND") ?? "";
  let cniVersion: string = NEWEST;
  let request: CniRequest | undefined;
  let log = openCallLog(DEFAULT_LOG, io);
  try {
    const stdin = await readStdin(io);
    cniVersion = versionOf(stdin);
    request = parseRequest(io.env, stdin);
    if (request.verb === "VERSION") {
      io.writeStdout(formatVersions(request.cniVersion) + "\n");
      return 0;
    }
    const config = await loadNodeConfig({ named: request.conf.config, io, now: Date.now() });
    log = openCallLog(config.log, io);
    steps.mark("config");
    if (request.verb === "ADD" || request.verb === "STATUS") refuseUnwritableState(config);
    await run(request, { call: createCall(config, { log, steps, now: Date.now }), io });
    return 0;
  } catch (cause) {
    const error = asFabricError(cause);
    io.writeStdout(formatError(error, cniVersion) + "\n");
    log.write("error", verb, { ...callFacts(request, steps), ...failureFacts(error) });
    return 1;
  }
}

interface RunOptions {
  readonly call: Call;
  readonly io: RoleIo;
}

/** Does what is asked, answers, and logs it. */
async function run(
  request: Exclude<CniRequest, { readonly verb: "VERSION" }>,
  { call, io }: RunOptions,
): Promise<void> {
  const { log, steps } = call;
  const facts = () => callFacts(request, steps);
  switch (request.verb) {
    case "ADD": {
      const { result, record, existing } = await add(request, call);
      io.writeStdout(formatResult(result, request.conf.cniVersion) + "\n");
      log.write("info", "ADD", {
        ...facts(),
        ...recordFacts(record),
        ...(existing ? { existing } : {}),
      });
      return await finishSpooled(call);
    }
    case "DEL": {
      const { record, spooled } = await del(request, call);
      const level = spooled === undefined ? "info" : "warning";
      const what = spooled === undefined ? {} : { spooled: true, ...failureFacts(spooled) };
      return log.write(level, "DEL", { ...facts(), ...recordFacts(record), ...what });
    }
    case "CHECK": {
      const { check } = await import("./other_verbs.ts");
      await check(request, call);
      return log.write("info", "CHECK", facts());
    }
    case "GC": {
      const { gc } = await import("./other_verbs.ts");
      const { removed, kept } = await gc(request, call);
      const which = removed.map(({ containerId, ifname, addresses }) => ({
        container: containerId,
        ifname,
        addresses: addresses.map(({ address }) => address),
      }));
      return log.write("info", "GC", { ...facts(), removed: which, kept });
    }
    case "STATUS": {
      const { status } = await import("./other_verbs.ts");
      await status(call);
      return log.write("debug", "STATUS", facts());
    }
  }
}

async function readStdin(io: RoleIo): Promise<string> {
  try {
    return await io.readStdin();
  } catch (cause) {
    throw new FabricError("invalid", "Cannot read the network configuration from standard input", {
      details: { reason: "io" },
      cause,
    });
  }
}

/** The version of the answer, also to a conf that cannot be used. */
function versionOf(stdin: string): string {
  const named = /"cniVersion"\s*:\s*"([^"]*)"/.exec(stdin)?.[1] ?? "";
  return asSpecVersion(named) ?? NEWEST;
}

function openCallLog(config: LogConfig, io: RoleIo): Log {
  return openLog({
    ...config,
    category: ["fabric", "cni"],
    now: Date.now,
    onError: (error) => {
      const fault = asWriteFault(error, { field: "log.file", path: config.file });
      io.writeStderr(`fabric: cannot write the log: ${describeError(asFabricError(fault))}\n`);
    },
  });
}
