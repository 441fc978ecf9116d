/**
 * Addresses that only this host reaches.
 *
 * @module
 */

/** True for a name or an address of loopback; IPv6 also in brackets, as URLs have it. */
export function isLoopback(hostname: string): boolean {
  return ["localhost", "::1", "[::1]"].includes(hostname) || /^127(\.\d{1,3}){3}$/.test(hostname);
}
