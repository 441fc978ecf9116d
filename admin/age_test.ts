import { assertEquals, assertThrows } from "@std/assert";
import { FabricError } from "../mod/error.ts";
import { formatAge, formatDuration, formatTime, parseDuration, parseTime } from "./age.ts";

const S = 1000;
const M = 60 * S;
const H = 60 * M;
const D = 24 * H;

Deno.test("formatDuration() is as short as kubectl's", () => {
  const cases: readonly (readonly [number, string])[] = [
    [0, "0s"],
    [119 * S, "119s"],
    [2 * M, "2m"],
    [3 * M + 20 * S, "3m20s"],
    [59 * M + 59 * S, "59m"],
    [3 * H + 5 * M, "3h5m"],
    [30 * H, "30h"],
    [2 * D + 4 * H, "2d4h"],
    [300 * D, "300d"],
    [800 * D, "2y70d"],
    [-500, "0s"],
    [-90 * S, "-90s"],
  ];
  for (const [ms, text] of cases) assertEquals(formatDuration(ms), text);
});

Deno.test("formatAge() and formatTime() bear what is no time", () => {
  assertEquals(formatAge(undefined, 0), "<unknown>");
  assertEquals(formatAge("never", 0), "<unknown>");
  assertEquals(formatAge("1970-01-01T00:00:00Z", 5000), "5s");
  assertEquals(formatTime("2026-01-02T03:04:05.678Z"), "2026-01-02T03:04:05Z");
  assertEquals(formatTime("2026-01-02T03:04:05+02:00"), "2026-01-02T01:04:05Z");
  assertEquals(formatTime("never"), "never");
});

Deno.test("parseTime() takes RFC 3339, a day, and a time ago", () => {
  const now = Date.parse("2026-03-01T12:00:00Z");
  const parse = (text: string): string =>
    new Date(parseTime(text, { flag: "at", now })).toISOString();
  assertEquals(parse("2026-02-01T10:00:00Z"), "2026-02-01T10:00:00.000Z");
  assertEquals(parse("2026-02-01T10:00+02:00"), "2026-02-01T08:00:00.000Z");
  assertEquals(parse("2026-02-01 10:00:00.5Z"), "2026-02-01T10:00:00.500Z");
  assertEquals(parse("2026-02-01"), "2026-02-01T00:00:00.000Z");
  assertEquals(parse("2h30m"), "2026-03-01T09:30:00.000Z");
  assertEquals(parse("1d ago"), "2026-02-28T12:00:00.000Z");
  for (const text of ["2026-02-01T10:00:00", "10:00", "", "soon", "2026-13-01T00:00:00Z"]) {
    assertThrows(() => parse(text), FabricError, "Cannot parse --at");
  }
  assertEquals(parseDuration("1h30m5s"), 5405 * S);
  assertEquals(parseDuration("5"), undefined);
});
