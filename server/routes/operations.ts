/**
 * What administrators do with addresses. Each can be said twice: the second time changes nothing.
 *
 * @module
 */

import * as v from "valibot";
import { FabricError, isKind } from "../../mod/error.ts";
import { type Address, type Family, formatAddress } from "../../mod/ip/address.ts";
import { formatRange, parseRange, type Range } from "../../mod/ip/range.ts";
import type { IpamContext } from "../../mod/ipam/context.ts";
import { fixAddresses, moveAddress, unfixAddresses } from "../../mod/ipam/fix.ts";
import { giveBack, whoLoses } from "../../mod/ipam/give_back.ts";
import { escapeSegment, ownerKey, PREFIXES } from "../../mod/ipam/keys.ts";
import { overlayStore } from "../../mod/ipam/overlay_store.ts";
import { reserve, type ReserveOutcome, unreserve } from "../../mod/ipam/reserve.ts";
import { OwnerRefSchema } from "../../mod/model/identity.ts";
import { invalidDocument } from "../../mod/model/field_error.ts";
import { tryParseAddress } from "../../mod/ip/address.ts";
import { familiesOf } from "../../mod/ipam/pool.ts";
import { jsonBody } from "../http/body.ts";
import { flag } from "../http/param.ts";
import { type Call, defineBodyRoute, type Reply, type Route } from "../http/route.ts";
import { freeRanges } from "../usage.ts";

/** Parameters of every operation. */
export const DRY_RUN = { dryRun: flag("Check everything and write nothing") } as const;
type DryRun = typeof DRY_RUN;

const Network = v.pipe(v.string(), v.description("Name of the network"));
const AddressText = v.pipe(v.string(), v.description("An address"));

const OWNER_EXAMPLE = {
  cluster: "local",
  group: "apps",
  kind: "StatefulSet",
  namespace: "trade",
  name: "orders",
  slot: "1",
  ifname: "eth0",
};

/** Another's network does not exist for a tenant. */
async function ownNetwork(call: Pick<Call, "context" | "sees">, name: string) {
  const { context, sees } = call;
  await context.mirror.fresh();
  const row = context.mirror.tables.networks.get(escapeSegment(name));
  if (row !== undefined && sees(name)) return row.value;
  throw new FabricError("not-found", `Network ${name} does not exist`, {
    field: "network",
    value: name,
    remedy: "see /api/v1/networks",
  });
}

/** The context to change by; with `dryRun` one that writes nothing. */
function changing({ context, query }: Call<DryRun>): IpamContext {
  if (query.dryRun !== true) return context.ipam;
  return { ...context.ipam, store: overlayStore(context.ipam.store).store };
}

function parseAddressField(text: string, field: string): Address {
  const address = tryParseAddress(text);
  if (address !== undefined) return address;
  throw invalidDocument("The body", [{
    field,
    value: text.slice(0, 100),
    message: `${JSON.stringify(text.slice(0, 100))} is no address`,
    remedy: "write it like 10.0.0.5 or 2001:db8::5",
  }]);
}

function parseRangeField(text: string): Range {
  try {
    return parseRange(text);
  } catch (error) {
    if (!isKind(error, "invalid")) throw error;
    throw invalidDocument("The body", [{
      field: "range",
      value: text.slice(0, 100),
      message: error.message,
      remedy: "write it like 10.0.0.5, 10.0.0.5-10.0.0.9 or 10.0.0.8/29",
    }]);
  }
}

/** What is reserved. */
export const ReserveSchema = v.looseObject({
  network: Network,
  range: v.pipe(v.string(), v.description("first-last, CIDR or one address; at most 4096")),
  reason: v.pipe(v.string(), v.description("For what, for people")),
});
const UnreserveSchema = v.looseObject({ network: Network, range: ReserveSchema.entries.range });
const FixSchema = v.looseObject({
  network: Network,
  owner: OwnerRefSchema,
  addresses: v.pipe(v.array(AddressText), v.description("At most one of each family")),
  tenant: v.optional(v.string()),
});
const UnfixSchema = v.looseObject({
  network: Network,
  owner: OwnerRefSchema,
  addresses: v.optional(v.pipe(v.array(AddressText), v.description("Default: all"))),
});
const MoveSchema = v.looseObject({
  network: Network,
  owner: OwnerRefSchema,
  from: AddressText,
  to: AddressText,
});
const ReleaseSchema = v.looseObject({
  network: Network,
  address: AddressText,
  id: v.optional(
    v.pipe(
      v.string(),
      v.description("spec.id of the address: nothing is done to another use of it"),
    ),
  ),
});
const AllocateSchema = v.looseObject({
  network: Network,
  owner: OwnerRefSchema,
  tenant: v.optional(v.string()),
});

function reserveReply(call: Call<DryRun>, outcome: ReserveOutcome): Reply {
  return { status: 200, body: { ...outcome, dryRun: call.query.dryRun ?? false } };
}

/** Reserves, and tells the audit. */
export async function runReserve(
  call: Call<DryRun, v.InferOutput<typeof ReserveSchema>>,
): Promise<Reply> {
  const { network, range, reason } = call.body;
  call.note({ object: `Network ${network}` });
  await ownNetwork(call, network);
  if (reason.trim() === "") {
    throw invalidDocument("The body", [{ field: "reason", message: "it is empty" }]);
  }
  const parsed = parseRangeField(range);
  const outcome = await reserve(changing(call), { network, range: parsed, reason });
  call.note({
    object: `Range ${network}/${formatRange(parsed)}`,
    after: { reserved: outcome.changed, reason },
    unchanged: call.query.dryRun === true || outcome.changed.length === 0,
  });
  return reserveReply(call, outcome);
}

/** Gives back, and tells the audit. */
export async function runUnreserve(
  call: Call<DryRun, v.InferOutput<typeof UnreserveSchema>>,
): Promise<Reply> {
  const { network, range } = call.body;
  call.note({ object: `Network ${network}` });
  await ownNetwork(call, network);
  const parsed = parseRangeField(range);
  const outcome = await unreserve(changing(call), { network, range: parsed });
  call.note({
    object: `Range ${network}/${formatRange(parsed)}`,
    before: { reserved: outcome.changed },
    unchanged: call.query.dryRun === true || outcome.changed.length === 0,
  });
  return reserveReply(call, outcome);
}

type Owner = v.InferOutput<typeof OwnerRefSchema>;

/** Runs a change of an owner, and tells the audit how it was before. */
async function changeOwnerBy(
  call: Call<DryRun>,
  at: { readonly network: string; readonly owner: Owner },
  change: (ipam: IpamContext) => ReturnType<typeof fixAddresses>,
): Promise<Reply> {
  const { network, owner } = at;
  const { group, kind, namespace, name, slot, ifname } = owner;
  const object = `Owner ${network}/${owner.cluster}/${group === "" ? kind : `${kind}.${group}`}` +
    `/${namespace}/${name}/${slot}/${ifname}`;
  call.note({ object });
  await ownNetwork(call, network);
  const key = ownerKey(network, owner).slice(PREFIXES.owners.length);
  const before = call.context.mirror.tables.owners.get(key)?.value;
  const outcome = await change(changing(call));
  call.note({
    object,
    before: before?.addresses,
    after: outcome.addresses,
    unchanged: call.query.dryRun === true || outcome.outcome === "unchanged",
  });
  return { status: 200, body: { ...outcome, dryRun: call.query.dryRun ?? false } };
}

async function runRelease(
  call: Call<DryRun, v.InferOutput<typeof ReleaseSchema>>,
): Promise<Reply> {
  const { network, address, id } = call.body;
  const parsed = parseAddressField(address, "address");
  const object = `Address ${network}/${formatAddress(parsed)}`;
  call.note({ object });
  await ownNetwork(call, network);
  const ipam = changing(call);
  const loss = await whoLoses(ipam, { network, address: parsed });
  const released = await giveBack(
    ipam,
    { network, address: parsed },
    id === undefined ? undefined : { id },
  );
  const { state, owner, holder, reason, ended } = loss;
  call.note({
    object,
    before: { state, owner, holder, reason },
    unchanged: !released || call.query.dryRun === true,
  });
  return {
    status: 200,
    body: {
      released,
      was: { state, owner, holder, reason, ended },
      dryRun: call.query.dryRun ?? false,
    },
  };
}

/** How often another free address is tried when somebody is faster. */
const MAX_TRIES = 8;

/** Gives the owner a free address of each family of the network that it has none of. */
async function runAllocate(
  call: Call<DryRun, v.InferOutput<typeof AllocateSchema>>,
): Promise<Reply> {
  const { network: name, owner, tenant } = call.body;
  const network = await ownNetwork(call, name);
  const key = ownerKey(name, owner).slice(PREFIXES.owners.length);
  return await changeOwnerBy(call, { network: name, owner }, async (ipam) => {
    for (let attempt = 1;; attempt++) {
      await call.context.mirror.fresh();
      const has = (call.context.mirror.tables.owners.get(key)?.value.addresses ?? [])
        .flatMap(({ address }) => tryParseAddress(address) ?? []);
      const missing = familiesOf(network.spec).filter((family) =>
        !has.some((address) => address.family === family)
      );
      const addresses = missing.map((family) => pickFree(call, network, family));
      try {
        // With all families there, this says what it has.
        return await fixAddresses(ipam, {
          network: name,
          owner,
          addresses: [...has, ...addresses],
          ...(tenant === undefined ? {} : { tenant }),
        });
      } catch (error) {
        if (attempt === MAX_TRIES || missing.length === 0) throw error;
        if (!isKind(error, "in-use", "conflict", "try-again")) throw error;
      }
    }
  });
}

function pickFree(
  { context }: Pick<Call, "context">,
  network: Awaited<ReturnType<typeof ownNetwork>>,
  family: Family,
): Address {
  const ranges = freeRanges(context.mirror, network, { limit: 256, family });
  const range = ranges[Math.floor(context.ipam.random() * ranges.length)];
  if (range === undefined) {
    throw new FabricError(
      "exhausted",
      `Network ${network.metadata.name} has no free IPv${family} address`,
      {
        field: "network",
        value: network.metadata.name,
        remedy: "add a subnet or a range to the network, or release addresses",
      },
    );
  }
  const first = parseAddressField(range.first, "network");
  const size = BigInt(range.size);
  // Not the first: others look for one in this moment, too.
  const spread = size < 4096n ? size : 4096n;
  const offset = BigInt(Math.floor(context.ipam.random() * Number(spread)));
  return { family, value: first.value + offset };
}

const CHANGED = {
  description: "What became of it",
  schema: { type: "object" },
} as const;

function operation<B>(spec: {
  readonly name: string;
  readonly summary: string;
  readonly schema: v.GenericSchema<unknown, B>;
  readonly example: unknown;
  readonly handle: (call: Call<DryRun, B>) => Promise<Reply>;
}): Route {
  const { name, summary, schema, example, handle } = spec;
  return defineBodyRoute({
    method: "POST",
    path: `/api/v1/operations/${name}`,
    id: name,
    tag: "operations",
    summary,
    access: "operator",
    tenant: "own",
    query: DRY_RUN,
    body: jsonBody(summary, schema, { example }),
    answers: { 200: CHANGED },
    problems: [404, 409],
    handle,
  });
}

/** Routes of operations. */
export const OPERATION_ROUTES: readonly Route[] = [
  operation({
    name: "reserve",
    summary: "Keep addresses for something outside",
    schema: ReserveSchema,
    example: { network: "pods", range: "10.100.0.30-10.100.0.39", reason: "load balancer" },
    handle: runReserve,
  }),
  operation({
    name: "unreserve",
    summary: "Give reserved addresses back",
    schema: UnreserveSchema,
    example: { network: "pods", range: "10.100.0.30-10.100.0.39" },
    handle: runUnreserve,
  }),
  operation({
    name: "allocate",
    summary: "Give a slot of a workload free addresses of its own",
    schema: AllocateSchema,
    example: { network: "pods", owner: OWNER_EXAMPLE },
    handle: runAllocate,
  }),
  operation({
    name: "fix",
    summary: "Give a slot of a workload these addresses",
    schema: FixSchema,
    example: { network: "pods", owner: OWNER_EXAMPLE, addresses: ["10.100.0.50"] },
    handle: (call) => {
      const { network, owner, addresses, tenant } = call.body;
      return changeOwnerBy(call, { network, owner }, (ipam) =>
        fixAddresses(ipam, {
          network,
          owner,
          addresses: addresses.map((one, i) => parseAddressField(one, `addresses[${i}]`)),
          ...(tenant === undefined ? {} : { tenant }),
        }));
    },
  }),
  operation({
    name: "unfix",
    summary: "Take addresses from a slot of a workload",
    schema: UnfixSchema,
    example: { network: "pods", owner: OWNER_EXAMPLE },
    handle: (call) => {
      const { network, owner, addresses } = call.body;
      return changeOwnerBy(call, { network, owner }, (ipam) =>
        unfixAddresses(ipam, {
          network,
          owner,
          ...(addresses === undefined ? {} : {
            addresses: addresses.map((one, i) => parseAddressField(one, `addresses[${i}]`)),
          }),
        }));
    },
  }),
  operation({
    name: "move",
    summary: "Put one address of a slot in the place of another",
    schema: MoveSchema,
    example: { network: "pods", owner: OWNER_EXAMPLE, from: "10.100.0.50", to: "10.100.0.60" },
    handle: (call) => {
      const { network, owner, from, to } = call.body;
      return changeOwnerBy(call, { network, owner }, (ipam) =>
        moveAddress(ipam, {
          network,
          owner,
          from: parseAddressField(from, "from"),
          to: parseAddressField(to, "to"),
        }));
    },
  }),
  operation({
    name: "release",
    summary: "Make an address free whose holder has ended",
    schema: ReleaseSchema,
    example: { network: "pods", address: "10.100.0.50" },
    handle: runRelease,
  }),
];
