/**
 * OpenID Connect for people: authorisation code with PKCE, by the library openid-client, which
 * checks signature, issuer, audience, nonce and times of the ID token.
 *
 * What a sign-in under way needs lies in etcd for ten minutes, so that the provider may send the
 * browser back to any replica.
 *
 * @module
 */

import * as client from "openid-client";
import * as v from "valibot";
import { FabricError } from "../../mod/error.ts";
import type { IpamContext } from "../../mod/ipam/context.ts";
import { withLeases } from "../../mod/ipam/lease.ts";
import { decodeRecord, encodeRecord } from "../../mod/ipam/stored.ts";
import { httpError } from "../http/http_error.ts";
import { bind, type Binding } from "./bindings.ts";
import type { Principal } from "./principal.ts";
import { LOGINS } from "./records.ts";
import { hashSecret, randomText } from "./secret.ts";

export interface OidcSettings {
  /** What the button of the console says. */
  readonly name: string;
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string | undefined;
  /** Claim that names the person; e.g. `email`. */
  readonly userClaim: string;
  /** Claim that lists the groups. */
  readonly groupsClaim: string;
  readonly scopes: string;
  /** Where the browser comes back to: this server as the browser sees it. */
  readonly redirectUri: string;
  /** Authorities (PEM) of the provider's certificate; undefined: those of this host. */
  readonly ca: string | undefined;
}

const LOGIN_SECONDS = 600;

const LoginSchema = v.looseObject({
  v: v.number(),
  verifier: v.string(),
  nonce: v.string(),
  browser: v.string(),
  target: v.string(),
});

/** A sign-in that begins. */
export interface OidcStart {
  readonly url: string;
  /** Proves that it is the same browser that comes back. */
  readonly browser: string;
}

/** Signs people in by a provider. */
export class OidcLogin {
  readonly #settings: OidcSettings;
  readonly #bindings: readonly Binding[];
  #configuration: Promise<client.Configuration> | undefined;

  constructor(settings: OidcSettings, bindings: readonly Binding[]) {
    this.#settings = settings;
    this.#bindings = bindings;
  }

  get name(): string {
    return this.#settings.name;
  }

  /** @throws {FabricError} `unavailable`: the provider does not answer. */
  async start(context: IpamContext, target: string): Promise<OidcStart> {
    const configuration = await this.#discover();
    const verifier = client.randomPKCECodeVerifier();
    const state = client.randomState();
    const nonce = client.randomNonce();
    const browser = randomText(24);
    await withLeases(context, [LOGIN_SECONDS], ([lease]) =>
      context.store.txn({
        success: [{
          put: keyOf(state),
          value: encodeRecord({
            verifier,
            nonce,
            browser: hashSecret(browser, "login"),
            // Only a place of the console: nobody is sent elsewhere.
            target: /^\/(?![/\\])[\x20-\x7e]{0,500}$/.test(target) ? target : "/",
          }),
          ...(lease === undefined ? {} : { lease }),
        }],
      }));
    const url = client.buildAuthorizationUrl(configuration, {
      redirect_uri: this.#settings.redirectUri,
      scope: this.#settings.scopes,
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
      state,
      nonce,
    });
    return { url: url.href, browser };
  }

  /**
   * Who comes back.
   *
   * @throws {FabricError} 400: a sign-in that is not known, or another browser's; 403: known, but no
   * rule lets them in; `unavailable`.
   */
  async finish(
    context: IpamContext,
    back: { readonly url: URL; readonly browser: string | undefined },
  ): Promise<{ readonly principal: Principal; readonly target: string }> {
    const state = back.url.searchParams.get("state") ?? "";
    const { store } = context;
    const key = keyOf(state);
    const read = await store.txn({ success: [{ range: { key } }, { delete: { key } }] });
    const [result] = read.results;
    const kv = result?.kind === "range" ? result.response.kvs[0] : undefined;
    const login = kv === undefined ? undefined : decodeRecord(LoginSchema, kv);
    if (login === undefined || hashSecret(back.browser ?? "", "login") !== login.browser) {
      throw httpError(400, "This sign-in is not known here (any more)", {
        remedy: "begin to sign in again",
      });
    }
    const configuration = await this.#discover();
    const current = new URL(this.#settings.redirectUri);
    current.search = back.url.search;
    let claims: Readonly<Record<string, unknown>>;
    try {
      const tokens = await client.authorizationCodeGrant(configuration, current, {
        pkceCodeVerifier: login.verifier,
        expectedState: state,
        expectedNonce: login.nonce,
        idTokenExpected: true,
      });
      claims = tokens.claims() ?? {};
      const { userClaim, groupsClaim } = this.#settings;
      const { sub } = claims;
      const lacks = claims[userClaim] === undefined || claims[groupsClaim] === undefined;
      // Many providers tell only the subject in the ID token, and the rest when asked for it.
      if (lacks && typeof sub === "string" && hasUserInfo(configuration)) {
        const told = await client.fetchUserInfo(configuration, tokens.access_token, sub);
        claims = { ...told, ...claims };
      }
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw httpError(403, `${this.#settings.name} did not confirm who it is: ${why}`, {
        remedy: "begin to sign in again",
        cause,
      });
    }
    return { principal: this.#principal(claims), target: login.target };
  }

  #principal(claims: Readonly<Record<string, unknown>>): Principal {
    const { userClaim, groupsClaim, name: provider } = this.#settings;
    const found = claims[userClaim] ?? claims["sub"];
    const user = typeof found === "string" ? found : "";
    if (userClaim === "email" && claims["email_verified"] === false) {
      throw httpError(403, `${provider} has not verified the address ${user}`, {});
    }
    const groups = claims[groupsClaim];
    const list = Array.isArray(groups) ? groups : typeof groups === "string" ? [groups] : [];
    const principal = user === "" ? undefined : bind(this.#bindings, {
      way: "oidc",
      name: user,
      users: [user],
      groups: list.filter((one) => typeof one === "string"),
    });
    if (principal !== undefined) return principal;
    throw httpError(403, `${user === "" ? "This person" : user} may not come in`, {
      remedy: "ask an administrator for a rule in server.access",
    });
  }

  #discover(): Promise<client.Configuration> {
    this.#configuration ??= this.#ask().catch((cause) => {
      this.#configuration = undefined;
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new FabricError("unavailable", `${this.#settings.name} does not answer: ${why}`, {
        remedy: "try again, or sign in by an account",
        cause,
      });
    });
    return this.#configuration;
  }

  async #ask(): Promise<client.Configuration> {
    const { issuer, clientId, clientSecret, ca } = this.#settings;
    const url = new URL(issuer);
    const http = ca === undefined ? undefined : Deno.createHttpClient({ caCerts: [ca] });
    const custom: client.CustomFetch = (input, { body, signal, ...options }) =>
      fetch(input, {
        ...options,
        ...(body === undefined
          ? {}
          : { body: body instanceof Uint8Array ? new Uint8Array(body) : body }),
        ...(signal === undefined ? {} : { signal }),
        ...(http === undefined ? {} : { client: http }),
      });
    // Refused elsewhere: the settings allow http on loopback only.
    const local = url.protocol === "http:";
    const configuration = await client.discovery(
      url,
      clientId,
      clientSecret === undefined ? undefined : { client_secret: clientSecret },
      clientSecret === undefined ? client.None() : client.ClientSecretPost(clientSecret),
      {
        timeout: 5,
        [client.customFetch]: custom,
        execute: local ? [client.allowInsecureRequests] : [],
      },
    );
    configuration[client.customFetch] = custom;
    return configuration;
  }
}

function hasUserInfo(configuration: client.Configuration): boolean {
  return configuration.serverMetadata().userinfo_endpoint !== undefined;
}

function keyOf(state: string): string {
  return LOGINS + hashSecret(state, "state");
}
