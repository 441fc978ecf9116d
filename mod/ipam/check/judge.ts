/**
 * What a rule is given to judge a case by, and what it has to say.
 *
 * @module
 */

import { isCompacted } from "../../etcd/pages.ts";
import type { Compare, KeyValue } from "../../etcd/store.ts";
import type { AttachmentRef } from "../../model/identity.ts";
import type { Node } from "../../model/network.ts";
import type { IpamContext } from "../context.ts";
import { nodeKey, tombstoneKey } from "../keys.ts";
import { storeAction, type StoreChanges } from "../repair/store_action.ts";
import type { Records } from "./case.ts";
import type { Evidence, Finding, Kind } from "./finding.ts";
import { isAbsent, isSound, type Slot, type View } from "./views.ts";
import type { Snapshot } from "./windows.ts";
import type { KnownNetwork, World } from "./world.ts";

/** Looks at a case and reports. */
export type Rule = (judge: Judge) => Promise<void> | void;

/** What a rule says. */
export interface Report {
  readonly object: string;
  readonly detail: string;
  readonly evidence: readonly Evidence[];
  /** The change that mends it; absent: it takes a person. */
  readonly repair?: StoreChanges & { readonly steps: readonly string[]; readonly order: number };
  readonly remedy?: string;
  /** Keys of records that are dealt with by this: later rules say nothing of them. */
  readonly settles?: readonly string[];
}

/** A key as evidence. */
export function seen({ key, kv }: Slot, says: string): Evidence {
  return { what: "key", name: key, revision: kv?.modRevision ?? 0, says };
}

/** Judges one case. */
export class Judge {
  readonly records: Records;
  readonly world: World;
  readonly ipam: Pick<IpamContext, "now" | "newId">;
  readonly findings: Finding[] = [];
  /** Keys of what earlier rules have dealt with. */
  readonly settled = new Set<string>();
  readonly #snapshot: Snapshot;

  constructor(
    records: Records,
    options: {
      readonly world: World;
      readonly snapshot: Snapshot;
      readonly ipam: Pick<IpamContext, "now" | "newId">;
    },
  ) {
    this.records = records;
    this.world = options.world;
    this.ipam = options.ipam;
    this.#snapshot = options.snapshot;
  }

  report(kind: Kind, report: Report): void {
    const { object, detail, evidence, repair, remedy, settles = [] } = report;
    this.findings.push({
      kind,
      object,
      detail,
      evidence,
      ...(repair === undefined
        ? {}
        : { action: storeAction({ ...repair, subject: { code: kind.code, object } }) }),
      ...(remedy === undefined ? {} : { remedy }),
    });
    for (const key of settles) this.settled.add(key);
  }

  /** Earlier rules have dealt with it, or nobody can say what it is: it agrees with everything. */
  isOpen(view: View<unknown> | undefined): boolean {
    return view !== undefined && !this.settled.has(view.key) && view.fault === undefined;
  }

  /** It can be relied on, and no earlier rule has dealt with it. */
  counts<T>(view: View<T> | undefined): view is View<T> & { readonly record: T } {
    return isSound(view) && !this.settled.has(view.key);
  }

  /** Nothing stands there, and no earlier rule has said so. */
  isMissing(view: Slot | undefined): boolean {
    return isAbsent(view) && (view === undefined || !this.settled.has(view.key));
  }

  known(network: string): KnownNetwork | undefined {
    return this.world.known.get(network);
  }

  node(ref: Pick<AttachmentRef, "cluster" | "node">): Node | undefined {
    const key = nodeKey(ref.cluster, ref.node);
    return this.world.nodes.find(({ kv }) => kv.key === key)?.resource;
  }

  /** RFC 3339 text of now. */
  now(): string {
    return new Date(this.ipam.now()).toISOString();
  }

  /**
   * Why the sandbox is known to have ended (rule 7); undefined while it may live. `machine` is what
   * its attachment says of its host, `since` the revision of the record that names it.
   */
  ended(
    ref: AttachmentRef,
    options: {
      readonly since: number;
      readonly machine?: { readonly machineId: string; readonly bootId: string };
    },
  ): { readonly why: string; readonly compare: readonly Compare[] } | undefined {
    const tombstone = this.records.tombstones.get(tombstoneKey(ref))?.kv;
    if (tombstone !== undefined && tombstone.modRevision > options.since) {
      return { why: "its DEL came", compare: [] };
    }
    const key = nodeKey(ref.cluster, ref.node);
    const declared = this.world.nodes.find(({ kv }) => kv.key === key);
    const node = declared?.resource;
    if (declared === undefined || node === undefined) return undefined;
    const compare: readonly Compare[] = [
      { key, target: "mod", op: "=", revision: declared.kv.modRevision },
    ];
    if (node.spec.fenced !== undefined) return { why: "its node is fenced", compare };
    const { machine } = options;
    const { machineId, bootId } = node.status ?? {};
    if (node.spec.replaced?.some((one) => one.machineId === machine?.machineId) === true) {
      return { why: "its machine was replaced", compare };
    }
    if (machine === undefined || machineId === undefined || bootId === undefined) return undefined;
    if (machine.machineId !== machineId || machine.bootId === "" || machine.bootId === bootId) {
      return undefined;
    }
    return { why: "its host has booted since", compare };
  }

  /** The key as it was at an older revision; undefined where it was not, or etcd has forgotten. */
  async past(key: string, revision: number): Promise<KeyValue | undefined> {
    if (revision < 1) return undefined;
    const { reader, signal } = this.#snapshot;
    try {
      const call = signal === undefined ? {} : { signal };
      return (await reader.range({ key, revision }, call)).kvs[0];
    } catch (error) {
      if (!isCompacted(error)) throw error;
      return undefined;
    }
  }
}
