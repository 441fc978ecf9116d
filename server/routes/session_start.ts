/**
 * Beginning a session, whichever way somebody came in.
 *
 * @module
 */

import { sessionCookie } from "../auth/authenticator.ts";
import type { Principal } from "../auth/principal.ts";
import { beginSession } from "../auth/sessions.ts";
import type { ServerContext } from "../context.ts";

/** What the answer that begins a session carries. */
export interface StartedSession {
  /** Value of `Set-Cookie`. */
  readonly cookie: string;
  readonly csrf: string;
  /** ISO 8601. */
  readonly expires: string;
}

/** Begins one. */
export async function startSession(
  context: ServerContext,
  principal: Principal & { readonly tokenId?: string },
): Promise<StartedSession> {
  const { session, secure } = context.access;
  const begun = await beginSession(context.ipam, principal, session);
  const cookie = sessionCookie(secure, { text: begun.cookie, maxAge: session.absoluteSeconds });
  const expires = new Date(begun.expires).toISOString();
  return { cookie, csrf: begun.csrf, expires };
}
