/**
 * How the log is until a configuration says otherwise.
 *
 * @module
 */

/** Levels of the log, as LogTape names them. */
export const LOG_LEVELS = ["trace", "debug", "info", "warning", "error", "fatal"] as const;

/** What is logged, and where. */
export const DEFAULT_LOG: {
  readonly level: typeof LOG_LEVELS[number];
  readonly file: string;
  readonly maxBytes: number;
} = { level: "info", file: "/var/log/fabric/fabric.log", maxBytes: 10 * 1024 * 1024 };
