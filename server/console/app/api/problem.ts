/**
 * What the server says when it refuses (RFC 9457), read once, and what the network says when there
 * is no answer at all.
 *
 * @module
 */

import * as v from "valibot";

const ProblemSchema = v.looseObject({
  type: v.string(),
  title: v.string(),
  status: v.number(),
  detail: v.optional(v.string(), ""),
  requestId: v.optional(v.string()),
  field: v.optional(v.string()),
  value: v.optional(v.string()),
  remedy: v.optional(v.string()),
  errors: v.optional(
    v.array(v.looseObject({
      field: v.string(),
      message: v.string(),
      remedy: v.optional(v.string()),
    })),
    [],
  ),
  holders: v.optional(v.array(v.string()), []),
});

/** One fault of one field. */
export interface FieldFault {
  readonly field: string;
  readonly message: string;
  readonly remedy?: string | undefined;
}

/** A refusal, as an error that the console shows where it belongs. */
export class Problem extends Error {
  override readonly name = "Problem";
  /** 0: there was no answer. */
  readonly status: number;
  /** `in-use`, `invalid`, ...: the end of the problem's type. */
  readonly kind: string;
  readonly requestId: string | undefined;
  readonly remedy: string | undefined;
  readonly faults: readonly FieldFault[];
  readonly holders: readonly string[];

  constructor(
    body: {
      readonly status: number;
      readonly kind: string;
      readonly message: string;
      readonly requestId?: string | undefined;
      readonly remedy?: string | undefined;
      readonly faults?: readonly FieldFault[];
      readonly holders?: readonly string[];
    },
  ) {
    super(body.message);
    this.status = body.status;
    this.kind = body.kind;
    this.requestId = body.requestId;
    this.remedy = body.remedy;
    this.faults = body.faults ?? [];
    this.holders = body.holders ?? [];
  }
}

/** No answer came. */
export function unreachable(): Problem {
  return new Problem({ status: 0, kind: "unreachable", message: "" });
}

/** The problem that an answer carries. */
export async function problemOf(response: Response): Promise<Problem> {
  const id = response.headers.get("x-request-id") ?? undefined;
  let body: unknown;
  try {
    body = await response.json();
  } catch {
    body = undefined;
  }
  const parsed = v.safeParse(ProblemSchema, body);
  if (!parsed.success) {
    return new Problem({
      status: response.status,
      kind: "unreadable",
      message: `${response.status} ${response.statusText}`,
      requestId: id,
    });
  }
  const { type, title, status, detail, requestId = id, field, remedy, errors, holders } =
    parsed.output;
  const single = field === undefined || errors.length > 0
    ? []
    : [{ field, message: detail, remedy }];
  return new Problem({
    status,
    kind: type.slice(type.lastIndexOf("/") + 1),
    message: detail === "" ? title : detail,
    requestId,
    remedy,
    faults: [
      ...errors.map(({ field, message, remedy }) => ({ field, message, remedy })),
      ...single,
    ],
    holders,
  });
}

/** Any error as a problem. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new Problem({ status: -1, kind: "console", message });
}
