/**
 * Who is signed in, and the ways in that this server has.
 *
 * @module
 */

import { signal } from "@preact/signals";
import * as v from "valibot";
import { forgetAll } from "./api/load.ts";
import { ask, request, setCsrfToken, signedIn, signInNeeded } from "./api/request.ts";

const SessionSchema = v.looseObject({
  name: v.string(),
  way: v.string(),
  role: v.picklist(["viewer", "operator", "admin"]),
  scope: v.optional(v.record(v.string(), v.string())),
  csrf: v.optional(v.string()),
  /** Nothing else is allowed before. */
  mustChange: v.optional(v.boolean(), false),
});
/** Who is signed in. */
export type Session = v.InferOutput<typeof SessionSchema>;

/** The session; undefined until it is known. */
export const session = signal<Session | undefined>(undefined);

/** True where the present role may do what `needed` may. */
export function may(needed: Session["role"]): boolean {
  const order = ["viewer", "operator", "admin"];
  const role = session.value?.role;
  return role !== undefined && order.indexOf(role) >= order.indexOf(needed);
}

function take(next: Session): void {
  const before = session.peek();
  if (before !== undefined && before.name !== next.name) forgetAll();
  setCsrfToken(next.csrf);
  session.value = next;
}

/** Asks who is signed in; waits for the sign-in where nobody is. */
export async function readSession(): Promise<void> {
  const now = await ask("/whoami", SessionSchema);
  take(now);
  if (now.mustChange) signInNeeded.value = true;
}

/** What one signs in by. */
export type Credentials =
  | { readonly name: string; readonly password: string }
  | { readonly token: string };

/** @throws {Problem} 401: it is wrong; 429: too many tries. */
export async function signIn(credentials: Credentials): Promise<void> {
  const { body } = await request("/auth/login", {
    method: "POST",
    body: credentials,
    anonymous: true,
  });
  const next = v.parse(SessionSchema, body);
  take(next);
  if (!next.mustChange) signedIn();
}

/** Ends the session, here or everywhere. */
export async function signOut({ everywhere }: { readonly everywhere: boolean }): Promise<void> {
  await request(everywhere ? "/auth/logout-everywhere" : "/auth/logout", { method: "POST" });
  location.assign("/");
}

/** Sets another password; all other sessions of the account end. */
export async function changePassword(current: string, next: string): Promise<void> {
  const { body } = await request("/auth/password", { method: "POST", body: { current, next } });
  const { csrf } = v.parse(v.looseObject({ csrf: v.string() }), body);
  const before = session.peek();
  setCsrfToken(csrf);
  if (before !== undefined) session.value = { ...before, csrf, mustChange: false };
  signedIn();
}
