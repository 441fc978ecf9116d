/**
 * Asking the server. A session that has ended is asked for in place, and the request goes out again
 * behind it, so that nothing that was typed is lost.
 *
 * @module
 */

import { signal } from "@preact/signals";
import * as v from "valibot";
import { problemOf, unreachable } from "./problem.ts";

/** What guards the changes of a session, told by the server at sign-in. */
let csrfToken: string | undefined;

/** Sets what {@linkcode request} sends with changes. */
export function setCsrfToken(token: string | undefined): void {
  csrfToken = token;
}

/** True while somebody must sign in before requests go on. */
export const signInNeeded = signal(false);
/** Whether the last request was answered. */
export const reachable = signal(true);
/** When the server last answered. */
export const answeredAt = signal(Date.now());

let waiting: (() => void)[] = [];

/** Lets the requests go on that wait for a session. */
export function signedIn(): void {
  signInNeeded.value = false;
  const go = waiting;
  waiting = [];
  for (const resolve of go) resolve();
}

export interface Ask {
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  /** The request is the sign-in itself: a 401 is its answer. */
  readonly anonymous?: boolean;
}

/** An answer that was good. */
export interface Answer {
  readonly body: unknown;
  readonly etag: string | undefined;
  readonly status: number;
}

/** A path of the API with its query; of `/auth/` as it stands. */
export function apiUrl(path: string, query: Ask["query"] = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== "") parameters.set(name, String(value));
  }
  const text = parameters.toString();
  const whole = path.startsWith("/auth/") ? path : `/api/v1${path}`;
  return text === "" ? whole : `${whole}?${text}`;
}

/**
 * Asks; `path` is below `/api/v1`, or begins with `/auth/`.
 *
 * @throws {Problem} What the server refused, or that there was no answer.
 */
export async function request(path: string, ask: Ask = {}): Promise<Answer> {
  const response = await send(path, ask);
  if (response.status === 401 && ask.anonymous !== true) {
    await response.body?.cancel();
    await session(ask.signal);
    return await request(path, ask);
  }
  if (!response.ok) throw await problemOf(response);
  const text = await response.text();
  return {
    status: response.status,
    etag: response.headers.get("etag") ?? undefined,
    body: text === "" ? undefined : JSON.parse(text),
  };
}

/** Asks, and reads the answer by the schema. */
export async function ask<T>(
  path: string,
  schema: v.GenericSchema<unknown, T>,
  options: Ask = {},
): Promise<T> {
  const { body } = await request(path, options);
  return v.parse(schema, body);
}

async function send(path: string, ask: Ask): Promise<Response> {
  const { method = "GET", body, headers = {}, signal: aborted } = ask;
  const change = method !== "GET";
  try {
    const response = await fetch(apiUrl(path, ask.query), {
      method,
      headers: {
        accept: "application/json",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(change && csrfToken !== undefined ? { "x-csrf-token": csrfToken } : {}),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(aborted === undefined ? {} : { signal: aborted }),
      credentials: "same-origin",
    });
    reachable.value = response.status !== 503;
    if (response.ok) answeredAt.value = Date.now();
    return response;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    reachable.value = false;
    throw unreachable();
  }
}

/** Returns when there is a session again. */
async function session(aborted: AbortSignal | undefined): Promise<void> {
  signInNeeded.value = true;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  waiting.push(resolve);
  aborted?.addEventListener("abort", () => reject(aborted.reason));
  await promise;
}
