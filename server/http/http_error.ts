/**
 * Errors that only HTTP has a word for. They are FabricErrors like all others; the status that they
 * ask for, and headers that belong to it, travel in the details.
 *
 * @module
 */

import * as v from "valibot";
import { type ErrorKind, type ErrorOptions, FabricError } from "../../mod/error.ts";

/** What an error asks of the answer. */
export interface HttpWish {
  readonly status: number;
  /** The last part of the problem's type; it never changes its meaning. */
  readonly type: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Statuses that no kind of error stands for alone, with their type and their kind. */
const STATUSES = {
  400: ["bad-request", "invalid"],
  401: ["unauthenticated", "unauthenticated"],
  403: ["forbidden", "forbidden"],
  404: ["not-found", "not-found"],
  405: ["method-not-allowed", "invalid"],
  406: ["not-acceptable", "invalid"],
  408: ["request-timeout", "invalid"],
  409: ["conflict", "conflict"],
  410: ["gone", "conflict"],
  412: ["precondition-failed", "conflict"],
  413: ["too-large", "invalid"],
  415: ["unsupported-media-type", "invalid"],
  422: ["invalid", "invalid"],
  428: ["precondition-required", "invalid"],
  429: ["too-many-requests", "try-again"],
  431: ["headers-too-large", "invalid"],
  503: ["unavailable", "unavailable"],
} as const satisfies Readonly<Record<number, readonly [string, ErrorKind]>>;

/** A status of {@linkcode httpError}. */
export type HttpErrorStatus = keyof typeof STATUSES;

/** The error for the status. */
export function httpError(
  status: HttpErrorStatus,
  message: string,
  options: ErrorOptions & {
    readonly type?: string;
    readonly headers?: Readonly<Record<string, string>>;
  } = {},
): FabricError {
  const [type, kind] = STATUSES[status];
  const { type: ownType, headers, details, ...rest } = options;
  const http: HttpWish = {
    status,
    type: ownType ?? type,
    ...(headers === undefined ? {} : { headers }),
  };
  return new FabricError(kind, message, { ...rest, details: { ...details, http } });
}

const WishSchema = v.object({
  status: v.number(),
  type: v.string(),
  headers: v.optional(v.record(v.string(), v.string())),
});

/** What the error asks of the answer; undefined where its kind decides. */
export function httpWishOf(error: FabricError): HttpWish | undefined {
  const found = v.safeParse(WishSchema, error.details["http"]);
  if (!found.success) return undefined;
  const { status, type, headers } = found.output;
  return { status, type, ...(headers === undefined ? {} : { headers }) };
}
