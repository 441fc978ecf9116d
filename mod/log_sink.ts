/**
 * The log's file as a sink of LogTape, for roles that stay.
 *
 * @module
 */

import { getJsonLinesFormatter, type Sink } from "@logtape/logtape";
import { appendLine, type LogFileOptions } from "./log.ts";

/** A sink for LogTape's `configure`: the same file, the same lines, the same rotation. */
export function fileSink(options: LogFileOptions): Sink {
  const format = getJsonLinesFormatter();
  return (record) => appendLine(options, format(record));
}
