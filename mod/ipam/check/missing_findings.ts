/**
 * Networks and nodes that records name, and that do not exist.
 *
 * @module
 */

import type { Store } from "../../etcd/store.ts";
import { underPrefix } from "../../etcd/store.ts";
import { readPages } from "../../etcd/pages.ts";
import { API_VERSION } from "../../model/resource.ts";
import { encodeResource } from "../stored.ts";
import { networkAddressPrefix, networkKey, nodeKey, ownerPrefix, reservedKey } from "../keys.ts";
import { type Action, ORDER, type Outcome } from "../repair/action.ts";
import {
  applyChanges,
  type Change,
  ifAt,
  storeAction,
  type Subject,
} from "../repair/store_action.ts";
import { asEdit, pastKey } from "./declared_row.ts";
import type { Finding } from "./finding.ts";
import { seen } from "./judge.ts";
import { ADDRESS_KINDS, ATTACHMENT_KINDS } from "./kinds/addresses.ts";
import { type Slot, viewAddress, viewAttachment, viewOwner } from "./views.ts";
import { readRange, type Snapshot } from "./windows.ts";
import type { World } from "./world.ts";

interface Input {
  readonly snapshot: Snapshot;
  readonly world: World;
  readonly ipam: { readonly now: () => number; readonly newId: () => string };
}

/** Keys of the noted ones that are still there. */
async function still(snapshot: Snapshot, keys: readonly string[]): Promise<readonly Slot[]> {
  const slots = await Promise.all(keys.map(async (key): Promise<Slot> => {
    const { kvs } = await readRange(snapshot, { key });
    return { key, kv: kvs[0] };
  }));
  return slots.filter(({ kv }) => kv !== undefined);
}

const SHOWN = 5;

/** Networks by name, with keys that name them. */
export async function missingNetworkFindings(
  input: Input,
  networks: ReadonlyMap<string, readonly string[]>,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const [name, keys] of networks) {
    if (input.world.names.has(name)) continue;
    const slots = await still(input.snapshot, keys);
    if (slots.length > 0) findings.push(await missingNetwork(input, name, slots));
  }
  return findings;
}

async function missingNetwork(
  input: Input,
  name: string,
  slots: readonly Slot[],
): Promise<Finding> {
  const kind = ADDRESS_KINDS.unknownNetwork;
  const object = `network ${name}`;
  const subject = { code: kind.code, object };
  const key = networkKey(name);
  // Whoever names it was written while it was there.
  const revisions = slots.map(({ kv }) => kv?.modRevision ?? 0).sort((a, b) => b - a);
  let past;
  for (const revision of revisions) past ??= await pastKey(input.snapshot, key, revision);
  const report = {
    kind,
    object,
    detail: `it has no record, and ${slots.length === 1 ? "a record names" : "records name"} it`,
    evidence: [
      ...slots.slice(0, SHOWN).map((slot) => seen(slot, "names the network")),
      seen({ key, kv: undefined }, "missing"),
    ],
  };
  if (past !== undefined) {
    return {
      ...report,
      action: storeAction({
        ...asEdit({ world: input.world, now: input.ipam.now }, {
          compare: [ifAt(key, 0)],
          changes: [{ put: key, value: past.value }],
        }),
        subject,
        steps: [`put network ${name} back as it was at revision ${past.modRevision}`],
        order: ORDER.base,
      }),
    };
  }
  return { ...report, action: giveUpUnused(name, subject) };
}

/** Removes what nobody holds of a network that does not exist. */
function giveUpUnused(network: string, subject: Subject): Action {
  return {
    steps: [
      `give up what nobody uses of network ${network}: reservations, and owners without a holder`,
    ],
    order: ORDER.base,
    apply: async (tools): Promise<Outcome> => {
      const { store } = tools.ipam;
      const absent = ifAt(networkKey(network), 0);
      let outcome: Outcome = "changed";
      const run = async (slots: readonly Slot[], more: readonly Change[] = []): Promise<void> => {
        const done = await applyChanges(tools, {
          compare: [absent, ...slots.map(({ key, kv }) => ifAt(key, kv?.modRevision ?? 0))],
          changes: [...slots.map(({ key }) => ({ delete: key })), ...more],
        }, subject);
        if (done === "done") outcome = "done";
      };
      for await (const slot of keysUnder(store, ownerPrefix(network))) {
        const owner = viewOwner(slot);
        if (owner?.record === undefined || owner.record.holder !== undefined) continue;
        const addresses = await Promise.all(
          owner.listed.map(async (key): Promise<Slot> => {
            const { kvs } = await store.range({ key });
            return { key, kv: kvs[0] };
          }),
        );
        await run([slot, ...addresses.filter(({ kv }) => kv !== undefined)]);
      }
      for await (const slot of keysUnder(store, networkAddressPrefix(network))) {
        const address = viewAddress(slot);
        const isIdle = address?.record !== undefined && address.record.holder === undefined &&
          address.record.owner === undefined;
        if (address === undefined || !isIdle) continue;
        await run([slot], [{ delete: reservedKey(network, address.address) }]);
      }
      return outcome;
    },
  };
}

async function* keysUnder(store: Store, prefix: string): AsyncGenerator<Slot> {
  for await (const page of readPages(store, underPrefix(prefix))) {
    for (const kv of page) yield { key: kv.key, kv };
  }
}

/** Nodes (`cluster\nnode`) with keys of their attachments. */
export async function unknownNodeFindings(
  input: Input,
  nodes: ReadonlyMap<string, readonly string[]>,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const [name, keys] of nodes) {
    if (input.world.nodeNames.has(name)) continue;
    const slots = await still(input.snapshot, keys);
    if (slots.length > 0) findings.push(await unknownNode(input, name, slots));
  }
  return findings;
}

async function unknownNode(
  input: Input,
  name: string,
  slots: readonly Slot[],
): Promise<Finding> {
  const kind = ATTACHMENT_KINDS.unknownNode;
  const [cluster = "", node = ""] = name.split("\n");
  const object = `Node ${cluster}/${node}`;
  const key = nodeKey(cluster, node);
  let past;
  for (const { kv } of slots) past ??= await pastKey(input.snapshot, key, kv?.modRevision ?? 0);
  const zone = past === undefined ? onlyZone(input.world, slots) : undefined;
  const value = past?.value ?? (zone === undefined ? undefined : encodeResource({
    apiVersion: API_VERSION,
    kind: "Node",
    metadata: {
      name: node,
      uid: input.ipam.newId(),
      creationTimestamp: new Date(input.ipam.now()).toISOString(),
    },
    spec: { cluster, zone },
  }));
  const step = past === undefined
    ? `record it in zone ${zone}, the only one that its networks reach`
    : `put it back as it was at revision ${past.modRevision}`;
  return {
    kind,
    object,
    detail: "it has no record, and has attachments",
    evidence: [
      ...slots.slice(0, SHOWN).map((slot) => seen(slot, "an attachment of the node")),
      seen({ key, kv: undefined }, "missing"),
    ],
    ...(value === undefined ? {} : {
      action: storeAction({
        subject: { code: kind.code, object },
        compare: [ifAt(key, 0)],
        changes: [{ put: key, value }],
        steps: [step],
        order: ORDER.base,
      }),
    }),
  };
}

/** The one zone that has all physical networks, and that all networks reach. */
function onlyZone(world: World, slots: readonly Slot[]): string | undefined {
  const records = slots.flatMap((slot) => viewAttachment(slot)?.record ?? []);
  const zones = world.zones.filter(({ name, resource }) =>
    records.every(({ physicalNetwork, network }) => {
      const named = world.known.get(network.name)?.network.spec.zones;
      return resource?.spec.physicalNetworks.includes(physicalNetwork) === true &&
        (named === undefined || named.includes(name));
    })
  );
  return records.length > 0 && zones.length === 1 ? zones[0]?.name : undefined;
}
