/**
 * What repair does about a finding: steps in words, and the change itself, which looks again at what
 * the finding saw before it does anything.
 *
 * @module
 */

import type { IpamContext } from "../context.ts";
import type { Journal } from "./journal.ts";

/** What an action works with. */
export interface RepairTools {
  readonly ipam: IpamContext;
  /** Where every change is written down before it is made, so that it can be undone. */
  readonly journal: Journal;
}

/**
 * What became of an action. `changed`: what the finding saw is not so any more, nothing was done.
 */
export type Outcome = "done" | "changed";

/** A change that may be made twice, and that leaves nothing worse when it is cut off anywhere. */
export interface Action {
  /** In words, one line each, the first letter small. */
  readonly steps: readonly string[];
  /** Lower ones are made first: what others lean on before what leans on it. */
  readonly order: number;
  readonly apply: (tools: RepairTools) => Promise<Outcome>;
}

/** The order of actions over all kinds. */
export const ORDER = {
  /** The store itself, and what administrators declared. */
  base: 0,
  /** Who has an address. */
  truth: 1,
  /** What follows from that: MACs, history, markers. */
  derived: 2,
  /** Hints where free addresses are: only when it is clear who has which. */
  index: 3,
} as const;
