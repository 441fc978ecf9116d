/**
 * `fix`, `unfix` and `move`: which addresses a slot of a workload has.
 *
 * @module
 */

import { readPages } from "../mod/etcd/pages.ts";
import { type Store, underPrefix } from "../mod/etcd/store.ts";
import { FabricError } from "../mod/error.ts";
import { parseAddress } from "../mod/ip/address.ts";
import { rangeOf } from "../mod/ip/range.ts";
import type { IpamContext } from "../mod/ipam/context.ts";
import { fixAddresses, moveAddress, unfixAddresses } from "../mod/ipam/fix.ts";
import { whoLoses } from "../mod/ipam/give_back.ts";
import { ownerPrefix } from "../mod/ipam/keys.ts";
import { decodeRecord } from "../mod/ipam/stored.ts";
import { formatHolder, formatOwner, type OwnerRef } from "../mod/model/identity.ts";
import { type OwnerRecord, OwnerRecordSchema } from "../mod/model/records.ts";
import { DRY_RUN_FLAG, isDryRun } from "./batch.ts";
import type { Call, Command } from "./command.ts";
import { mayGoOn, YES_FLAG } from "./confirm.ts";
import type { AdminContext } from "./context.ts";
import { parseArgument } from "./exit.ts";
import { NETWORK_OF_RANGE_FLAG, networkOfRange } from "./find_network.ts";
import type { FlagValues } from "./flags.ts";
import { overlayStore } from "../mod/ipam/overlay_store.ts";
import { ownerChangedText } from "./owner_changed.ts";
import {
  addressesOf,
  CLUSTER_FLAG,
  INTERFACE_FLAG,
  IP_FLAG,
  NETWORK_FLAG,
  ownerOf,
  required,
  SLOT_FLAG,
} from "./workload_flags.ts";

/** The context to change by; with `--dry-run` one that writes nothing. */
async function changing(
  context: AdminContext,
  flags: FlagValues,
): Promise<{ readonly ipam: IpamContext; readonly dryRun: boolean }> {
  const ipam = await context.ipam();
  const dryRun = isDryRun(flags);
  return { ipam: dryRun ? { ...ipam, store: overlayStore(ipam.store).store } : ipam, dryRun };
}

async function runFix(context: AdminContext, { args, flags }: Call): Promise<void> {
  const network = required(flags, NETWORK_FLAG);
  required(flags, IP_FLAG);
  const addresses = addressesOf(flags);
  const owner = await ownerOf(context, flags, args[0] ?? "");
  const { ipam, dryRun } = await changing(context, flags);
  const changed = await fixAddresses(ipam, { network, owner, addresses });
  context.write(ownerChangedText({ network, owner }, changed, { dryRun }));
}

/** `fix`. */
export const FIX: Command = {
  name: "fix",
  summary: "Give a slot of a workload addresses of its own",
  args: "WORKLOAD --network NAME --ip ADDRESS...",
  count: { min: 1, max: 1 },
  group: "addresses",
  flags: [NETWORK_FLAG, IP_FLAG, SLOT_FLAG, INTERFACE_FLAG, CLUSTER_FLAG, DRY_RUN_FLAG],
  notes: [
    "WORKLOAD is KIND/NAMESPACE/NAME. The addresses take the place of those that the slot has of the",
    "same family. A running pod keeps what it has until it ends; the next one has the new.",
  ],
  examples: [
    ["fix statefulset/trade/orders --network pods --ip 10.0.0.5 --slot 1", "of orders-1"],
    ["fix sts/trade/orders -n pods --ip 10.0.0.5 --ip fd00::5 --dry-run", "whether it could be"],
  ],
  run: runFix,
};

/** Owners of the workload in the network: of one slot and interface, or all. */
async function ownersOf(
  store: Store,
  { network, owner, flags }: {
    readonly network: string;
    readonly owner: OwnerRef;
    readonly flags: FlagValues;
  },
): Promise<readonly OwnerRecord[]> {
  const found: OwnerRecord[] = [];
  for await (const page of readPages(store, underPrefix(ownerPrefix(network)))) {
    for (const kv of page) {
      const record = decodeRecord(OwnerRecordSchema, kv);
      const one = record.owner;
      const same = one.cluster === owner.cluster && one.group === owner.group &&
        one.kind === owner.kind && one.namespace === owner.namespace && one.name === owner.name;
      if (!same || flags.isSet(SLOT_FLAG.name) && one.slot !== owner.slot) continue;
      if (flags.isSet(INTERFACE_FLAG.name) && one.ifname !== owner.ifname) continue;
      found.push(record);
    }
  }
  return found;
}

async function runUnfix(context: AdminContext, { args, flags }: Call): Promise<void> {
  const network = required(flags, NETWORK_FLAG);
  const workload = args[0] ?? "";
  const owner = await ownerOf(context, flags, workload);
  const { ipam, dryRun } = await changing(context, flags);
  const named = addressesOf(flags);
  const addresses = named.length === 0 ? {} : { addresses: named };
  const records = await ownersOf(ipam.store, { network, owner, flags });
  if (records.length === 0) {
    throw new FabricError("not-found", `${workload} has no address in network ${network}`, {
      field: "WORKLOAD",
      value: workload,
      remedy: "see fabric-admin get owners",
    });
  }
  if (!dryRun && !flags.isSet(YES_FLAG.name)) {
    context.write("This loses its addresses:\n");
    for (const record of records) context.write(`  ${lossText(record)}\n`);
    const question = "Their next pods get others.";
    if (!mayGoOn(context, flags, { question })) return;
  }
  for (const { owner } of records) {
    const changed = await unfixAddresses(ipam, { network, owner, ...addresses });
    context.write(ownerChangedText({ network, owner }, changed, { dryRun }));
  }
}

function lossText({ owner, addresses, holder }: OwnerRecord): string {
  const texts = addresses.map(({ address }) => address).join(", ");
  const by = holder === undefined ? "nobody uses it now" : `${formatHolder(holder)} uses it`;
  return `${formatOwner(owner)}: ${texts}; ${by}`;
}

/** `unfix`. */
export const UNFIX: Command = {
  name: "unfix",
  summary: "Take a workload's addresses from it",
  args: "WORKLOAD --network NAME [--slot SLOT] [--ip ADDRESS...]",
  count: { min: 1, max: 1 },
  group: "addresses",
  flags: [
    NETWORK_FLAG,
    { ...SLOT_FLAG, text: "Only of this slot; default: of all" },
    { ...INTERFACE_FLAG, text: "Only of this interface; default: of all" },
    { ...IP_FLAG, text: "Only this address; may be given several times" },
    CLUSTER_FLAG,
    YES_FLAG,
    DRY_RUN_FLAG,
  ],
  notes: ["A running pod keeps its addresses until it ends; then they are free."],
  examples: [
    ["unfix statefulset/trade/orders --network pods --slot 1", "those of orders-1"],
    ["unfix deployment/web/shop --network pods --yes", "those of all slots, without asking"],
  ],
  run: runUnfix,
};

async function runMove(context: AdminContext, { args, flags }: Call): Promise<void> {
  const [from, to] = args.map((text) => parseArgument(() => parseAddress(text)));
  if (from === undefined || to === undefined) return;
  const network = await networkOfRange(context, flags, rangeOf(from));
  const { ipam, dryRun } = await changing(context, flags);
  const owner = await ownerOfEither(ipam, { network, from, to });
  const changed = await moveAddress(ipam, { network, owner, from, to });
  context.write(ownerChangedText({ network, owner }, changed, { dryRun }));
}

/** The owner of the one; where it was moved already, that of the other. */
async function ownerOfEither(
  ipam: IpamContext,
  { network, from, to }: {
    readonly network: string;
    readonly from: ReturnType<typeof parseAddress>;
    readonly to: ReturnType<typeof parseAddress>;
  },
): Promise<OwnerRef> {
  const old = await whoLoses(ipam, { network, address: from });
  if (old.owner !== undefined) return old.owner;
  const moved = await whoLoses(ipam, { network, address: to });
  if (old.state === "free" && moved.owner !== undefined) return moved.owner;
  throw new FabricError(
    "not-found",
    old.state === "free"
      ? `Nobody has an address to move`
      : `The address belongs to no workload: it is ${old.state}`,
    {
      field: "FROM",
      remedy: "only an address that belongs to a workload moves; see fabric-admin get owners",
    },
  );
}

/** `move`. */
export const MOVE: Command = {
  name: "move",
  summary: "Give a workload another address in the place of one it has",
  args: "FROM TO",
  count: { min: 2, max: 2 },
  group: "addresses",
  flags: [NETWORK_OF_RANGE_FLAG, DRY_RUN_FLAG],
  notes: [
    "A running pod keeps FROM until it ends; the next one has TO, and FROM is free. To have it soon:",
    "restart the pod.",
  ],
  examples: [
    ["move 10.0.0.5 10.0.0.77 --network pods", "in the same slot of the same workload"],
    ["move fd00::5 fd00::77 --network pods --dry-run", "whether it could be"],
  ],
  run: runMove,
};
