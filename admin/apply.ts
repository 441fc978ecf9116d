/**
 * `apply`: creates or changes what documents declare.
 *
 * @module
 */

import * as v from "valibot";
import { asFabricError, FabricError } from "../mod/error.ts";
import { applyResource } from "../mod/ipam/apply.ts";
import type { IpamContext } from "../mod/ipam/context.ts";
import { describeRef, objectKey, type ObjectRef } from "../mod/ipam/kinds.ts";
import { encodeResource } from "../mod/ipam/stored.ts";
import { RESOURCE_SCHEMAS } from "../mod/model/kinds.ts";
import { readHead } from "../mod/model/validate.ts";
import { byDependency, DRY_RUN_FLAG, faultOf, isDryRun, tellFaults } from "./batch.ts";
import type { Call, Command } from "./command.ts";
import type { AdminContext } from "./context.ts";
import { FILE_FLAG, type InputDocument, locate, readDocuments } from "./documents.ts";
import { usageError } from "./exit.ts";
import { objectName } from "./object_name.ts";
import { type Overlay, overlayStore } from "../mod/ipam/overlay_store.ts";

/** A document, and the object that it is about. */
interface Item {
  readonly document: InputDocument;
  readonly ref: ObjectRef;
}

function readItems(
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
async function checkAll(
  ipam: IpamContext,
  items: readonly Item[],
): Promise<{ readonly outcomes: readonly string[]; readonly faults: readonly FabricError[] }> {
  const overlay = overlayStore(ipam.store);
  const outcomes: string[] = [];
  const faults: FabricError[] = [];
  for (const item of items) {
    const { document, ref } = item;
    try {
      const { outcome, resource } = await applyResource(
        { ...ipam, store: overlay.store },
        document.value,
        { dryRun: true },
      );
      overlay.put(objectKey(ref), encodeResource(resource));
      outcomes.push(outcome);
    } catch (error) {
      faults.push(...locate(faultOf(error), document));
      assume(overlay, item);
    }
  }
  return { outcomes, faults };
}

/** Those that refer to a faulty document are not to blame for it. */
function assume(overlay: Overlay, { document, ref }: Item): void {
  const parsed = v.safeParse(RESOURCE_SCHEMAS[ref.kind], document.value);
  if (parsed.success) overlay.put(objectKey(ref), encodeResource(parsed.output));
}

async function run(context: AdminContext, { args, flags }: Call): Promise<void> {
  const paths = flags.texts("filename");
  if (paths.length === 0) {
    throw usageError("Nothing to apply: -f is missing", {
      field: "--filename",
      remedy: args[0] === undefined ? "write apply -f FILE" : `write apply -f ${args[0]}`,
    });
  }
  const read = await readDocuments(paths, context.io);
  const { items, faults } = readItems(read.documents);
  const early = [...read.errors, ...faults];
  // What cannot be parsed may be what the others refer to: they are not checked then.
  if (read.errors.length > 0 && tellFaults(context, early)) return;
  const ipam = await context.ipam();
  const checked = await checkAll(ipam, items);
  if (tellFaults(context, [...early, ...checked.faults])) return;
  if (isDryRun(flags)) {
    items.forEach(({ ref }, i) =>
      context.write(`${objectName(ref)} ${checked.outcomes[i]} (dry run)\n`)
    );
    return;
  }
  for (const { document, ref } of items) {
    try {
      const { outcome } = await applyResource(ipam, document.value);
      context.write(`${objectName(ref)} ${outcome}\n`);
    } catch (error) {
      const [first = asFabricError(error)] = locate(asFabricError(error), document);
      throw new FabricError(first.kind, first.message, {
        remedy: `${first.remedy ?? "mend it"}, then apply again: what stands above is written`,
        details: first.details,
        cause: error,
      });
    }
  }
}

/** `apply`. */
export const APPLY: Command = {
  name: "apply",
  summary: "Create or change what documents declare",
  args: "-f FILE|DIR|-",
  count: { min: 0, max: 0 },
  group: "change",
  flags: [FILE_FLAG, DRY_RUN_FLAG],
  notes: [
    "All documents are checked before the first is written; what others refer to",
    "is written first. A document is applied whole: what it leaves out is unset.",
  ],
  examples: [
    ["apply -f networks.yaml", "every document of the file"],
    ["apply -f site/ --dry-run", "what the files of a folder would change"],
    ["get network pods -o yaml | fabric-admin apply -f -", "from standard input"],
  ],
  run,
};
