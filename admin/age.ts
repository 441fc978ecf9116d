/**
 * Times for people: relative in tables, as kubectl writes them.
 *
 * @module
 */

import { usageError } from "./exit.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

/** `45s`, `3m20s`, `5h`, `12d`, `2y45d`: two units at most, the second only while it matters. */
export function formatDuration(ms: number): string {
  // Clocks differ: a record of another node may be of "the future".
  if (ms < 0) return ms > -2 * SECOND ? "0s" : `-${formatDuration(-ms)}`;
  const two = (unit: number, name: string, small: number, smallName: string): string => {
    const rest = Math.floor((ms % unit) / small);
    return `${Math.floor(ms / unit)}${name}${rest === 0 ? "" : `${rest}${smallName}`}`;
  };
  if (ms < 2 * MINUTE) return `${Math.floor(ms / SECOND)}s`;
  if (ms < 10 * MINUTE) return two(MINUTE, "m", SECOND, "s");
  if (ms < 3 * HOUR) return `${Math.floor(ms / MINUTE)}m`;
  if (ms < 8 * HOUR) return two(HOUR, "h", MINUTE, "m");
  if (ms < 2 * DAY) return `${Math.floor(ms / HOUR)}h`;
  if (ms < 8 * DAY) return two(DAY, "d", HOUR, "h");
  if (ms < 2 * YEAR) return `${Math.floor(ms / DAY)}d`;
  return two(YEAR, "y", DAY, "d");
}

/** How long ago the RFC 3339 time was; `<unknown>` where there is none. */
export function formatAge(time: string | undefined, now: number): string {
  const at = time === undefined ? NaN : Date.parse(time);
  return Number.isNaN(at) ? "<unknown>" : formatDuration(now - at);
}

/** RFC 3339 in UTC without fractions of a second: short enough for a table, exact enough to ask. */
export function formatTime(time: string): string {
  const at = Date.parse(time);
  return Number.isNaN(at) ? time : new Date(at).toISOString().replace(/\.\d+Z$/, "Z");
}

const UNITS: Readonly<Record<string, number>> = {
  s: SECOND,
  m: MINUTE,
  h: HOUR,
  d: DAY,
  y: YEAR,
};

/** Milliseconds of `90s`, `1h30m`, `2d`; undefined where the text is none. */
export function parseDuration(text: string): number | undefined {
  if (!/^(\d+[smhdy])+$/.test(text)) return undefined;
  let ms = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)([smhdy])/g)) {
    ms += Number(count) * (UNITS[unit ?? ""] ?? 0);
  }
  return ms;
}

/**
 * Milliseconds since the epoch of an RFC 3339 time with its zone, a day (`2026-03-01`, its start
 * in UTC), or a time ago such as `2h30m`.
 *
 * @throws {FabricError} a usage error. A time without zone is refused: who held an address is
 * asked from other zones than it was held in.
 */
export function parseTime(text: string, options: { flag: string; now: number }): number {
  const ago = parseDuration(text.replace(/^-/, "").replace(/ ago$/, ""));
  if (ago !== undefined) return options.now - ago;
  const fault = (why: string, remedy: string): Error =>
    usageError(`Cannot parse --${options.flag} "${text}": ${why}`, {
      field: `--${options.flag}`,
      value: text,
      remedy,
    });
  const time = text.trim().replace(" ", "T");
  const shape = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$/i.exec(time);
  if (shape === null) {
    throw fault("not a time", "write it like 2026-03-01T12:00:00Z, or 2h30m for a time ago");
  }
  if (shape[1] !== undefined && shape[4] === undefined) {
    throw fault("its zone is missing", `write ${time}Z for UTC, or ${time}+02:00`);
  }
  const at = Date.parse(time);
  if (Number.isNaN(at)) throw fault("there is no such time", "check day and hour");
  return at;
}
