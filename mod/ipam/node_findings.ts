/**
 * The findings of each node's last check, kept where the server and the console can list them:
 * `findings/<cluster>/<node>`, one value of bounded size. Nothing is decided by it: it is the word of
 * the node that wrote it, and as old as it says.
 *
 * @module
 */

import * as v from "valibot";
import { asFabricError } from "../error.ts";
import { readPages } from "../etcd/pages.ts";
import { type Header, type Store, underPrefix } from "../etcd/store.ts";
import { type Finding, SEVERITIES } from "./check/finding.ts";
import { findingsKey, PREFIXES } from "./keys.ts";
import { decodeRecord, SCHEMA } from "./stored.ts";

const KeptSchema = v.looseObject({
  code: v.string(),
  severity: v.picklist(SEVERITIES),
  title: v.string(),
  object: v.string(),
  detail: v.string(),
  /** What repair would do, or what a person has to do. */
  repair: v.string(),
});
/** One finding, as it is kept. */
export type KeptFinding = v.InferOutput<typeof KeptSchema>;

export const NodeFindingsSchema = v.looseObject({
  v: v.number(),
  cluster: v.string(),
  node: v.string(),
  /** Clock of the node, RFC 3339. */
  at: v.string(),
  /** Version of fabric that looked. */
  version: v.string(),
  /** What was looked at: parts of `check`. */
  sources: v.array(v.string()),
  /** All that were found, by severity. */
  counts: v.object({ error: v.number(), warning: v.number(), notice: v.number() }),
  /** The worst first; fewer than were found where they are too many. */
  findings: v.array(KeptSchema),
  /** What could not be looked at. */
  unseen: v.optional(v.string()),
});
/** What a node said of itself last. */
export type NodeFindings = v.InferOutput<typeof NodeFindingsSchema>;

/** Bounds of one value: etcd takes 1.5 MiB, and 5,000 nodes are to be listed at once. */
const MAX_FINDINGS = 100;
const MAX_TEXT = 300;

/** What a check has to say of its node. */
export interface NodeReportInput {
  readonly cluster: string;
  readonly node: string;
  readonly at: string;
  readonly version: string;
  readonly sources: readonly string[];
  readonly findings: readonly Finding[];
  readonly unseen?: string | undefined;
}

/** The value, within its bounds. */
export function nodeFindings(input: NodeReportInput): NodeFindings {
  const { cluster, node, at, version, sources, findings, unseen } = input;
  const count = (severity: typeof SEVERITIES[number]): number =>
    findings.filter(({ kind }) => kind.severity === severity).length;
  const rank = ({ kind }: Finding): number => SEVERITIES.indexOf(kind.severity);
  return {
    v: SCHEMA,
    cluster,
    node,
    at,
    version,
    sources: [...sources],
    counts: { error: count("error"), warning: count("warning"), notice: count("notice") },
    findings: findings.toSorted((a, b) => rank(a) - rank(b)).slice(0, MAX_FINDINGS).map(kept),
    ...(unseen === undefined ? {} : { unseen: cut(unseen) }),
  };
}

function kept({ kind, object, detail, action, remedy }: Finding): KeptFinding {
  const { code, severity, title } = kind;
  const repair = action?.steps.join("; ") ?? remedy ?? kind.remedy;
  return {
    code,
    severity,
    title,
    object: cut(object),
    detail: cut(detail),
    repair: cut(repair),
  };
}

function cut(text: string): string {
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT - 1)}…`;
}

/** Writes it in the place of what the node said before. */
export async function putNodeFindings(store: Store, value: NodeFindings): Promise<Header> {
  const put = findingsKey(value.cluster, value.node);
  const { header } = await store.txn({ success: [{ put, value: JSON.stringify(value) }] });
  return header;
}

/** What all nodes, or those of a cluster, said last; what cannot be read is left out. */
export async function* listNodeFindings(
  store: Store,
  cluster?: string,
): AsyncGenerator<NodeFindings> {
  for await (const page of readPages(store, underPrefix(PREFIXES.findings))) {
    for (const kv of page) {
      const value = tryDecode(kv);
      if (value !== undefined && (cluster === undefined || value.cluster === cluster)) yield value;
    }
  }
}

function tryDecode(kv: { readonly key: string; readonly value: string }): NodeFindings | undefined {
  try {
    return decodeRecord(NodeFindingsSchema, kv);
  } catch (error) {
    if (["internal", "schema"].includes(asFabricError(error).kind)) return undefined;
    throw error;
  }
}
