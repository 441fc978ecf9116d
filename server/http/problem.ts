/**
 * The edge from errors to HTTP: one exhaustive table from kind to status, and the body of RFC 9457
 * (application/problem+json). A problem's `type` is stable; its texts are for people.
 *
 * @module
 */

import * as v from "valibot";
import { type ErrorKind, FabricError } from "../../mod/error.ts";
import { fieldErrorsOf } from "../../mod/model/field_error.ts";
import { httpWishOf } from "./http_error.ts";

/** Where the types of problems begin; `docs/api.md` explains each. */
export const PROBLEM_BASE = "https://beyondfabric.io/problems/";

interface Edge {
  readonly status: number;
  readonly title: string;
  /** Seconds after which it is worth to try again. */
  readonly retryAfter?: number;
}

/**
 * `unauthenticated` and `forbidden` of the store mean that this server may not do what it was asked
 * for: the caller's own rights are told by `httpError`.
 */
const EDGES: Readonly<Record<ErrorKind, Edge>> = {
  "invalid": { status: 422, title: "The request cannot be used" },
  "not-found": { status: 404, title: "It does not exist" },
  "conflict": { status: 409, title: "It conflicts with what exists" },
  "in-use": { status: 409, title: "It is in use" },
  "exhausted": { status: 409, title: "No address is free" },
  "try-again": { status: 409, title: "It will be possible soon", retryAfter: 1 },
  "forbidden": { status: 503, title: "The store refuses this server", retryAfter: 30 },
  "unauthenticated": { status: 503, title: "The store does not know this server", retryAfter: 30 },
  "unavailable": { status: 503, title: "The store does not answer", retryAfter: 2 },
  "unknown-outcome": { status: 503, title: "The outcome is not known", retryAfter: 2 },
  "store-changed": { status: 503, title: "The store is another one", retryAfter: 30 },
  "schema": { status: 503, title: "The store has another schema", retryAfter: 60 },
  "host": { status: 500, title: "This host refused" },
  "incompatible": { status: 500, title: "The versions do not go together" },
  "internal": { status: 500, title: "This server is at fault" },
};

/** Titles of the types that only HTTP has. */
const TITLES: Readonly<Record<string, string>> = {
  "bad-request": "The request cannot be read",
  "unauthenticated": "Who is asking is not known",
  "forbidden": "This is not allowed",
  "not-found": "It does not exist",
  "method-not-allowed": "This method is not served here",
  "not-acceptable": "No answer of that type is served here",
  "request-timeout": "The request came too slowly",
  "gone": "What was asked for is gone",
  "precondition-failed": "It was changed meanwhile",
  "too-large": "The request is too large",
  "unsupported-media-type": "A body of this type is not taken here",
  "precondition-required": "The request does not say what it changes",
  "too-many-requests": "Too many requests",
  "headers-too-large": "The headers are too large",
  "idempotency-conflict": "The idempotency key was used for something else",
  "idempotency-running": "The first request with this key is still running",
};

/** One fault of one field. */
export const ProblemFieldSchema = v.object({
  field: v.pipe(v.string(), v.description("Path of the field, e.g. spec.subnets[0].cidr")),
  value: v.optional(v.pipe(v.string(), v.description("The value at fault, shortened"))),
  message: v.pipe(v.string(), v.description("What is wrong, with the value")),
  remedy: v.optional(v.pipe(v.string(), v.description("What would be right, or what to do"))),
});

/** The body of every error (RFC 9457). */
export const ProblemSchema = v.object({
  type: v.pipe(v.string(), v.description("Stable name of the kind of problem, a URI")),
  title: v.pipe(v.string(), v.description("The kind of problem, for people")),
  status: v.number(),
  detail: v.pipe(v.string(), v.description("What is wrong in this case")),
  instance: v.pipe(v.string(), v.description("Path of the request")),
  requestId: v.pipe(v.string(), v.description("Stands in the server's log and in the audit")),
  field: v.optional(v.string()),
  value: v.optional(v.string()),
  remedy: v.optional(v.pipe(v.string(), v.description("What would be right, or what to do"))),
  errors: v.optional(
    v.pipe(v.array(ProblemFieldSchema), v.description("All faults of a document")),
  ),
  holders: v.optional(
    v.pipe(v.array(v.string()), v.description("Who uses what is to be taken away")),
  ),
});
/** The body of an error. */
export type Problem = v.InferOutput<typeof ProblemSchema>;

/** An error as HTTP answers it. */
export interface ProblemAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Problem;
}

const HoldersSchema = v.object({ holders: v.array(v.string()) });

/** Where the problem happened. */
export interface ProblemPlace {
  readonly path: string;
  readonly requestId: string;
}

/** The answer for the error. What went wrong inside this server is only in its log. */
export function problemOf(error: FabricError, { path, requestId }: ProblemPlace): ProblemAnswer {
  const wish = httpWishOf(error);
  const edge = EDGES[error.kind];
  const compacted = error.kind === "conflict" && error.details["reason"] === "compacted";
  const status = wish?.status ?? (compacted ? 410 : edge.status);
  const type = wish?.type ?? (compacted ? "gone" : error.kind);
  const hidden = wish === undefined && status === 500;
  const errors = fieldErrorsOf(error);
  const holders = v.safeParse(HoldersSchema, error.details);
  const retryAfter = edge.retryAfter === undefined ? {} : { "retry-after": `${edge.retryAfter}` };
  const { field, value, remedy } = hidden ? new FabricError("internal", "") : error;
  return {
    status,
    headers: { ...(wish === undefined ? retryAfter : wish.headers) },
    body: {
      type: `${PROBLEM_BASE}${type}`,
      title: (wish === undefined && !compacted ? undefined : TITLES[type]) ?? edge.title,
      status,
      detail: hidden ? "The server could not do it; its log says why" : error.message,
      instance: path,
      requestId,
      ...(field === undefined ? {} : { field }),
      ...(value === undefined ? {} : { value }),
      ...(remedy === undefined ? {} : { remedy }),
      ...(errors.length === 0 ? {} : { errors: [...errors] }),
      ...(holders.success ? { holders: holders.output.holders } : {}),
    },
  };
}
