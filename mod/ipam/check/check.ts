/**
 * The check of the store: what fsck is to a file system. It changes nothing and takes no lock, and
 * it runs beside ADDs and DELs: the first look reads everything as it was at one revision, the
 * second one reads again what seemed wrong, as it is now. What is still wrong is a finding.
 *
 * An ADD, and so a DEL, is one transaction, so at no revision is one half done. What takes several
 * steps (edits of networks) is marked by the claim of `meta/edit`, and what it leaves behind on its
 * way is none of ours.
 *
 * @module
 */

import { FabricError } from "../../error.ts";
import type { RangeReader } from "../../etcd/bulk/bulk.ts";
import type { IpamContext } from "../context.ts";
import { META_ERA } from "../keys.ts";
import { readCases } from "./case.ts";
import { declaredFindings } from "./declared_findings.ts";
import type { Finding, Source } from "./finding.ts";
import { indexFindings } from "./index_findings.ts";
import { HintSampler } from "./hints.ts";
import { Judge, type Rule } from "./judge.ts";
import { leaseFindings } from "./lease_findings.ts";
import { abandonedEdit, metaFindings, strangeKeys } from "./meta_findings.ts";
import { missingNetworkFindings, unknownNodeFindings } from "./missing_findings.ts";
import { overlapFindings } from "./past_findings.ts";
import { checkSegments } from "./rules/attachments.ts";
import { checkClaims, checkTwice } from "./rules/claims.ts";
import { checkHistory } from "./rules/history.ts";
import { checkHolders, checkStates } from "./rules/holders.ts";
import { checkMacs } from "./rules/macs.ts";
import { checkOwners } from "./rules/owners.ts";
import { checkMarks, checkPlaces } from "./rules/places.ts";
import { checkReadable } from "./rules/unreadable.ts";
import { type OnProgress, Scan } from "./scan.ts";
import { scanAddresses } from "./scan_addresses.ts";
import { scanHolders, scanLeased } from "./scan_holders.ts";
import { scanPast } from "./scan_past.ts";
import { SecondLook } from "./second_look.ts";
import type { Snapshot } from "./windows.ts";
import { readWorld } from "./world.ts";

export interface CheckOptions {
  /** Which parts of the store; default both. */
  readonly sources?: readonly Source[];
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
  /** How long a claim of `meta/edit` must stand still to count as abandoned. */
  readonly claimPatienceMs?: number;
}

export interface CheckReport {
  readonly findings: readonly Finding[];
  /** Revision of the first look. */
  readonly revision: number;
  /** Keys that were read. */
  readonly keys: number;
  /** There is more damage than one check pursues: repair, and check again. */
  readonly truncated: boolean;
  /** etcd compacted so often that something could not be read at one revision: check again. */
  readonly compacted: boolean;
}

/** What a check of the store works with. */
export interface CheckContext {
  readonly ipam: Pick<IpamContext, "now" | "newId">;
  readonly reader: RangeReader;
}

/**
 * In this order: what an earlier rule has dealt with, later ones leave alone, so that one damage
 * gives one finding.
 */
const RULES: readonly Rule[] = [
  checkReadable,
  checkStates,
  checkTwice,
  checkHolders,
  checkClaims,
  checkSegments,
  checkOwners,
  checkPlaces,
  checkMarks,
  checkMacs,
  checkHistory,
];

/**
 * Checks the store.
 *
 * @throws {FabricError} those of the store; damage is no error.
 */
export async function checkStore(
  context: CheckContext,
  options: CheckOptions = {},
): Promise<CheckReport> {
  const { sources = ["networks", "addresses"], signal } = options;
  const first = await startSnapshot(context, signal);
  const { revision = 0 } = first;
  const meta = await metaFindings({
    snapshot: first,
    world: await readWorld(first),
    ipam: context.ipam,
  });
  if (meta.newer) {
    return { findings: meta.findings, revision, keys: 0, truncated: false, compacted: false };
  }
  const findings: Finding[] = [];
  let keys = 0;
  let truncated = false;
  let compacted = false;
  if (sources.includes("addresses")) {
    const found = await checkAddresses(context, first, options);
    findings.push(...found.findings);
    keys += found.keys;
    truncated = found.truncated;
    compacted = found.compacted;
  }
  if (sources.includes("networks")) {
    const found = await checkNetworks(context, options);
    findings.push(...found.findings);
    keys += found.keys;
  }
  findings.sort((a, b) => a.kind.code < b.kind.code ? -1 : a.kind.code > b.kind.code ? 1 : 0);
  return { findings, revision, keys, truncated, compacted };
}

/**
 * Judges the records under the keys, and all that they refer to, as they are now.
 *
 * @throws {FabricError} those of the store; `try-again` where etcd compacts faster than they are read.
 */
export async function checkRecords(
  context: CheckContext,
  keys: readonly string[],
): Promise<readonly Finding[]> {
  const look = new SecondLook(() => startSnapshot(context, undefined));
  const { findings } = await judgeSeeds(context.ipam, look, new Set(keys));
  if (!look.failed) return findings;
  throw new FabricError("try-again", "etcd compacts its revisions faster than they are read");
}

async function startSnapshot(
  { reader }: CheckContext,
  signal: AbortSignal | undefined,
): Promise<Snapshot> {
  const { header } = await reader.range({ key: META_ERA });
  return { reader, revision: header.revision, signal };
}

async function checkNetworks(
  context: CheckContext,
  options: CheckOptions,
): Promise<Pick<CheckReport, "findings" | "keys">> {
  const { ipam } = context;
  const snapshot = await startSnapshot(context, options.signal);
  const world = await readWorld(snapshot);
  const { claimPatienceMs } = options;
  const { physicalNetworks, zones, networks, nodes } = world;
  const keys = physicalNetworks.length + zones.length + networks.length + nodes.length;
  const findings = [
    ...(await metaFindings({ snapshot, world, ipam })).findings,
    ...await declaredFindings({ snapshot, world, now: ipam.now }),
    ...await strangeKeys(snapshot),
    ...await abandonedEdit(
      snapshot,
      claimPatienceMs === undefined ? {} : { patienceMs: claimPatienceMs },
    ),
  ];
  return { findings, keys };
}

async function checkAddresses(
  context: CheckContext,
  first: Snapshot,
  options: CheckOptions,
): Promise<Omit<CheckReport, "revision">> {
  const { ipam } = context;
  const scan = new Scan(first, await readWorld(first), options.onProgress ?? (() => {}));
  const attachments = new HintSampler();
  const index = await scanAddresses(scan, attachments);
  await scanHolders(scan, attachments.hints());
  const leased = await scanLeased(scan, ipam.now());
  const overlaps = await scanPast(scan);
  await scan.pursue();

  const look = new SecondLook(() => startSnapshot(context, options.signal));
  const judged = await judgeSeeds(ipam, look, scan.seeds);
  const missingNetworks = new Set(scan.missingNetworks.keys());
  const { claimed } = judged;
  const others = await look.run(async (snapshot, world) => {
    const input = { snapshot, world, ipam };
    return [
      ...await missingNetworkFindings(input, scan.missingNetworks),
      ...await unknownNodeFindings(input, scan.unknownNodes),
      ...await indexFindings({ ...input, suspicions: index, claimed, missingNetworks }),
      ...await leaseFindings(snapshot, { world, suspicions: leased, now: ipam.now() }),
      ...await overlapFindings(snapshot, overlaps),
    ];
  });
  return {
    findings: [...judged.findings, ...others ?? []],
    keys: scan.keys,
    truncated: scan.truncated,
    compacted: look.failed,
  };
}

/** Findings of single records, and the addresses that somebody names though they have no record. */
async function judgeSeeds(
  ipam: Pick<IpamContext, "now" | "newId">,
  look: SecondLook,
  seeds: ReadonlySet<string>,
): Promise<{ readonly findings: readonly Finding[]; readonly claimed: ReadonlySet<string> }> {
  const findings: Finding[] = [];
  const claimed = new Set<string>();
  const judge = async (wanted: Iterable<string>): Promise<readonly Judge[] | undefined> =>
    await look.run(async (snapshot, world) => {
      const judges = (await readCases(snapshot, world, wanted)).map((records) =>
        new Judge(records, { world, snapshot, ipam })
      );
      for (const one of judges) for (const rule of RULES) await rule(one);
      return judges;
    });
  const take = (judges: readonly Judge[]): void => {
    for (const { findings: found, records, settled } of judges) {
      findings.push(...found);
      for (const { key, kv } of records.addresses.values()) {
        if (kv === undefined && settled.has(key)) claimed.add(key);
      }
    }
  };
  const together = await judge(seeds);
  if (together !== undefined) take(together);
  // etcd compacts faster than all of them are read: one after the other, each is read at once.
  else for (const seed of seeds) take(await judge([seed]) ?? []);
  return { findings, claimed };
}
