/**
 * Where the server's log goes: to the file of the configuration, or, for containers and systemd, to
 * standard error (`/dev/stderr`).
 *
 * @module
 */

import type { LogConfig } from "../mod/config.ts";
import { asFabricError, describeError } from "../mod/error.ts";
import { type Log, openLog } from "../mod/log.ts";
import { LOG_LEVELS } from "../mod/log_default.ts";
import { formatLogLine } from "../mod/log_line.ts";
import { asWriteFault } from "../mod/may_write.ts";
import type { RoleIo } from "../mod/role.ts";

const CATEGORY = ["fabric", "ctl"] as const;

/** The log of the server. A file that cannot be written is told of once. */
export function openServerLog(config: LogConfig, io: Pick<RoleIo, "writeStderr">): Log {
  if (config.file === "/dev/stderr") return streamLog(config.level, io);
  let told = false;
  return openLog({
    ...config,
    category: CATEGORY,
    now: Date.now,
    onError(error) {
      if (told) return;
      told = true;
      const fault = asWriteFault(error, { field: "log.file", path: config.file });
      io.writeStderr(`fabric-ctl: cannot write the log: ${describeError(asFabricError(fault))}\n`);
    },
  });
}

function streamLog(level: LogConfig["level"], io: Pick<RoleIo, "writeStderr">): Log {
  const enabled: Log["enabled"] = (one) => LOG_LEVELS.indexOf(one) >= LOG_LEVELS.indexOf(level);
  return {
    enabled,
    write(level, message, properties = {}) {
      if (!enabled(level)) return;
      const timestamp = Date.now();
      io.writeStderr(
        formatLogLine({ category: CATEGORY, level, message, timestamp, properties }),
      );
    },
  };
}
