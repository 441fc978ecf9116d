/**
 * What the store says of itself, and what stands outside of its layout.
 *
 * @module
 */

import * as v from "valibot";
import { prefixEnd, underPrefix } from "../../etcd/store.ts";
import type { IpamContext } from "../context.ts";
import { pause } from "../../timer.ts";
import { CLAIM_PATIENCE_MS, runEdit } from "../edit.ts";
import { META_EDIT, META_ERA, META_EXPORTED, META_FENCE, META_SCHEMA, PREFIXES } from "../keys.ts";
import { ORDER } from "../repair/action.ts";
import { type Change, ifUnchanged, storeAction } from "../repair/store_action.ts";
import { SCHEMA } from "../stored.ts";
import { readClaim } from "./claim.ts";
import type { Finding, Kind } from "./finding.ts";
import { seen } from "./judge.ts";
import { STORE_KINDS } from "./kinds/store.ts";
import type { Slot } from "./views.ts";
import { readRange, scanWindows, type Snapshot } from "./windows.ts";
import type { World } from "./world.ts";

interface Input {
  readonly snapshot: Snapshot;
  readonly world: World;
  readonly ipam: Pick<IpamContext, "now" | "newId">;
}

/** `newer`: this version cannot judge the store, and nothing else is to be checked. */
export interface MetaFindings {
  readonly findings: readonly Finding[];
  readonly newer: boolean;
}

async function read(snapshot: Snapshot, key: string): Promise<Slot> {
  const { kvs } = await readRange(snapshot, { key });
  return { key, kv: kvs[0] };
}

function parse<T>(schema: v.GenericSchema<unknown, T>, slot: Slot): T | undefined {
  try {
    return v.parse(schema, JSON.parse(slot.kv?.value ?? ""));
  } catch {
    return undefined;
  }
}

function rewriteFinding(
  kind: Kind,
  input: {
    readonly slot: Slot;
    readonly detail: string;
    readonly change: Change;
    readonly step: string;
  },
): Finding {
  const { slot, detail, change, step } = input;
  const object = `key ${slot.key}`;
  return {
    kind,
    object,
    detail,
    evidence: [seen(slot, slot.kv === undefined ? "missing" : detail)],
    action: storeAction({
      subject: { code: kind.code, object },
      compare: [ifUnchanged(slot)],
      changes: [change],
      steps: [step],
      order: ORDER.base,
    }),
  };
}

/** Schema, era, exports and the key that edits serialise on. */
export async function metaFindings({ snapshot, world, ipam }: Input): Promise<MetaFindings> {
  const [schema, era, edit, exported] = await Promise.all(
    [META_SCHEMA, META_ERA, META_EDIT, META_EXPORTED].map((key) => read(snapshot, key)),
  );
  if (schema === undefined || era === undefined || edit === undefined || exported === undefined) {
    return { findings: [], newer: false };
  }
  const findings: Finding[] = [];
  const used =
    [world.physicalNetworks, world.zones, world.networks, world.nodes].some((all) =>
      all.length > 0
    ) || schema.kv !== undefined || era.kv !== undefined;
  const said = parse(v.looseObject({ schema: v.number() }), schema)?.schema;
  if (said !== undefined && said > SCHEMA) return { findings: [newerSchema(schema)], newer: true };
  if (said === undefined && used) {
    findings.push(rewriteFinding(STORE_KINDS.schemaMissing, {
      slot: schema,
      detail: schema.kv === undefined ? "it is missing" : "it cannot be read",
      change: { put: META_SCHEMA, value: JSON.stringify({ schema: SCHEMA }) },
      step: `write schema ${SCHEMA}`,
    }));
  }
  const eraText = parse(v.looseObject({ era: v.string() }), era)?.era;
  if (eraText === undefined && used) {
    findings.push(rewriteFinding(STORE_KINDS.eraMissing, {
      slot: era,
      detail: era.kv === undefined ? "it is missing" : "it cannot be read",
      change: { put: META_ERA, value: JSON.stringify({ era: ipam.newId() }) },
      step: "write a new era",
    }));
  }
  if (edit.kv !== undefined && readClaim(edit.kv.value) === undefined) {
    const value = JSON.stringify({ v: SCHEMA, at: new Date(ipam.now()).toISOString() });
    findings.push(rewriteFinding(STORE_KINDS.editUnreadable, {
      slot: edit,
      detail: "it cannot be read",
      change: { put: META_EDIT, value },
      step: `write ${META_EDIT} anew`,
    }));
  }
  findings.push(...await exportFindings(snapshot, exported));
  return { findings, newer: false };
}

function newerSchema(slot: Slot): Finding {
  const kind = STORE_KINDS.schemaNewer;
  const detail = `it says ${slot.kv?.value}, this version reads ${SCHEMA}`;
  return { kind, object: `key ${slot.key}`, detail, evidence: [seen(slot, detail)] };
}

const ExportedSchema = v.looseObject({
  v: v.number(),
  clusterId: v.string(),
  revision: v.number(),
});

async function exportFindings(snapshot: Snapshot, slot: Slot): Promise<readonly Finding[]> {
  if (slot.kv === undefined) return [];
  const value = parse(ExportedSchema, slot);
  const { header } = await readRange(snapshot, { key: META_EXPORTED });
  // Revisions of another etcd cluster mean nothing here, and count for nothing.
  const ahead = value !== undefined && value.clusterId === header.clusterId &&
    value.revision > header.revision;
  if (value !== undefined && !ahead) return [];
  return [rewriteFinding(STORE_KINDS.exportAhead, {
    slot,
    detail: value === undefined
      ? "it cannot be read"
      : `it names revision ${value.revision}, the store is at ${header.revision}`,
    change: { delete: META_EXPORTED },
    step: "remove the mark, so that the next export begins anew",
  })];
}

const POLL_MS = 100;

/** A claim that nobody moved for longer than an edit waits for. */
export async function abandonedEdit(
  snapshot: Snapshot,
  options: { readonly patienceMs?: number } = {},
): Promise<readonly Finding[]> {
  const { patienceMs = 2 * CLAIM_PATIENCE_MS } = options;
  const live: Snapshot = { ...snapshot, revision: undefined };
  const first = await read(live, META_EDIT);
  const claim = first.kv === undefined ? undefined : readClaim(first.kv.value)?.claim;
  if (first.kv === undefined || claim === undefined) return [];
  const until = performance.now() + patienceMs;
  let second = first;
  while (performance.now() < until) {
    await pause(Math.min(POLL_MS, patienceMs), snapshot.signal);
    second = await read(live, META_EDIT);
    if (second.kv?.modRevision !== first.kv.modRevision) return [];
  }
  const kind = STORE_KINDS.abandonedEdit;
  const object = `edit of network ${claim}`;
  return [{
    kind,
    object,
    detail: `nobody has moved its claim for ${patienceMs / 1000} seconds`,
    evidence: [seen(second, `claimed for network ${claim}`)],
    action: {
      steps: [`bring the free index of network ${claim} to its spec, and give the claim back`],
      order: ORDER.index,
      apply: async ({ ipam, journal }) => {
        journal.write({ kind: "other", code: kind.code, object, undo: [] });
        // Every edit finishes what it finds claimed; this one wants nothing else.
        await runEdit(ipam, {
          key: META_EDIT,
          decide: () => Promise.resolve({ done: undefined }),
          claimPatienceMs: 0,
        });
        return "done";
      },
    },
  }];
}

/** Parts of the layout; what lies between them is nobody's. */
const PARTS: readonly string[] = [...Object.values(PREFIXES), "meta/"];
/** Promised to what is to come; a version that does not know it leaves it alone. */
const PROMISED: readonly string[] = ["quotas/"];
const META_KEYS: readonly string[] = [
  META_SCHEMA,
  META_ERA,
  META_EDIT,
  META_EXPORTED,
  META_FENCE,
];

/** Keys outside of every part, gathered by what they begin with. */
export async function strangeKeys(snapshot: Snapshot): Promise<readonly Finding[]> {
  const strange = new Map<string, { readonly slots: Slot[]; count: number }>();
  const note = (slot: Slot): void => {
    const group = slot.key.split("/")[0] ?? "";
    const one = strange.get(group) ?? { slots: [], count: 0 };
    strange.set(group, one);
    one.count++;
    if (one.slots.length < 5) one.slots.push(slot);
  };
  for await (const page of scanWindows(snapshot, underPrefix("meta/"))) {
    for (const kv of page) if (!META_KEYS.includes(kv.key)) note({ key: kv.key, kv });
  }
  // Keys begin with a character, and no character is above the last of these.
  let from = "\u0001";
  for (const part of [...PARTS, ...PROMISED].sort((a, b) => a < b ? -1 : 1)) {
    for await (const page of scanWindows(snapshot, { key: from, end: part })) {
      for (const kv of page) note({ key: kv.key, kv });
    }
    from = prefixEnd(part);
  }
  for await (const page of scanWindows(snapshot, { key: from, end: "\u007f" })) {
    for (const kv of page) note({ key: kv.key, kv });
  }
  return [...strange].map(([group, { slots, count }]): Finding => ({
    kind: STORE_KINDS.unknownKey,
    object: `${count === 1 ? "a key" : `${count} keys`} under ${group}`,
    detail: `no part of the layout is called so`,
    evidence: slots.map((slot) => seen(slot, "unknown")),
  }));
}
