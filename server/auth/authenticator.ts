/**
 * Who is asking: by a bearer token, a session's cookie, a client certificate, or by being on this
 * host where that was said to be enough. Never by several at once: the first that is given counts,
 * and if it is wrong, nobody is let in.
 *
 * @module
 */

import type { IpamContext } from "../../mod/ipam/context.ts";
import type { ClientCertificate, Connection } from "../http/dispatch.ts";
import { httpError } from "../http/http_error.ts";
import type { Route } from "../http/route.ts";
import { isLoopback } from "../loopback.ts";
import { bind, type Binding, type Vouched } from "./bindings.ts";
import type { TokenReviews } from "./kubernetes.ts";
import type { Principal, Role } from "./principal.ts";
import {
  findSession,
  hasCsrf,
  type Session,
  SessionKeeper,
  type SessionSettings,
} from "./sessions.ts";
import { authenticateToken } from "./tokens.ts";

export interface AuthenticatorOptions {
  readonly context: Pick<IpamContext, "store" | "now">;
  readonly bindings: readonly Binding[];
  readonly session: SessionSettings;
  /** Whoever is on this host has this role. */
  readonly anonymous: Role | undefined;
  readonly reviews: TokenReviews | undefined;
  /** Over TLS: the cookie is of this host alone, and never sent in clear. */
  readonly secure: boolean;
}

/** What a request is let in by. */
export interface Admitted {
  readonly principal: Principal;
  readonly session?: Session;
}

/** A request that a page makes by itself: it does not keep an idle session. */
export const BACKGROUND_HEADER = "x-fabric-background";

/** What somebody may do whose password is known to others. */
const BEFORE_CHANGE: readonly string[] = [
  "whoAmI",
  "signOut",
  "signOutEverywhere",
  "changePassword",
];

const SAFE = ["GET", "HEAD", "OPTIONS"];

/** The name of the session's cookie. */
export function cookieName(secure: boolean): string {
  return secure ? "__Host-fabric" : "fabric";
}

/** The cookie that begins or, without a value, ends a session. */
export function sessionCookie(
  secure: boolean,
  value: { readonly text: string; readonly maxAge: number } | undefined,
): string {
  const rest = `Path=/; HttpOnly; SameSite=Strict${secure ? "; Secure" : ""}`;
  return value === undefined
    ? `${cookieName(secure)}=; Max-Age=0; ${rest}`
    : `${cookieName(secure)}=${value.text}; Max-Age=${value.maxAge}; ${rest}`;
}

function cookieOf(request: Request, name: string): string | undefined {
  for (const part of (request.headers.get("cookie") ?? "").split(";")) {
    const [key, ...value] = part.trim().split("=");
    if (key === name) return value.join("=");
  }
  return undefined;
}

export class Authenticator {
  readonly #options: AuthenticatorOptions;
  readonly #keeper: SessionKeeper;

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
    this.#keeper = new SessionKeeper(options.context);
  }

  get options(): AuthenticatorOptions {
    return this.#options;
  }

  /**
   * Who is asking; undefined: nobody who is known.
   *
   * @throws {FabricError} 401: what was given is wrong; `unavailable`.
   */
  async admit(request: Request, connection: Connection): Promise<Admitted | undefined> {
    return await this.#find(request, connection);
  }

  /**
   * Whether the request is the wish of who was admitted, and no trick upon their browser.
   *
   * @throws {FabricError} 403.
   */
  check(request: Request, admitted: Admitted, route: Pick<Route, "id">): void {
    const { principal: { way }, session } = admitted;
    if (way === "certificate") checkOrigin(request);
    if (way === "anonymous") checkOrigin(request, { reads: true });
    if (session === undefined) return;
    checkCsrf(request, session);
    if (session.mustChange && !BEFORE_CHANGE.includes(route.id)) {
      throw httpError(403, "The password must be changed first", {
        type: "password-change-required",
        remedy: "POST /auth/password",
      });
    }
    if (!request.headers.has(BACKGROUND_HEADER)) this.#keeper.touch(session);
  }

  /** Whether who was admitted may still do the same; asked while an answer lasts. */
  async isStillIn(
    request: Request,
    connection: Connection,
    principal: Principal,
  ): Promise<boolean> {
    const found = (await this.#find(request, connection))?.principal;
    return found !== undefined && found.name === principal.name && found.way === principal.way &&
      found.role === principal.role &&
      JSON.stringify(found.scope ?? {}) === JSON.stringify(principal.scope ?? {});
  }

  async #find(request: Request, connection: Connection): Promise<Admitted | undefined> {
    const { context, session, anonymous, secure, bindings } = this.#options;
    const authorization = request.headers.get("authorization");
    if (authorization !== null) return { principal: await this.#byToken(authorization) };
    const cookie = cookieOf(request, cookieName(secure));
    if (cookie !== undefined && cookie !== "") {
      const found = await findSession(context, cookie, session);
      if (found !== undefined) return { principal: found.principal, session: found };
    }
    const { certificate } = connection;
    if (certificate !== undefined) {
      const principal = bind(bindings, vouchedBy(certificate));
      if (principal !== undefined) return { principal };
    }
    // By a loopback name only: a page of elsewhere may have its own name point here.
    if (anonymous !== undefined && isLoopback(new URL(request.url).hostname)) {
      return { principal: { name: "anonymous", way: "anonymous", role: anonymous } };
    }
    return undefined;
  }

  async #byToken(authorization: string): Promise<Principal> {
    const { context, reviews, bindings } = this.#options;
    const [, token] = /^Bearer +([\x21-\x7e]{1,16384})$/i.exec(authorization) ?? [];
    if (token === undefined) throw wrongToken();
    const known = await authenticateToken(context, token);
    if (known !== undefined) return known;
    if (reviews !== undefined && !token.startsWith("fabric_")) {
      const vouched = await reviews.review(token);
      const principal = vouched === undefined ? undefined : bind(bindings, vouched);
      if (principal !== undefined) return principal;
    }
    throw wrongToken();
  }
}

function wrongToken(): Error {
  return httpError(401, "The token is not valid: it is unknown, revoked or expired", {
    remedy: "get a new one by fabric-ctl token create",
    headers: { "www-authenticate": 'Bearer realm="fabric", error="invalid_token"' },
  });
}

function vouchedBy(certificate: ClientCertificate): Vouched {
  const { commonName, organisations, alternativeNames } = certificate;
  const users = [...(commonName === undefined ? [] : [commonName]), ...alternativeNames];
  return {
    way: "certificate",
    name: users[0] ?? "certificate",
    users,
    groups: organisations,
  };
}

/** A cookie is sent by the browser for whatever site asks: a change must carry the session's word. */
function checkCsrf(request: Request, session: Session): void {
  if (SAFE.includes(request.method)) return;
  checkOrigin(request);
  if (hasCsrf(session, request.headers.get("x-csrf-token"))) return;
  throw httpError(403, "The change does not come from the console", {
    field: "x-csrf-token",
    type: "csrf",
    remedy: "send X-CSRF-Token with the csrf of /api/v1/whoami",
  });
}

/**
 * No other site may make a browser change anything, also where no cookie is needed; nor, with
 * `reads`, look at anything but a page that a person opens.
 */
export function checkOrigin(request: Request, options: { readonly reads?: boolean } = {}): void {
  const safe = SAFE.includes(request.method);
  if (safe && options.reads !== true) return;
  const site = request.headers.get("sec-fetch-site");
  const origin = request.headers.get("origin");
  const host = new URL(request.url).host;
  const foreign = (site !== null && site !== "same-origin" && site !== "none") ||
    (origin !== null && URL.parse(origin)?.host !== host);
  if (!foreign) return;
  if (safe && request.headers.get("sec-fetch-mode") === "navigate") return;
  throw httpError(403, "The request comes from a page of another site", {
    field: "origin",
    type: "csrf",
  });
}
