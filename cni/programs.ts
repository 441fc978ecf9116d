/**
 * Running the host's programs from the plugin: only those that the executable may start, with a
 * PATH of ours. What else is needed (a shell) is started by `nsenter`, which enters nothing then.
 *
 * @module
 */

import type { Log } from "../mod/log.ts";
import { type Run, run, withLog } from "../mod/host/run.ts";
import { PROGRAM_PATH, PROGRAMS } from "../mod/permissions.ts";

const DIRECT: readonly string[] = PROGRAMS;

/** A runner for one call, which logs every command when the log wants it. */
export function createRun(log: Log): Run {
  const plain: Run = (argv, options = {}) =>
    run(DIRECT.includes(argv[0]) ? argv : ["nsenter", "--", ...argv], {
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
