/**
 * One error type. It is made where the fault is known, with a kind, and translated once at each
 * edge (CNI code, exit status, HTTP problem) by an exhaustive table over the kinds.
 *
 * @module
 */

/** What went wrong, in the words that every edge has to translate. */
export const KINDS = [
  /** The request itself is wrong: a flag, a variable, a field. */
  "invalid",
  /** What was named does not exist. */
  "not-found",
  /** It exists already, or something else holds it. */
  "conflict",
  /** It is referenced or in use, so it cannot be changed or deleted. */
  "in-use",
  /** No free address; waiting does not help. */
  "exhausted",
  /** It will be possible soon (cooling, an old holder that is about to end): try again. */
  "try-again",
  /** Not allowed by policy or by the store's own authorisation. */
  "forbidden",
  /** Credentials are missing or wrong. */
  "unauthenticated",
  /** A neighbour (etcd, ovsdb-server, vswitchd, the API server) cannot be reached or is not ready. */
  "unavailable",
  /** A neighbour did not answer in time; what was asked may have happened. */
  "unknown-outcome",
  /** The store is not the one that this node knew (restored, replaced), see rule 10. */
  "store-changed",
  /** The store's data has a schema that this version does not read. */
  "schema",
  /** The host refused: a command, a device, a namespace. */
  "host",
  /** The request asks for a version of a protocol that we do not speak. */
  "incompatible",
  /** A bug of ours or data that nobody should have written. */
  "internal",
] as const;

export type ErrorKind = typeof KINDS[number];

export interface ErrorOptions {
  /** The field, flag or variable at fault, e.g. `spec.subnets[0].cidr`. */
  readonly field?: string;
  /** The value at fault, as text. Never a secret. */
  readonly value?: string;
  /** What would be right, or what to do. */
  readonly remedy?: string;
  /** Further facts for logs and JSON output; never a secret. */
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/**
 * The error of this project. `message` says what is wrong in one line without a final period;
 * `remedy` says what to do about it.
 */
export class FabricError extends Error {
  override readonly name = "FabricError";
  readonly kind: ErrorKind;
  readonly field: string | undefined;
  readonly value: string | undefined;
  readonly remedy: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(kind: ErrorKind, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = kind;
    this.field = options.field;
    this.value = options.value;
    this.remedy = options.remedy;
    this.details = options.details ?? {};
  }
}

/** The error as a FabricError; what is not one becomes `internal`. */
export function asFabricError(cause: unknown): FabricError {
  if (cause instanceof FabricError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  return new FabricError("internal", message, { cause });
}

/** True for a FabricError of one of the kinds. */
export function isKind(error: unknown, ...kinds: readonly ErrorKind[]): error is FabricError {
  return error instanceof FabricError && kinds.includes(error.kind);
}

/** One line for people: the message and, where there is one, the remedy. */
export function describeError(error: FabricError): string {
  return error.remedy === undefined ? error.message : `${error.message}; ${error.remedy}`;
}
