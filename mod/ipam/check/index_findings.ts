/**
 * The free index, looked at a second time: families whose entries did not agree with their
 * addresses are read again, alone and as they are now.
 *
 * @module
 */

import { underPrefix } from "../../etcd/store.ts";
import { type Family, formatAddress } from "../../ip/address.ts";
import { formatRange, type Range, subtractRanges } from "../../ip/range.ts";
import type { IpamContext } from "../context.ts";
import { addressPrefix, freePrefix, freeSizeKey, networkKey, PREFIXES } from "../keys.ts";
import { ORDER } from "../repair/action.ts";
import { cleanIndexAction, dropIndexAction, offerAction } from "../repair/index_action.ts";
import { ifAt, storeAction } from "../repair/store_action.ts";
import { faultsOf } from "./declared_faults.ts";
import type { Evidence, Finding, Kind } from "./finding.ts";
import type { EntryRef, GroupDamage } from "./free_group.ts";
import { seen } from "./judge.ts";
import { INDEX_KINDS } from "./kinds/free_index.ts";
import { checkGroup, type IndexSuspicions, isLarge } from "./scan_addresses.ts";
import { readRange, type Snapshot } from "./windows.ts";
import type { World } from "./world.ts";

export interface IndexInput {
  readonly snapshot: Snapshot;
  readonly world: World;
  readonly ipam: Pick<IpamContext, "newId">;
  readonly suspicions: IndexSuspicions;
  /** Keys of addresses without a record that somebody names: they are not free. */
  readonly claimed: ReadonlySet<string>;
  /** Networks without a record of which other rules tell. */
  readonly missingNetworks: ReadonlySet<string>;
}

/** Ranges and keys that one finding names. */
const SHOWN = 5;

export async function indexFindings(input: IndexInput): Promise<readonly Finding[]> {
  const { snapshot, world, suspicions } = input;
  const findings: Finding[] = [];
  for (const group of suspicions.groups) {
    if (isInvalid(world, group.network)) continue;
    const damage = await checkGroup(snapshot, world, group);
    if (damage !== undefined) findings.push(...groupFindings(damage, input));
  }
  findings.push(...await sizeFindings(input));
  for (const network of suspicions.orphans) {
    const finding = await orphanFinding(network, input);
    if (finding !== undefined) findings.push(finding);
  }
  return findings;
}

/** The document breaks the rules, and that is told: what it hands out is not known. */
function isInvalid(world: World, network: string): boolean {
  const declared = world.networks.find(({ name }) => name === network);
  return declared?.resource !== undefined && faultsOf(declared, declared.resource).length > 0;
}

function groupFindings(damage: GroupDamage, input: IndexInput): readonly Finding[] {
  const { network, family, broken, taken, unallocatable } = damage;
  const known = input.world.known.get(network);
  if (known === undefined) return [];
  const object = `free index of network ${network}, IPv${family}`;
  const held = ifAt(networkKey(network), known.modRevision);
  const lost = unclaimed(damage, input.claimed);
  const offer = lost.length === 0 ? [] : [`write entries for ${describeRanges(lost)}`];
  const findings: Finding[] = [];
  if (broken.length > 0 || lost.length > 0) {
    const kind = broken.length > 0 ? INDEX_KINDS.broken : INDEX_KINDS.lost;
    findings.push({
      kind,
      object,
      detail: broken.length > 0
        ? `${broken.length} of its entries cannot be read`
        : `no entry offers what is free: ${describeRanges(lost)}`,
      evidence: broken.length > 0
        ? entries(broken, "a broken entry")
        : [{ what: "key", name: freePrefix(network, family), says: "no entry for them" }],
      action: offerAction({
        subject: { code: kind.code, object },
        network,
        held,
        broken,
        lost,
        tag: `r${input.ipam.newId().toLowerCase()}`,
        steps: [...broken.length > 0 ? [`remove ${broken.length} broken entries`] : [], ...offer],
      }),
    });
  }
  if (taken.length > 0) {
    const texts = taken.slice(0, SHOWN).map(({ address }) => formatAddress(address)).join(", ");
    findings.push({
      kind: INDEX_KINDS.taken,
      object,
      detail: `it offers what is taken: ${texts}${more(taken.length)}`,
      evidence: entries(taken, "an entry of a taken address"),
      action: offerAction({
        subject: { code: INDEX_KINDS.taken.code, object },
        network,
        held,
        broken: taken,
        lost: [],
        tag: "",
        steps: [`remove ${taken.length} entries of taken addresses`],
      }),
    });
  }
  if (unallocatable.length > 0) {
    findings.push({
      kind: INDEX_KINDS.unallocatable,
      object,
      detail: `${unallocatable.length} of its entries offer what the network does not hand out`,
      evidence: entries(unallocatable, "offers what the network does not hand out"),
      action: cleanIndexAction({
        subject: { code: INDEX_KINDS.unallocatable.code, object },
        network,
        spec: known.network.spec,
        held,
        tag: `r${input.ipam.newId().toLowerCase()}`,
      }),
    });
  }
  return findings;
}

function entries(refs: readonly EntryRef[], says: string): readonly Evidence[] {
  return refs.slice(0, SHOWN).map(({ key, modRevision }) => ({
    what: "key",
    name: key,
    revision: modRevision,
    says,
  }));
}

function more(count: number): string {
  return count > SHOWN ? ` and ${count - SHOWN} more` : "";
}

function describeRanges(ranges: readonly Range[]): string {
  return `${ranges.slice(0, SHOWN).map(formatRange).join(", ")}${more(ranges.length)}`;
}

/** What an attachment or owner names is no free address, though it has no record. */
function unclaimed(damage: GroupDamage, claimed: ReadonlySet<string>): readonly Range[] {
  const { network, family } = damage;
  const prefix = addressPrefix(network, family);
  const named = [...claimed].filter((key) => key.startsWith(prefix)).map((key): Range => {
    const value = BigInt(`0x${key.slice(prefix.length)}`);
    return { family, first: value, last: value };
  });
  return named.length === 0 ? damage.lost : subtractRanges(damage.lost, named);
}

async function sizeFindings(
  { snapshot, world, suspicions, missingNetworks }: IndexInput,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const key of suspicions.sizes) {
    const [network, family] = sizeParts(key);
    const known = world.known.get(network);
    if (known === undefined && (world.names.has(network) || missingNetworks.has(network))) continue;
    if (known === undefined && suspicions.orphans.includes(network)) continue;
    const { kvs } = await readRange(snapshot, { key });
    const marked = kvs[0] !== undefined;
    const large = known !== undefined && isLarge(known, family);
    if (marked === large) continue;
    const object = `free index of network ${network}, IPv${family}`;
    const step = large ? "mark the family as large" : "remove the mark";
    findings.push({
      kind: INDEX_KINDS.size,
      object,
      detail: large ? "it is large, and not marked so" : "it is marked as large, and is not",
      evidence: [seen({ key, kv: kvs[0] }, marked ? "the mark" : "missing")],
      action: storeAction({
        subject: { code: INDEX_KINDS.size.code, object },
        compare: [ifAt(networkKey(network), known?.modRevision ?? 0)],
        changes: [large ? { put: key, value: "{}" } : { delete: key }],
        steps: [step],
        order: ORDER.index,
      }),
    });
  }
  return findings;
}

function sizeParts(key: string): readonly [network: string, family: Family] {
  const [segment = "", family] = key.slice(PREFIXES.freeSize.length).split("/");
  return [decodeURIComponent(segment), family === "6" ? 6 : 4];
}

async function orphanFinding(network: string, input: IndexInput): Promise<Finding | undefined> {
  const { snapshot, world, missingNetworks } = input;
  if (world.names.has(network) || world.edit.claim === network) return undefined;
  if (missingNetworks.has(network)) return undefined;
  const kind: Kind = INDEX_KINDS.ofNoNetwork;
  const found: Evidence[] = [];
  for (const family of [4, 6] as const) {
    const range = underPrefix(freePrefix(network, family));
    const { kvs } = await readRange(snapshot, { ...range, limit: SHOWN });
    found.push(...kvs.map((kv) => seen({ key: kv.key, kv }, "an entry")));
  }
  if (found.length === 0) return undefined;
  const object = `free index of network ${network}`;
  return {
    kind,
    object,
    detail: "the network does not exist",
    evidence: found.slice(0, SHOWN),
    action: dropIndexAction({
      subject: { code: kind.code, object },
      network,
      compare: [ifAt(networkKey(network), 0)],
      keys: [freeSizeKey(network, 4), freeSizeKey(network, 6)],
    }),
  };
}
