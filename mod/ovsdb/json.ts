/** A JSON value, as OVSDB takes it (RFC 7047, 3.1: only JSON, no `undefined`). */
export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [key: string]: Json };
