/**
 * Numbers and times as people read them.
 *
 * @module
 */

import { signal } from "@preact/signals";
import { language } from "./preferences.ts";

/** Moves on every ten seconds, so that relative times stay true. */
export const clock = signal(Date.now());
setInterval(() => {
  clock.value = Date.now();
}, 10_000);

/** `12,345`; from a hundred million on `1.8 × 10¹⁹`, since no one compares those by digits. */
export function formatCount(value: number | bigint): string {
  const big = BigInt(value);
  if (big < 100_000_000n) return new Intl.NumberFormat(language.value).format(big);
  const digits = String(big);
  const exponent = String(digits.length - 1).replaceAll(/\d/g, (d) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(d)] ?? d);
  return `${digits[0]}.${digits[1]} × 10${exponent}`;
}

/** `73 %`; `<1 %` where it is something, `>99 %` where it is not all. */
export function formatShare(share: number): string {
  if (share > 0 && share < 0.01) return "<1%";
  if (share < 1 && share > 0.99) return ">99%";
  return `${Math.round(share * 100)}%`;
}

const UNITS = [
  ["year", 31_557_600],
  ["month", 2_629_800],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
] as const;

/** `3 days ago`. */
export function formatAgo(time: string | number): string {
  const seconds = (new Date(time).getTime() - clock.value) / 1000;
  const format = new Intl.RelativeTimeFormat(language.value, { numeric: "auto", style: "short" });
  for (const [unit, size] of UNITS) {
    if (Math.abs(seconds) >= size) return format.format(Math.trunc(seconds / size), unit);
  }
  return format.format(Math.trunc(Math.min(0, seconds)), "second");
}

/** `2026-11-22 10:32:07` in the browser's zone. */
export function formatTime(time: string | number): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return String(time);
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** `10:32:07`. */
export function formatClock(time: number): string {
  return formatTime(time).slice(11);
}

/** The same moment in UTC, for the hover. */
export function formatUtc(time: string | number): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return String(time);
  return `${date.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** `2 d 4 h`, the two largest units of so many milliseconds. */
export function formatDuration(ms: number): string {
  const zh = language.value === "zh-CN";
  const names = zh ? ["天", "小时", "分", "秒"] : ["d", "h", "min", "s"];
  let rest = Math.max(0, Math.round(ms / 1000));
  const parts: string[] = [];
  for (const [index, size] of [86_400, 3600, 60, 1].entries()) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0 || (index === 3 && parts.length === 0)) parts.push(`${count} ${names[index]}`);
    if (parts.length === 2) break;
  }
  return parts.join(" ");
}
