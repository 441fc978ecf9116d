/**
 * The server's log: structured lines by LogTape, in the file of the configuration or, where that is
 * `-`, on standard error.
 *
 * @module
 */

import type { Log, LogLevel, LogProperties } from "../mod/log.ts";

/** Where the server says what happens. */
export type ServerLog = Log;

/** A log that says nothing, for tests. */
export const SILENT: ServerLog = {
  enabled: () => false,
  write: (_level: LogLevel, _message: string, _properties?: LogProperties) => {},
};
