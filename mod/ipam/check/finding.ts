/**
 * What a check finds: the kinds of damage that it knows, and one damage with its evidence. The
 * store's checks and those of a node stand on the same types.
 *
 * @module
 */

import type { Action } from "../repair/action.ts";

/** What `check` can be asked to look at. */
export const SOURCES = [
  "networks",
  "addresses",
  "node",
  "pods",
  "wire",
  "kubernetes",
  "audit",
] as const;
export type Source = typeof SOURCES[number];

/** How bad it is: pods suffer, they may, or nobody but the store does. */
export const SEVERITIES = ["error", "warning", "notice"] as const;
export type Severity = typeof SEVERITIES[number];

/** A kind of damage: one row of a table, one line of `docs/check.md`. */
export interface Kind {
  /** Stable for ever, e.g. `F-A-07`: the area's letter and a number that is never used again. */
  readonly code: string;
  readonly source: Source;
  readonly severity: Severity;
  /** A few words, without a final period. */
  readonly title: string;
  /** What is not as it should be, exactly. */
  readonly meaning: string;
  /** What comes of it while nobody mends it. */
  readonly consequence: string;
  /** What `repair` does, or what a person has to do. */
  readonly remedy: string;
}

/** Where a finding was seen. */
export interface Evidence {
  readonly what:
    | "key"
    | "port"
    | "bridge"
    | "interface"
    | "namespace"
    | "process"
    | "file"
    | "filter"
    | "flow"
    | "row"
    | "neighbour";
  /** The key, the port's name, a process id, a path. */
  readonly name: string;
  /** Of a key: its mod revision, 0 where it does not exist. */
  readonly revision?: number;
  /** What is there, or what is missing. */
  readonly says: string;
}

/** One damage. */
export interface Finding {
  readonly kind: Kind;
  /** What it is about: `address 10.0.0.5 of network pods`. */
  readonly object: string;
  /** What is so in this case, in one sentence. */
  readonly detail: string;
  readonly evidence: readonly Evidence[];
  /** What `repair` would do; absent: it takes a person. */
  readonly action?: Action;
  /** What a person has to do here, where the kind's words are not exact enough. */
  readonly remedy?: string;
}

/** A row of the tables of kinds; checks the form of its code. */
export function defineKind(kind: Kind): Kind {
  if (!/^F-[A-Z]-\d\d$/.test(kind.code)) throw new RangeError(`code ${kind.code}`);
  return kind;
}

/** The finding as plain data, for `-o json`. */
export function findingFields(finding: Finding): Readonly<Record<string, unknown>> {
  const { kind, object, detail, evidence, action, remedy } = finding;
  return {
    code: kind.code,
    severity: kind.severity,
    title: kind.title,
    object,
    detail,
    evidence,
    consequence: kind.consequence,
    repair: remedy ?? kind.remedy,
    ...(action === undefined ? {} : { plan: action.steps }),
  };
}
