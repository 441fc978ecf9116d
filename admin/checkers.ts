/**
 * Who checks what: the store's checks run anywhere, a node's on the node. A new one is a row here.
 *
 * @module
 */

import { openBulkReader } from "../mod/etcd/bulk/bulk.ts";
import { checkStore } from "../mod/ipam/check/check.ts";
import type { Finding, Source } from "../mod/ipam/check/finding.ts";
import { AUDIT } from "./audit_check.ts";
import type { AdminContext } from "./context.ts";
import { KUBERNETES } from "./kubernetes_check.ts";
import { NODE } from "./node_check.ts";

/** What a checker is asked for. */
export interface CheckRequest {
  /** Those of its sources that are wanted. */
  readonly sources: readonly Source[];
  /** They were named, so that to leave them out would be wrong. */
  readonly asked: boolean;
  /** Told now and then; one line. */
  readonly onProgress: (text: string) => void;
}

/** What a checker found. */
export interface Checked {
  readonly findings: readonly Finding[];
  /** What was looked at, for the last line: `325,000 keys read, at revision 812`. */
  readonly looked: string;
  /** There is more damage than one check pursues. */
  readonly truncated: boolean;
  /** Something could not be looked at, so that it may be damaged. */
  readonly unseen?: string;
}

/** Checks some of the sources. */
export interface Checker {
  readonly sources: readonly Source[];
  readonly check: (context: AdminContext, request: CheckRequest) => Promise<Checked>;
}

const STORE: Checker = {
  sources: ["networks", "addresses"],
  check: async (context, { sources, onProgress }) => {
    const ipam = await context.ipam();
    await using reader = openBulkReader(await context.storeOptions(), ipam.store);
    const { findings, revision, keys, truncated, compacted } = await checkStore({ ipam, reader }, {
      sources,
      onProgress: ({ section, keys }) =>
        onProgress(`checking ${section}: ${keys.toLocaleString("en")} keys read`),
    });
    const looked = `${keys.toLocaleString("en")} keys read, at revision ${revision}`;
    const unseen = "etcd compacts its revisions faster than they are read; check again";
    return { findings, looked, truncated, ...(compacted ? { unseen } : {}) };
  },
};

/** All checkers. */
export const CHECKERS: readonly Checker[] = [STORE, AUDIT, NODE, KUBERNETES];

/** Every source that somebody checks. */
export const CHECKED_SOURCES: readonly Source[] = CHECKERS.flatMap(({ sources }) => sources);

/** Runs the checkers of the sources, one after the other. */
export async function runCheckers(
  context: AdminContext,
  { sources, ...request }: CheckRequest,
): Promise<Checked> {
  const done: Checked[] = [];
  for (const checker of CHECKERS) {
    const wanted = checker.sources.filter((source) => sources.includes(source));
    if (wanted.length > 0) done.push(await checker.check(context, { ...request, sources: wanted }));
  }
  return {
    findings: done.flatMap(({ findings }) => findings),
    looked: done.flatMap(({ looked }) => looked === "" ? [] : [looked]).join(", "),
    truncated: done.some(({ truncated }) => truncated),
    ...unseenOf(done),
  };
}

function unseenOf(done: readonly Checked[]): { readonly unseen?: string } {
  const texts = done.flatMap(({ unseen }) => unseen ?? []);
  return texts.length === 0 ? {} : { unseen: texts.join("; ") };
}
