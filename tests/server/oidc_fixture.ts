/**
 * A real provider of OpenID Connect on loopback, and a browser of a few lines: cookies, redirects,
 * and the provider's own forms.
 *
 * @module
 */

import http from "node:http";
import Provider from "oidc-provider";
import { freePort } from "../free_port.ts";

export interface ProviderFixture extends AsyncDisposable {
  readonly issuer: string;
}

export interface ProviderClient {
  readonly id: string;
  readonly secret: string;
  readonly redirectUri: string;
}

/** Starts a provider; whoever signs in as `anna` is of the group `cards`, others are of none. */
export async function startProvider(client: ProviderClient): Promise<ProviderFixture> {
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const provider = new Provider(issuer, {
    clients: [{
      client_id: client.id,
      client_secret: client.secret,
      redirect_uris: [client.redirectUri],
      token_endpoint_auth_method: "client_secret_post",
    }],
    pkce: { required: () => true },
    claims: { openid: ["sub"], email: ["email", "email_verified"], groups: ["groups"] },
    findAccount: (_context: unknown, id: string) => ({
      accountId: id,
      claims: () => ({
        sub: id,
        email: `${id}@bank.example`,
        email_verified: id !== "mallory",
        groups: id === "anna" || id === "mallory" ? ["cards"] : [],
      }),
    }),
  });
  const server = http.createServer(provider.callback());
  const listening = Promise.withResolvers<void>();
  server.listen(port, "127.0.0.1", () => listening.resolve());
  await listening.promise;
  return {
    issuer,
    async [Symbol.asyncDispose]() {
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      server.closeAllConnections();
      await closed.promise;
    },
  };
}

/** What a browser has come to. */
export interface Page {
  readonly url: URL;
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
}

/** A browser: it keeps cookies by host and path, and follows redirects. */
export class Browser {
  readonly #cookies: { host: string; path: string; name: string; value: string }[] = [];

  /** The cookies that a request of the URL carries. */
  cookiesFor(url: URL): string {
    return this.#cookies
      .filter(({ host, path }) => host === url.host && url.pathname.startsWith(path))
      .map(({ name, value }) => `${name}=${value}`).join("; ");
  }

  /** Opens a page, following redirects until one leads to `stopAt`. */
  async open(
    start: string,
    options: { readonly form?: Readonly<Record<string, string>>; readonly stopAt?: string } = {},
  ): Promise<Page> {
    let url = new URL(start);
    let { form } = options;
    for (let hops = 0; hops < 20; hops++) {
      const response = await fetch(url, {
        redirect: "manual",
        method: form === undefined ? "GET" : "POST",
        headers: { cookie: this.cookiesFor(url) },
        ...(form === undefined ? {} : { body: new URLSearchParams({ ...form }) }),
      });
      form = undefined;
      this.#keep(url, response.headers);
      const text = await response.text();
      const location = response.headers.get("location");
      if (location === null) {
        return { url, status: response.status, text, headers: response.headers };
      }
      const next = new URL(location, url);
      if (options.stopAt !== undefined && next.href.startsWith(options.stopAt)) {
        return { url: next, status: response.status, text, headers: response.headers };
      }
      url = next;
    }
    throw new Error(`too many redirects from ${start}`);
  }

  #keep(url: URL, headers: Headers): void {
    for (const header of headers.getSetCookie()) {
      const [pair = "", ...attributes] = header.split(";").map((part) => part.trim());
      const at = pair.indexOf("=");
      const name = pair.slice(0, at);
      const value = pair.slice(at + 1);
      const path = attributes.find((one) => /^path=/i.test(one))?.slice(5) ?? "/";
      const kept = this.#cookies.findIndex((one) =>
        one.host === url.host && one.path === path && one.name === name
      );
      if (kept >= 0) this.#cookies.splice(kept, 1);
      if (value !== "" && !attributes.some((one) => /^max-age=0$/i.test(one))) {
        this.#cookies.push({ host: url.host, path, name, value });
      }
    }
  }
}

/** Fills in the provider's forms until it sends the browser to `stopAt`. */
export async function signInAtProvider(
  browser: Browser,
  options: { readonly start: string; readonly login: string; readonly stopAt: string },
): Promise<Page> {
  const { start, login, stopAt } = options;
  let page = await browser.open(start, { stopAt });
  for (let forms = 0; forms < 4 && !page.url.href.startsWith(stopAt); forms++) {
    const action = /<form[^>]* action="([^"]+)"/.exec(page.text)?.[1];
    if (action === undefined) throw new Error(`no form at ${page.url}: ${page.text.slice(0, 500)}`);
    const prompt = /name="prompt" value="(\w+)"/.exec(page.text)?.[1] ?? "login";
    const form = prompt === "login" ? { prompt, login, password: "any" } : { prompt };
    page = await browser.open(new URL(action, page.url).href, { form, stopAt });
  }
  return page;
}
