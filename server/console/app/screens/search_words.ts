/** What somebody looks for, as far as its text tells. @module */

import { formatAddress, tryParseAddress } from "../../../../mod/ip/address.ts";

/** The address that the text is, in its usual writing; with or without a prefix length. */
export function parseAddressText(text: string): string | undefined {
  const address = tryParseAddress(text.trim().replace(/\/\d{1,3}$/, ""));
  return address === undefined ? undefined : formatAddress(address);
}
