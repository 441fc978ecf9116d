/**
 * One line of the log, in the JSON-lines form of LogTape. LogTape's own formatter gives the same (a
 * test holds that), and costs a process that writes one line in its life a millisecond to load.
 *
 * @module
 */

import type { LOG_LEVELS } from "./log_default.ts";

/** Levels of the log, as LogTape names them. */
export type LogLevel = typeof LOG_LEVELS[number];

/** What a line says. */
export interface LogRecord {
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
  readonly level: LogLevel;
  /** As `["fabric", "cni"]`. */
  readonly category: readonly string[];
  readonly message: string;
  /** Plain data; never a secret. */
  readonly properties: Readonly<Record<string, unknown>>;
}

/** The line, with its line break. */
export function formatLogLine(record: LogRecord): string {
  const { timestamp, level, category, message, properties } = record;
  const text = JSON.stringify({
    "@timestamp": new Date(timestamp).toISOString(),
    level: level === "warning" ? "WARN" : level.toUpperCase(),
    message,
    logger: category.join("."),
    properties,
  });
  return `${text.replace(/[\u007f-\u009f]/g, escapeControl)}\n`;
}

/** What a terminal would take for a command; JSON itself escapes only those under 0x20. */
function escapeControl(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
