/**
 * Documents of `-f` on their way into the store: read, put in order, checked whole, then written.
 *
 * @module
 */

import * as v from "valibot";
import { asFabricError, FabricError } from "../mod/error.ts";
import type { Applied, ApplyOptions } from "../mod/ipam/apply.ts";
import type { IpamContext } from "../mod/ipam/context.ts";
import { describeRef, objectKey, type ObjectRef } from "../mod/ipam/kinds.ts";
import { encodeResource } from "../mod/ipam/stored.ts";
import { RESOURCE_SCHEMAS } from "../mod/model/kinds.ts";
import { readHead } from "../mod/model/validate.ts";
import { byDependency, faultOf, tellFaults } from "./batch.ts";
import type { Call } from "./command.ts";
import type { AdminContext } from "./context.ts";
import { FILE_FLAG, type InputDocument, locate, readDocuments } from "./documents.ts";
import { usageError } from "./exit.ts";
import { type Overlay, overlayStore } from "../mod/ipam/overlay_store.ts";

/** A document, and the object that it is about. */
export interface Item {
  readonly document: InputDocument;
  readonly ref: ObjectRef;
}

/** How a document is written: `applyResource`, `createResource`. */
export type Write = (
  ipam: IpamContext,
  document: unknown,
  options: ApplyOptions,
) => Promise<Applied>;

/** The documents in the order in which they can be written, and what is wrong with them. */
export function readItems(
  documents: readonly InputDocument[],
): { readonly items: readonly Item[]; readonly faults: readonly FabricError[] } {
  const items: Item[] = [];
  const faults: FabricError[] = [];
  const seen = new Map<string, InputDocument>();
  for (const document of documents) {
    try {
      const ref = readHead(document.value);
      const key = objectKey(ref);
      const before = seen.get(key);
      if (before !== undefined) throw givenTwice(ref, before);
      seen.set(key, document);
      items.push({ document, ref });
    } catch (error) {
      faults.push(...locate(faultOf(error), document));
    }
  }
  return { items: byDependency(items, ({ ref }) => ref.kind), faults };
}

function givenTwice(ref: ObjectRef, before: InputDocument): FabricError {
  return new FabricError(
    "invalid",
    `${describeRef(ref)} is declared already at ${before.lineOf("")}`,
    { field: "metadata.name", value: ref.name, remedy: "leave one of them out" },
  );
}

/** What every document would come to, each seeing those before it; their faults. */
export async function checkAll(
  ipam: IpamContext,
  items: readonly Item[],
  write: Write,
): Promise<{ readonly checked: readonly Checked[]; readonly faults: readonly FabricError[] }> {
  const overlay = overlayStore(ipam.store);
  const checked: Checked[] = [];
  const faults: FabricError[] = [];
  for (const item of items) {
    const { document, ref } = item;
    try {
      const context = { ...ipam, store: overlay.store };
      const applied = await write(context, document.value, { dryRun: true });
      overlay.put(objectKey(ref), encodeResource(applied.resource));
      checked.push({ ...item, applied });
    } catch (error) {
      faults.push(...locate(faultOf(error), document));
      assume(overlay, item);
    }
  }
  return { checked, faults };
}

/** Those that refer to a faulty document are not to blame for it. */
function assume(overlay: Overlay, { document, ref }: Item): void {
  const parsed = v.safeParse(RESOURCE_SCHEMAS[ref.kind], document.value);
  if (parsed.success) overlay.put(objectKey(ref), encodeResource(parsed.output));
}

/** An item, and what would become of it. */
export interface Checked extends Item {
  readonly applied: Applied;
}

/**
 * Reads and checks the documents of `-f`; undefined where something is wrong, which is told of.
 *
 * @param options.verb the command, for the error that `-f` is missing
 */
export async function checkDocuments(
  context: AdminContext,
  { args, flags }: Call,
  { verb, write }: { readonly verb: string; readonly write: Write },
): Promise<readonly Checked[] | undefined> {
  const paths = flags.texts(FILE_FLAG.name);
  if (paths.length === 0) {
    throw usageError(`Nothing to ${verb}: -f is missing`, {
      field: "--filename",
      remedy: args[0] === undefined ? `write ${verb} -f FILE` : `write ${verb} -f ${args[0]}`,
    });
  }
  const read = await readDocuments(paths, context.io);
  const { items, faults } = readItems(read.documents);
  const early = [...read.errors, ...faults];
  // What cannot be parsed may be what the others refer to: they are not checked then.
  if (read.errors.length > 0 && tellFaults(context, early)) return undefined;
  const { checked, faults: late } = await checkAll(await context.ipam(), items, write);
  return tellFaults(context, [...early, ...late]) ? undefined : checked;
}

/** Writes a document that was checked; an error says that those before it are written. */
export async function writeChecked(
  ipam: IpamContext,
  { document }: Item,
  { verb, write }: { readonly verb: string; readonly write: Write },
): Promise<Applied> {
  try {
    return await write(ipam, document.value, {});
  } catch (error) {
    const [first = asFabricError(error)] = locate(asFabricError(error), document);
    throw new FabricError(first.kind, first.message, {
      remedy: `${first.remedy ?? "mend it"}, then ${verb} again: what stands above is written`,
      details: first.details,
      cause: error,
    });
  }
}
