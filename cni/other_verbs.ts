/**
 * The verbs that an ADD and a DEL do without: loaded when they are asked for, because every kilobyte
 * of code costs a call 30 microseconds before its first line runs.
 *
 * @module
 */

export { check } from "./check.ts";
export { collectOne } from "./collect.ts";
export { gc } from "./gc.ts";
export { status } from "./status.ts";
