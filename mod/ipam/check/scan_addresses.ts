/**
 * `addresses/` beside `free/`: every address of a network has a record or is offered, and no record
 * stands where no host may be. Both lie in one order, so they are read side by side.
 *
 * @module
 */

import { underPrefix } from "../../etcd/store.ts";
import { addressFromHex, type Family } from "../../ip/address.ts";
import { attachmentKey, escapeSegment, freeSizeKey, PREFIXES, unescapeSegment } from "../keys.ts";
import { SMALL_FAMILY } from "../free.ts";
import { totalSize } from "../../ip/range.ts";
import { FreeGroup, type GroupDamage } from "./free_group.ts";
import { addressHints, type HintSampler } from "./hints.ts";
import { KeyStream } from "./key_stream.ts";
import { inspectAddress } from "./pairs.ts";
import { misplacement } from "./place.ts";
import { type QuickAddress, splitHolder } from "./quick.ts";
import type { Inspected, Scan } from "./scan.ts";
import { scanWindows, type Snapshot } from "./windows.ts";
import type { KnownNetwork, World } from "./world.ts";

const FAMILIES = [4, 6] as const;

/** What was found of the free index. */
export interface IndexSuspicions {
  /** Families of networks whose index does not agree. */
  readonly groups: readonly { readonly network: string; readonly family: Family }[];
  /** Names of networks that do not exist, but have an index. */
  readonly orphans: readonly string[];
  /** `freesize/` keys that are wrong or missing. */
  readonly sizes: readonly string[];
}

/** `<network>/<family>/` of a key behind its prefix; undefined where it has no such beginning. */
function groupOf(key: string, prefix: string): string | undefined {
  return /^[^/]+\/[46]\//.exec(key.slice(prefix.length))?.[0];
}

/** Reads both parts; `attachments` gets hints for the part that comes next. */
export async function scanAddresses(
  scan: Scan,
  attachments: HintSampler,
): Promise<IndexSuspicions> {
  const { world } = scan;
  const hints = addressHints(world);
  const addresses = new KeyStream(
    scan.section(PREFIXES.addresses, { inspect: inspectAddress, hints }),
  );
  const free = new KeyStream<never>(scan.section(PREFIXES.free, {}));
  const expected = expectedGroups(world);
  const groups: { readonly network: string; readonly family: Family }[] = [];
  const orphans = new Set<string>();
  const next = async (): Promise<string | undefined> => {
    const [address, entry] = [await addresses.peek(), await free.peek()];
    const candidates = [
      expected[0],
      address === undefined ? undefined : nameGroup(address.kv.key, PREFIXES.addresses),
      entry === undefined ? undefined : nameGroup(entry.kv.key, PREFIXES.free),
    ].filter((name) => name !== undefined);
    return candidates.sort((a, b) => a < b ? -1 : 1)[0];
  };
  for (let group = await next(); group !== undefined; group = await next()) {
    if (expected[0] === group) expected.shift();
    const isWhole = groupOf(group, "") === group;
    const [segment = "", family = ""] = group.split("/");
    const name = unescape(segment);
    const known = isWhole ? world.known.get(name) : undefined;
    const check = known === undefined
      ? undefined
      : new FreeGroup(known, family === "6" ? 6 : 4, world.edit);
    await free.take(PREFIXES.free + group, ({ kv }) => {
      if (!isWhole) scan.suspect(kv.key);
      else if (check !== undefined) check.entry(kv);
      else if (!world.names.has(name) && world.edit.claim !== name) orphans.add(name);
    });
    await addresses.take(PREFIXES.addresses + group, (one) => {
      if (isWhole) lookAt(one, { scan, known, check, attachments });
    });
    const damage = check?.finish();
    if (damage !== undefined) groups.push({ network: damage.network, family: damage.family });
  }
  const sizes = await wrongSizes(scan.snapshot, world);
  return { groups, orphans: [...orphans], sizes };
}

/** What comes first of both parts, also where it is no group: then the key alone. */
function nameGroup(key: string, prefix: string): string {
  return groupOf(key, prefix) ?? key.slice(prefix.length);
}

/** Every family of every network, in the order of the keys. */
function expectedGroups(world: World): string[] {
  return [...world.known.values()].flatMap(({ name, families }) =>
    families.map((family) => `${escapeSegment(name)}/${family}/`)
  ).sort((a, b) => a < b ? -1 : 1);
}

function unescape(segment: string): string {
  try {
    return unescapeSegment(segment);
  } catch {
    return segment;
  }
}

const HEX = /^(?:[0-9a-f]{8}|[0-9a-f]{32})$/;

function lookAt(
  { kv, record }: Inspected<QuickAddress>,
  { scan, known, check, attachments }: {
    readonly scan: Scan;
    readonly known: KnownNetwork | undefined;
    readonly check: FreeGroup | undefined;
    readonly attachments: HintSampler;
  },
): void {
  const hex = kv.key.slice(kv.key.lastIndexOf("/") + 1);
  if (!HEX.test(hex)) return;
  const address = addressFromHex(hex);
  check?.address(address.value, kv.createRevision);
  if (record === undefined) return;
  const { state, holder } = record;
  if (known !== undefined && misplacement(known, address, state) !== undefined) {
    scan.suspect(kv.key);
  }
  if (holder !== "") attachments.offer(holder, () => attachmentKey(splitHolder(holder)));
}

/** Whether the family is one that readers must not take whole. */
export function isLarge(known: KnownNetwork, family: Family): boolean {
  return totalSize(known.allocatable[family]) > BigInt(SMALL_FAMILY);
}

async function wrongSizes(snapshot: Snapshot, world: World): Promise<readonly string[]> {
  const marked = new Set<string>();
  for await (const page of scanWindows(snapshot, underPrefix(PREFIXES.freeSize))) {
    for (const { key } of page) marked.add(key);
  }
  const wrong: string[] = [];
  for (const known of world.known.values()) {
    for (const family of FAMILIES) {
      const key = freeSizeKey(known.name, family);
      if (marked.delete(key) !== isLarge(known, family)) wrong.push(key);
    }
  }
  // What is left belongs to networks that cannot be judged, or do not exist.
  return [...wrong, ...[...marked].filter((key) => !world.names.has(networkOf(key)))];
}

function networkOf(sizeKey: string): string {
  return unescape(sizeKey.slice(PREFIXES.freeSize.length).split("/")[0] ?? "");
}

/** Looks at one family of a network alone, at the snapshot's revision. */
export async function checkGroup(
  snapshot: Snapshot,
  world: World,
  { network, family }: { readonly network: string; readonly family: Family },
): Promise<GroupDamage | undefined> {
  const known = world.known.get(network);
  if (known === undefined) return undefined;
  const check = new FreeGroup(known, family, world.edit);
  const group = `${escapeSegment(network)}/${family}/`;
  for await (const page of scanWindows(snapshot, underPrefix(PREFIXES.free + group))) {
    for (const kv of page) check.entry(kv);
  }
  const range = underPrefix(PREFIXES.addresses + group);
  const hints = addressHints(world).filter((hint) => hint > range.key && hint < range.end);
  for await (const page of scanWindows(snapshot, range, { hints, keysOnly: true })) {
    for (const kv of page) {
      const hex = kv.key.slice(kv.key.lastIndexOf("/") + 1);
      if (HEX.test(hex)) check.address(addressFromHex(hex).value, kv.createRevision);
    }
  }
  return check.finish();
}
