/**
 * Physical networks and zones that others name, and that do not exist.
 *
 * @module
 */

import type { KeyValue } from "../../etcd/store.ts";
import { physicalNetworkKey, zoneKey } from "../keys.ts";
import { ifAt } from "../repair/store_action.ts";
import {
  type AnyDeclared,
  asEdit,
  type DeclaredInput,
  pastKey,
  readable,
  rowFinding,
  wordsOf,
} from "./declared_row.ts";
import type { Finding, Kind } from "./finding.ts";
import { seen } from "./judge.ts";
import { NETWORK_KINDS } from "./kinds/networks.ts";
import type { Snapshot } from "./windows.ts";
import type { World } from "./world.ts";

/** Something that is named and not there, and who names it. */
interface Missing {
  readonly kind: Kind;
  readonly key: string;
  /** `PhysicalNetwork prod`. */
  readonly words: string;
  readonly by: AnyDeclared[];
}

function missingNames(world: World): readonly Missing[] {
  const physical = new Set(world.physicalNetworks.map(({ name }) => name));
  const zones = new Set(world.zones.map(({ name }) => name));
  const missing = new Map<string, Missing>();
  const add = (
    kind: Kind,
    target: { readonly key: string; readonly words: string },
    by: AnyDeclared,
  ) => {
    const one = missing.get(`${kind.code} ${target.key}`) ?? { kind, ...target, by: [] };
    missing.set(`${kind.code} ${target.key}`, one);
    one.by.push(by);
  };
  const ofPhysical = (name: string) => ({
    key: physicalNetworkKey(name),
    words: `PhysicalNetwork ${name}`,
  });
  const ofZone = (name: string) => ({ key: zoneKey(name), words: `Zone ${name}` });
  for (const declared of readable(world)) {
    const { physicalNetwork, zones: named = [] } = declared.resource.spec;
    if (!physical.has(physicalNetwork)) {
      add(NETWORK_KINDS.unknownPhysical, ofPhysical(physicalNetwork), declared);
    }
    for (const name of named) {
      if (!zones.has(name)) add(NETWORK_KINDS.unknownZone, ofZone(name), declared);
    }
  }
  for (const declared of world.nodes) {
    const zone = declared.resource?.spec.zone;
    if (zone !== undefined && !zones.has(zone)) {
      add(NETWORK_KINDS.nodeZoneUnknown, ofZone(zone), declared);
    }
  }
  for (const declared of world.zones) {
    for (const name of declared.resource?.spec.physicalNetworks ?? []) {
      if (!physical.has(name)) add(NETWORK_KINDS.zonePhysicalUnknown, ofPhysical(name), declared);
    }
  }
  return oneEach([...missing.values()]);
}

/** One missing thing gives one finding, of the worst kind. */
function oneEach(missing: readonly Missing[]): readonly Missing[] {
  const byKey = new Map<string, Missing>();
  for (const one of missing) {
    const before = byKey.get(one.key);
    if (before === undefined) byKey.set(one.key, one);
    else before.by.push(...one.by);
  }
  return [...byKey.values()];
}

/** One finding for each of them. */
export async function missingFindings(input: DeclaredInput): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const { kind, key, words, by } of missingNames(input.world)) {
    const names = by.map(wordsOf);
    const past = await firstPast(input.snapshot, key, by.map(({ kv }) => kv.modRevision));
    findings.push(rowFinding({
      kind,
      object: words,
      detail: `it does not exist, and ${names.slice(0, 5).join(", ")} ${
        names.length === 1 ? "names" : "name"
      } it`,
      evidence: by.slice(0, 5).map(({ kv }) => seen({ key: kv.key, kv }, `names ${words}`)),
      ...(past === undefined ? {} : {
        repair: {
          ...asEdit(input, {
            compare: [ifAt(key, 0)],
            changes: [{ put: key, value: past.value }],
          }),
          steps: [`put ${words} back as it was at revision ${past.modRevision}`],
        },
      }),
    }));
  }
  return findings;
}

/** The newest of the revisions at which the key was there. */
async function firstPast(
  snapshot: Snapshot,
  key: string,
  revisions: readonly number[],
): Promise<KeyValue | undefined> {
  for (const revision of [...revisions].sort((a, b) => b - a).slice(0, 5)) {
    const past = await pastKey(snapshot, key, revision);
    if (past !== undefined) return past;
  }
  return undefined;
}
