/**
 * What administrators declared, against each other: all of it is in memory, so it is judged at once.
 *
 * @module
 */

import type { KeyValue } from "../../etcd/store.ts";
import { ifAt } from "../repair/store_action.ts";
import { SCHEMA } from "../stored.ts";
import {
  type AnyDeclared,
  asEdit,
  type DeclaredInput,
  pastKey,
  rowFinding,
  wordsOf,
} from "./declared_row.ts";
import { faultsOf } from "./declared_faults.ts";
import type { Finding } from "./finding.ts";
import { seen } from "./judge.ts";
import { NETWORK_KINDS } from "./kinds/networks.ts";
import { STORE_KINDS } from "./kinds/store.ts";
import {
  mtuFindings,
  nodeFindings,
  overlapFindings,
  vlanFindings,
  zoneFindings,
} from "./network_findings.ts";
import { missingFindings } from "./reference_findings.ts";
import type { Snapshot } from "./windows.ts";
import { readDeclared } from "./world.ts";

/** All findings about PhysicalNetworks, Zones, Networks and Nodes. */
export async function declaredFindings(input: DeclaredInput): Promise<readonly Finding[]> {
  const { world } = input;
  const all: readonly AnyDeclared[] = [
    ...world.physicalNetworks,
    ...world.zones,
    ...world.networks,
    ...world.nodes,
  ];
  const findings: Finding[] = [];
  for (const declared of all) {
    const finding = await documentFinding(declared, input);
    if (finding !== undefined) findings.push(finding);
  }
  return [
    ...findings,
    ...vlanFindings(world),
    ...overlapFindings(world),
    ...await missingFindings(input),
    ...zoneFindings(world),
    ...nodeFindings(input),
    ...mtuFindings(input),
  ];
}

async function documentFinding(
  declared: AnyDeclared,
  input: DeclaredInput,
): Promise<Finding | undefined> {
  const { kv, resource } = declared;
  const object = wordsOf(declared);
  const faults = resource === undefined ? [] : faultsOf(declared, resource);
  if (resource !== undefined && faults.length === 0) return undefined;
  const before = await lastGood(declared, input.snapshot);
  const repair = before === undefined ? undefined : {
    ...asEdit(input, {
      compare: [ifAt(kv.key, kv.modRevision)],
      changes: [{ put: kv.key, value: before.value }],
    }),
    steps: [`write ${object} as it was at revision ${before.modRevision}`],
  };
  if (resource === undefined) {
    const newer = isOtherSchema(kv.value);
    const kind = newer ? STORE_KINDS.otherSchema : STORE_KINDS.malformed;
    const why = newer ? "its schema is not one that this version reads" : "it cannot be read";
    // A node registers itself again; nothing else can be made from nothing.
    const dropped = declared.kind !== "Node" ? undefined : {
      ...asEdit(input, {
        compare: [ifAt(kv.key, kv.modRevision)],
        changes: [{ delete: kv.key }],
      }),
      steps: [`remove ${object}, which registers itself with its next ADD`],
    };
    const mended = newer ? undefined : repair ?? dropped;
    return rowFinding({
      kind,
      object,
      detail: why,
      evidence: [seen({ key: kv.key, kv }, why)],
      ...(mended === undefined ? {} : { repair: mended }),
    });
  }
  return rowFinding({
    kind: NETWORK_KINDS.invalidDocument,
    object,
    detail: faults.join("; "),
    evidence: faults.slice(0, 5).map((fault) => seen({ key: kv.key, kv }, fault)),
    ...(repair === undefined ? {} : { repair }),
  });
}

function isOtherSchema(value: string): boolean {
  try {
    const parsed: unknown = JSON.parse(value);
    const found: unknown = typeof parsed === "object" && parsed !== null && "v" in parsed
      ? parsed.v
      : undefined;
    return typeof found === "number" && Number.isInteger(found) && found !== SCHEMA &&
      found !== SCHEMA - 1;
  } catch {
    return false;
  }
}

/** The version before this one, where that was right. */
async function lastGood(
  declared: AnyDeclared,
  snapshot: Snapshot,
): Promise<KeyValue | undefined> {
  const { kv, kind } = declared;
  const before = await pastKey(snapshot, kv.key, kv.modRevision - 1);
  if (before === undefined) return undefined;
  const resource = readDeclared(before, kind);
  return resource === undefined || faultsOf(declared, resource).length > 0 ? undefined : before;
}
