/**
 * `who`: who uses this address or MAC, and what does this pod or container have. It looks up, and
 * does not search.
 *
 * @module
 */

import { FabricError } from "../mod/error.ts";
import { tryParseAddress } from "../mod/ip/address.ts";
import { parseMac } from "../mod/ip/mac.ts";
import { findMac } from "../mod/ipam/find_mac.ts";
import { attachmentKey, ownerKey } from "../mod/ipam/keys.ts";
import { decodeRecord } from "../mod/ipam/stored.ts";
import { OwnerRecordSchema } from "../mod/model/records.ts";
import type { Call, Command } from "./command.ts";
import type { AdminContext } from "./context.ts";
import { formatDescription } from "./describe_text.ts";
import { parseArgument } from "./exit.ts";
import { type Filter, type KindItem, qualifiedKind, readObject, type Source } from "./kind.ts";
import { ADDRESS, addressesOfAttachment } from "./kinds/address.ts";
import { decodeAttachment, findAttachments } from "./kinds/attachment.ts";
import { FILTER_FLAGS, filterOf } from "./objects.ts";
import { outputFlag, printerOf } from "./print/mod.ts";

/** Columns of the answer: where it is, and what a switch shows of it. */
const SHOWN = ["ADDRESS", "NETWORK", "STATE", "USED BY", "NODE", "INTERFACE", "MAC", "AGE"];

const MAC = /^([0-9a-f]{2}[:-]){5}[0-9a-f]{2}$|^([0-9a-f]{4}\.){2}[0-9a-f]{4}$/i;

/** `0a58.0a00.0005`, as switches show it, with colons. */
function macOf(text: string): string {
  const digits = text.replace(/[.:-]/g, "").match(/../g) ?? [];
  return parseArgument(() => parseMac(digits.join(":")));
}

interface Question {
  readonly source: Source;
  readonly text: string;
  readonly filter: Filter;
}

async function* byMac({ source, filter }: Question, mac: string): AsyncGenerator<KindItem> {
  for (const { physicalNetwork, vlan, record } of await findMac(source.store, mac)) {
    const { holder, owner, network } = record;
    if (filter.network !== undefined && network !== filter.network) continue;
    if (holder !== undefined) {
      const key = attachmentKey(holder);
      for await (const attachment of readObject(source, key, decodeAttachment)) {
        for await (const item of addressesOfAttachment(source, attachment)) {
          yield ADDRESS.bind(item);
        }
      }
      continue;
    }
    if (owner === undefined) {
      source.onDamage(
        new FabricError("internal", `MAC ${mac} of VLAN ${vlan} of ${physicalNetwork} is nobody's`),
      );
      continue;
    }
    // Nobody holds it now: its owner keeps it.
    const key = ownerKey(network, owner);
    const decode = (kv: Parameters<typeof decodeAttachment>[0]) =>
      decodeRecord(OwnerRecordSchema, kv);
    for await (const { addresses } of readObject(source, key, decode)) {
      for (const { address } of addresses) {
        yield* ADDRESS.find(source, { name: `${network}/${address}`, filter: {} });
      }
    }
  }
}

async function* byHolder({ source, text, filter }: Question): AsyncGenerator<KindItem> {
  for await (const attachment of findAttachments(source, text, filter)) {
    for await (const item of addressesOfAttachment(source, attachment)) yield ADDRESS.bind(item);
  }
}

async function run(context: AdminContext, { args, flags }: Call): Promise<void> {
  const [text = ""] = args;
  const print = printerOf(flags.text("output"));
  const filter = filterOf(ADDRESS, flags);
  const source = await context.source();
  const question = { source, text, filter };
  const isAddress = tryParseAddress(text.slice(text.lastIndexOf("/") + 1)) !== undefined;
  const items: KindItem[] = [];
  const found = isAddress
    ? ADDRESS.find(source, { name: text, filter })
    : MAC.test(text)
    ? byMac(question, macOf(text))
    : byHolder(question);
  for await (const item of found) items.push(item);
  if (items.length === 0 && isAddress && !flags.isSet("output")) {
    return await tellFree(context, question);
  }
  if (items.length === 0) throw nobody(text);
  await print(asStream(items), {
    qualifiedKind: qualifiedKind(ADDRESS),
    columns: ADDRESS.columns.map(({ header }) => ({ header, wide: !SHOWN.includes(header) })),
    headers: !flags.isSet("no-headers"),
    single: items.length === 1,
    view: { now: context.now() },
    write: (part) => context.write(part),
  });
}

async function* asStream(items: readonly KindItem[]): AsyncGenerator<KindItem> {
  for (const item of items) yield await Promise.resolve(item);
}

/** An address without a record is an answer, too: it is free, and somebody may have had it. */
async function tellFree(context: AdminContext, { source, text, filter }: Question): Promise<void> {
  let count = 0;
  const lives = ADDRESS.describeName?.(source, { name: text, filter });
  for await (const life of lives ?? []) {
    context.write(count++ === 0 ? formatDescription(life) : `\n${formatDescription(life)}`);
  }
  if (count === 0) throw nobody(text);
}

function nobody(text: string): FabricError {
  return new FabricError("not-found", `Nobody is known by ${text}`, {
    value: text,
    remedy: "who had it before is told by: fabric-admin history",
  });
}

/** `who`. */
export const WHO: Command = {
  name: "who",
  summary: "Who uses an address or a MAC, what a pod or a container has",
  args: "ADDRESS | MAC | NAMESPACE/POD | CONTAINER",
  count: { min: 1, max: 1 },
  group: "look",
  flags: [
    FILTER_FLAGS.network,
    FILTER_FLAGS.cluster,
    outputFlag(),
    { name: "no-headers", text: "Leave the table's header out" },
  ],
  notes: ["A container is known by the first six characters of its id, or more."],
  examples: [
    ["who 10.0.0.5", "also when it is free"],
    ["who 0a58.0a00.0005", "a MAC, as switches show it"],
    ["who web/shop-1", "all addresses of a pod"],
  ],
  run,
};
