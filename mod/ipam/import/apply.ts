/**
 * Doing what a journal says, and taking it back. Each step is one change that may be made twice: a
 * reservation is known by its id, an owner by what it has, a network by its spec.
 *
 * @module
 */

import { FabricError, isKind } from "../../error.ts";
import type { Compare, KeyValue, Operation } from "../../etcd/store.ts";
import { formatAddress, parseAddress } from "../../ip/address.ts";
import { type AddressRecord, AddressRecordSchema } from "../../model/records.ts";
import { keysOf } from "../allocate_state.ts";
import { applyResource } from "../apply.ts";
import { type IpamContext, timestamp } from "../context.ts";
import { deleteResource } from "../delete.ts";
import { fixAddresses } from "../fix.ts";
import { addressKey, META_ERA, reservedKey } from "../keys.ts";
import { getResource } from "../kinds.ts";
import { letGo } from "../owned.ts";
import { changeOwner } from "../owner_addresses.ts";
import { networkPools } from "../pool.ts";
import { heldBy, readReservable, reserveOne } from "../reserve.ts";
import { decodeRecord } from "../stored.ts";
import { describeUser } from "../taken.ts";
import type { FixStep, ImportJournal, ImportStep, NetworkStep, ReserveStep } from "./journal.ts";
import { atPlace } from "./row.ts";

/** What became of a step. */
export interface StepDone {
  readonly step: ImportStep;
  /** How many addresses or objects were changed by this call. */
  readonly changed: number;
  /** What is not as the import left it any more, and stays; only when it is taken back. */
  readonly kept: readonly string[];
}

const MAX_ATTEMPTS = 8;

async function checkStore(context: IpamContext, { clusterId }: ImportJournal): Promise<void> {
  const { header } = await context.store.range({ key: META_ERA });
  if (header.clusterId === clusterId) return;
  throw new FabricError("invalid", "The journal is of another etcd cluster", {
    field: "FILE",
    value: clusterId,
    remedy: "name the etcd of the import with --endpoints",
  });
}

/**
 * Makes the changes that are not made yet.
 *
 * @throws {FabricError} `invalid`: of another etcd; `conflict`: somebody took an address meanwhile,
 * and the steps before are done; `unavailable`, `unknown-outcome` (say it again).
 */
export async function* applyImport(
  context: IpamContext,
  journal: ImportJournal,
): AsyncGenerator<StepDone> {
  await checkStore(context, journal);
  for (const step of journal.steps) {
    yield { step, changed: await applyStep(context, step), kept: [] };
  }
}

async function applyStep(context: IpamContext, step: ImportStep): Promise<number> {
  if (step.kind === "reserve") return await applyReservations(context, step);
  try {
    return step.kind === "fix" ? await applyFix(context, step) : await applyNetwork(context, step);
  } catch (error) {
    if (!(error instanceof FabricError)) throw error;
    throw isKind(error, "unavailable", "unknown-outcome") ? error : atPlace(step.place, error);
  }
}

async function applyFix(context: IpamContext, step: FixStep): Promise<number> {
  const { network, owner, tenant } = step;
  const { outcome } = await fixAddresses(context, {
    network,
    owner,
    addresses: step.addresses.map(parseAddress),
    ...(tenant === undefined ? {} : { tenant }),
  });
  return outcome === "unchanged" ? 0 : step.addresses.length;
}

async function applyNetwork(context: IpamContext, { after }: NetworkStep): Promise<number> {
  return (await applyResource(context, after)).outcome === "unchanged" ? 0 : 1;
}

interface Item {
  readonly item: ReserveStep["items"][number];
  readonly kv: KeyValue | undefined;
  readonly record: AddressRecord | undefined;
}

async function readItems(context: IpamContext, step: ReserveStep): Promise<readonly Item[]> {
  const { results } = await context.store.txn({
    success: step.items.map(({ address }): Operation => ({
      range: { key: addressKey(step.network, parseAddress(address)) },
    })),
  });
  return step.items.map((item, index) => {
    const kv = keysOf(results[index])[0];
    const record = kv === undefined ? undefined : decodeRecord(AddressRecordSchema, kv);
    return { item, kv, record };
  });
}

async function applyReservations(context: IpamContext, step: ReserveStep): Promise<number> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const target = await readReservable(context, step.network);
    const items = await readItems(context, step);
    for (const { item, record } of items) {
      if (record === undefined || record.id === item.id) continue;
      throw atPlace(
        item.place,
        new FabricError(
          "conflict",
          `${item.address} was taken meanwhile (${describeUser(record)})`,
          {
            field: "address",
            value: item.address,
            remedy: "release it and resume the import, or take the import back",
          },
        ),
      );
    }
    const open = items.filter(({ record }) => record === undefined).map(({ item }) => ({
      network: step.network,
      address: parseAddress(item.address),
      reason: item.reason,
      id: item.id,
      since: timestamp(context),
    }));
    if (open.length === 0) return 0;
    const { succeeded } = await context.store.txn({
      compare: [
        ...heldBy(target),
        ...open.map(({ address }): Compare => ({
          key: addressKey(step.network, address),
          target: "create",
          op: "=",
          revision: 0,
        })),
      ],
      success: open.flatMap(reserveOne),
    });
    if (succeeded) return open.length;
  }
  throw new FabricError("try-again", `Network ${step.network} changes all the time`, {
    remedy: "resume the import",
  });
}

/**
 * Takes back what the import changed and nobody changed since, the last step first.
 *
 * @throws {FabricError} as {@linkcode applyImport}; `in-use`: a network that somebody uses.
 */
export async function* revertImport(
  context: IpamContext,
  journal: ImportJournal,
): AsyncGenerator<StepDone> {
  await checkStore(context, journal);
  for (const step of journal.steps.toReversed()) {
    const [changed, kept] = step.kind === "reserve"
      ? await revertReservations(context, step)
      : step.kind === "fix"
      ? await revertFix(context, step)
      : await revertNetwork(context, step);
    yield { step, changed, kept };
  }
}

type Reverted = readonly [changed: number, kept: readonly string[]];

async function revertReservations(context: IpamContext, step: ReserveStep): Promise<Reverted> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const target = await readReservable(context, step.network);
    const items = await readItems(context, step);
    const own = items.flatMap(({ item, kv, record }) =>
      kv !== undefined && record?.id === item.id && record.state === "reserved"
        ? [{ item, kv }]
        : []
    );
    const kept = items.filter(({ item, record }) => record !== undefined && record.id !== item.id)
      .map(({ item }) => item.address);
    if (own.length === 0) return [0, kept];
    const network = {
      name: step.network,
      revision: target.revision,
      pools: networkPools(target.network.spec),
    };
    const parts = own.map(({ item, kv }) => {
      const address = parseAddress(item.address);
      const gone = letGo({
        network,
        address,
        modRevision: kv.modRevision,
        releasedAt: undefined,
        lease: undefined,
        uses: undefined,
      });
      return { ...gone, mark: { delete: { key: reservedKey(step.network, address) } } };
    });
    const { succeeded } = await context.store.txn({
      compare: [...heldBy(target), ...parts.flatMap(({ compare }) => compare)],
      success: parts.flatMap(({ success, mark }) => [...success, mark]),
    });
    if (succeeded) return [own.length, kept];
  }
  throw new FabricError("try-again", `Network ${step.network} changes all the time`, {
    remedy: "run it again",
  });
}

async function revertFix(context: IpamContext, step: FixStep): Promise<Reverted> {
  const { network, owner, before } = step;
  const added = step.addresses.filter((text) => !before.includes(text));
  const lost = before.filter((text) => !step.addresses.includes(text)).map(parseAddress);
  let kept: readonly string[] = [];
  const { outcome } = await changeOwner(context, {
    network,
    owner,
    decide(current) {
      const texts = current.map(formatAddress);
      kept = added.filter((text) => !texts.includes(text));
      if (kept.length > 0) return current;
      return [...current.filter((one) => !added.includes(formatAddress(one))), ...lost];
    },
  });
  // What was never done, or is back already, is no news.
  const news = kept.length < added.length || outcome !== "unchanged" ? kept : [];
  return [outcome === "unchanged" ? 0 : step.addresses.length, news];
}

async function revertNetwork(context: IpamContext, step: NetworkStep): Promise<Reverted> {
  const { name, before, after } = step;
  const ref = { kind: "Network", name } as const;
  let now;
  try {
    now = await getResource(context.store, ref);
  } catch (error) {
    if (isKind(error, "not-found")) return [0, []];
    throw error;
  }
  if (!isSpec(now.spec, after["spec"])) {
    return isSpec(now.spec, before?.["spec"]) ? [0, []] : [0, [`Network ${name}`]];
  }
  if (before === null) await deleteResource(context, ref);
  else await applyResource(context, before);
  return [1, []];
}

/** Every field that was asked for is as it was asked for. */
function isSpec(now: object, wanted: unknown): boolean {
  if (typeof wanted !== "object" || wanted === null) return false;
  const stands = new Map(Object.entries(now));
  return Object.entries(wanted).every(([field, value]) =>
    sorted(stands.get(field)) === sorted(value)
  );
}

function sorted(value: unknown): string {
  return JSON.stringify(
    value,
    (_, inner: unknown) =>
      typeof inner === "object" && inner !== null && !Array.isArray(inner)
        ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => a < b ? -1 : 1))
        : inner,
  ) ?? "";
}
