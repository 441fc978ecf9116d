/**
 * etcd's refusals as FabricErrors. Both transports carry the same gRPC status: a code and a text,
 * and only the text tells the cases apart (etcd, api/v3rpc/rpctypes/error.go).
 *
 * @module
 */
import { type ErrorKind, FabricError } from "../error.ts";

/** A gRPC status that is not OK. */
export interface Status {
  readonly code: number;
  readonly message: string;
}

interface Meaning {
  readonly kind: ErrorKind;
  readonly reason: string;
  readonly message: string;
  readonly remedy?: string;
}

/** Texts are matched as parts, since versions put different words before them. */
const MEANINGS: readonly (readonly [text: string, meaning: Meaning])[] = [
  ["invalid auth token", {
    kind: "unauthenticated",
    reason: "token",
    message: "etcd does not know the token",
  }],
  ["revision of auth store is old", {
    kind: "unauthenticated",
    reason: "token",
    message: "etcd's users or roles were just changed",
  }],
  ["revision in header is old", {
    kind: "unauthenticated",
    reason: "token",
    message: "etcd's users or roles were just changed",
  }],
  ["user name is empty", {
    kind: "unauthenticated",
    reason: "token",
    message: "etcd asks for a user",
    remedy: "configure the user and the file with the password",
  }],
  ["authentication failed, invalid user ID or password", {
    kind: "unauthenticated",
    reason: "password",
    message: "etcd refuses the user or the password",
    remedy: "check the configured user and the file with the password",
  }],
  ["authentication is not enabled", {
    kind: "unauthenticated",
    reason: "auth-off",
    message: "etcd's authentication is not enabled",
  }],
  ["permission denied", {
    kind: "forbidden",
    reason: "permission",
    message: "etcd does not permit this user that access",
    remedy: "grant the user the role that it needs",
  }],
  ["requested lease not found", {
    kind: "not-found",
    reason: "lease",
    message: "the lease does not exist",
  }],
  ["role name not found", {
    kind: "not-found",
    reason: "role",
    message: "the role does not exist",
  }],
  ["required revision has been compacted", {
    kind: "conflict",
    reason: "compacted",
    message: "the revision asked for is compacted",
    remedy: "read again",
  }],
  ["required revision is a future revision", {
    kind: "conflict",
    reason: "future-revision",
    message: "etcd has not reached the revision asked for",
  }],
  ["request is too large", tooLarge()],
  ["larger than max", tooLarge()],
  ["too many operations in txn request", {
    kind: "invalid",
    reason: "too-many-operations",
    message: "the transaction has more operations than etcd accepts",
  }],
  ["duplicate key given in txn request", {
    kind: "invalid",
    reason: "duplicate-key",
    message: "the transaction writes a key twice",
  }],
  ["database space exceeded", {
    kind: "internal",
    reason: "quota",
    message: "etcd is out of space",
    remedy: "compact and defragment etcd or raise its quota, then disarm the alarm NOSPACE",
  }],
  ["too many requests", {
    kind: "unavailable",
    reason: "overloaded",
    message: "etcd is overloaded",
  }],
  ["no leader", { kind: "unavailable", reason: "leader", message: "etcd has no leader" }],
  // Said to reads only; a write that gets it may have been carried out.
  ["leader changed", {
    kind: "unknown-outcome",
    reason: "leader",
    message: "etcd's leader changed",
  }],
];

function tooLarge(): Meaning {
  return {
    kind: "invalid",
    reason: "too-large",
    message: "the request is larger than etcd accepts",
  };
}

/** gRPC codes after which it is certain that nothing was done. */
const REFUSALS: ReadonlyMap<number, ErrorKind> = new Map([
  [3, "invalid"],
  [5, "not-found"],
  [6, "conflict"],
  [7, "forbidden"],
  [9, "conflict"],
  [11, "invalid"],
  [12, "incompatible"],
  [16, "unauthenticated"],
]);

/**
 * The error for a status; `where` is the endpoint. A status that leaves open whether the request
 * was carried out (a timeout inside etcd, a member that stops) is `unknown-outcome`.
 */
export function toFailure({ code, message }: Status, where: string): FabricError {
  const known = MEANINGS.find(([text]) => message.includes(text))?.[1];
  const details = { endpoint: where, code, etcd: message };
  if (known !== undefined) {
    return new FabricError(known.kind, `${known.message} (${where})`, {
      ...(known.remedy === undefined ? {} : { remedy: known.remedy }),
      details: { ...details, reason: known.reason },
    });
  }
  const kind = REFUSALS.get(code) ?? "unknown-outcome";
  return new FabricError(kind, `etcd at ${where} answers: ${message}`, {
    details: { ...details, reason: kind === "unknown-outcome" ? "interrupted" : "refused" },
  });
}

/** `details.reason` as text, "" without one. */
export function reasonOf(error: FabricError): string {
  const { reason } = error.details;
  return typeof reason === "string" ? reason : "";
}
