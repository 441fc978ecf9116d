/**
 * Running the host's programs from the plugin: those that the executable may start, with a PATH of
 * ours.
 *
 * @module
 */

import type { Log } from "../log.ts";
import { type Run, run, withLog } from "../host/run.ts";
import { PROGRAM_PATH } from "../permissions.ts";

/** A runner for one call, which logs every command when the log wants it. */
export function createRun(log: Log): Run {
  const plain: Run = (argv, options = {}) =>
    run(argv, {
      timeoutMs: 5_000,
      ...options,
      clearEnv: true,
      env: { PATH: PROGRAM_PATH, ...options.env },
    });
  if (!log.enabled("debug")) return plain;
  return withLog(plain, ({ command, durationMs, exitCode }) =>
    log.write("debug", "command", {
      command,
      durationMs: Math.round(durationMs * 10) / 10,
      exitCode,
    }));
}
