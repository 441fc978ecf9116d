/**
 * Whose flows are whose: the cookies of the service path.
 *
 * @module
 */

import { BASE32 } from "../../host/ifname.ts";

/** What all cookies of ours have in common. */
export const COOKIE_MASK = "0xfffe000000000000";
const COOKIE_MATCH = "0xfab4000000000000";

/** Matches every flow of ours, for `dump-flows` and `del-flows`. */
export const ALL_COOKIES = `cookie=${COOKIE_MATCH}/${COOKIE_MASK}`;

/** Cookie of a network's flows. */
export function networkCookie({ mark }: { readonly mark: number }): string {
  return `0xfab40000${mark.toString(16).padStart(8, "0")}`;
}

/** Cookie of a bridge's own flows. */
export const BRIDGE_COOKIE = "0xfab4000100000000";

/** Cookie of a pod's flows: of the port's name, 48 of its bits. */
export function podCookie(name: string): string {
  let bits = 0n;
  for (const char of name.slice(-10)) bits = (bits << 5n) | BigInt(BASE32.indexOf(char) & 31);
  return `0xfab5${(bits & 0xffff_ffff_ffffn).toString(16).padStart(12, "0")}`;
}

/** True for a cookie of ours, as `dump-flows` writes it. */
export function isServiceCookie(cookie: string): boolean {
  return /^0xfab[45][0-9a-f]{12}$/.test(cookie);
}
