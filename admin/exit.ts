/**
 * Exit statuses of `fabric-admin`, all of them, and which kind of error gives which.
 *
 * @module
 */

import { type ErrorKind, FabricError } from "../mod/error.ts";

/** What a script may rely on. */
export const EXIT = {
  /** It was done, or there was nothing to do. */
  fine: 0,
  /** It was refused or failed; stderr says why. */
  error: 1,
  /** The command line itself is wrong. */
  usage: 2,
  /** Damage was found (check). */
  damage: 3,
  /** Not permitted, or a neighbour cannot be reached. */
  unreachable: 4,
  /** No answer came: it may have happened. Look before you repeat it. */
  unknown: 5,
  /** What is declared differs from what is in the store (diff). */
  differs: 6,
} as const;

export type ExitStatus = typeof EXIT[keyof typeof EXIT];

/** One line per status, for `help exit`. */
export const EXIT_TEXT: Readonly<Record<keyof typeof EXIT, string>> = {
  fine: "done, or nothing to do",
  error: "refused or failed; stderr says why",
  usage: "the command line is wrong",
  damage: "damage was found",
  unreachable: "not permitted, or etcd cannot be reached",
  unknown: "no answer came, it may have happened: look before you repeat",
  differs: "diff: what is declared differs from the store",
};

const BY_KIND: Readonly<Record<ErrorKind, ExitStatus>> = {
  "invalid": EXIT.error,
  "not-found": EXIT.error,
  "conflict": EXIT.error,
  "in-use": EXIT.error,
  "exhausted": EXIT.error,
  "try-again": EXIT.error,
  "forbidden": EXIT.unreachable,
  "unauthenticated": EXIT.unreachable,
  "unavailable": EXIT.unreachable,
  "unknown-outcome": EXIT.unknown,
  "store-changed": EXIT.error,
  "schema": EXIT.error,
  "host": EXIT.error,
  "incompatible": EXIT.error,
  "internal": EXIT.error,
};

/** The exit status for the error. */
export function exitStatus(error: FabricError): ExitStatus {
  return error.details["usage"] === true ? EXIT.usage : BY_KIND[error.kind];
}

const REMEDIES: Partial<Readonly<Record<ErrorKind, string>>> = {
  "unavailable": "see that etcd runs, and that etcd.endpoints or --etcd-endpoints name it",
  "unauthenticated": "name a user and its password file in the configuration",
  "forbidden": "use a user of etcd with the role fabric-admin",
  "unknown-outcome": "it may have happened: look before you repeat it",
  "try-again": "run it again",
};

/** The error with what to do, where its source could not say it. */
export function withRemedy(error: FabricError): FabricError {
  const remedy = error.remedy ?? REMEDIES[error.kind];
  if (remedy === undefined || remedy === error.remedy) return error;
  const { kind, message, details, cause } = error;
  return new FabricError(kind, message, { remedy, details, cause });
}

/** The command line is wrong: exit status 2. */
export function usageError(
  message: string,
  options: { readonly field?: string; readonly value?: string; readonly remedy?: string } = {},
): FabricError {
  return new FabricError("invalid", message, { ...options, details: { usage: true } });
}

/** Runs the parser of an argument: what it refuses is a wrong command line. */
export function parseArgument<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof FabricError) || error.kind !== "invalid") throw error;
    const { message, field, value, remedy } = error;
    throw usageError(message, {
      ...(field === undefined ? {} : { field }),
      ...(value === undefined ? {} : { value }),
      ...(remedy === undefined ? {} : { remedy }),
    });
  }
}
