/**
 * `delete`: objects that administrators declared, unless somebody uses them.
 *
 * @module
 */

import type { FabricError } from "../mod/error.ts";
import type { IpamContext } from "../mod/ipam/context.ts";
import { deleteResource } from "../mod/ipam/delete.ts";
import { objectKey, type ObjectRef } from "../mod/ipam/kinds.ts";
import { readHead } from "../mod/model/validate.ts";
import { byDependency, DRY_RUN_FLAG, faultOf, isDryRun, tellFaults } from "./batch.ts";
import type { Call, Command } from "./command.ts";
import type { AdminContext } from "./context.ts";
import { FILE_FLAG, type InputDocument, locate, readDocuments } from "./documents.ts";
import { usageError } from "./exit.ts";
import { FILTER_FLAGS, filterOf, SELECTOR_FLAGS } from "./objects.ts";
import { checkWritten, findTarget, findTargets } from "./targets.ts";
import { namedKind } from "./names.ts";
import { objectName } from "./object_name.ts";
import { overlayStore } from "../mod/ipam/overlay_store.ts";

/** What ends the records that IPAM writes itself. */
const INSTEAD: Readonly<Record<string, string>> = {
  Address: "a reserved one is given back by unreserve, one in use by the end of its sandbox",
  Owner: "an owner ends with its workload",
  Port: "a port ends with its sandbox: the runtime calls DEL",
  Attachment: "an attachment ends with its sandbox: the runtime calls DEL",
  History: "use history export and history trim",
};

interface Target {
  readonly ref: ObjectRef;
  readonly document: InputDocument | undefined;
}

async function targetsOf(
  context: AdminContext,
  { args, flags }: Call,
): Promise<{ readonly targets: readonly Target[]; readonly faults: readonly FabricError[] }> {
  const paths = flags.texts("filename");
  if ((paths.length > 0) === (args.length > 0)) {
    throw usageError("Name what to delete: KIND NAME..., or -f FILE", {
      remedy: "see delete --help",
    });
  }
  const targets: Target[] = [];
  const faults: FabricError[] = [];
  if (paths.length > 0) {
    const { documents, errors } = await readDocuments(paths, context.io);
    faults.push(...errors);
    for (const document of documents) {
      try {
        targets.push({ ref: readHead(document.value), document });
      } catch (error) {
        faults.push(...locate(faultOf(error), document));
      }
    }
    return { targets, faults };
  }
  const { row, names } = namedKind(args);
  if (names.length === 0 && !flags.isSet("all") && !flags.isSet("selector")) {
    throw usageError(`Name which ${row.plural} to delete`, {
      remedy: `write delete ${row.singular} NAME, or -l LABELS, or --all`,
    });
  }
  checkWritten(row, { verb: "deleted", instead: INSTEAD });
  const filter = filterOf(row, flags);
  if (names.length === 0) {
    const refs = await findTargets(context, { row, names, flags, verb: "deleted" });
    return { targets: refs.map((ref) => ({ ref, document: undefined })), faults };
  }
  for (const name of names) {
    try {
      targets.push({ ref: await findTarget(context, { row, name, filter }), document: undefined });
    } catch (error) {
      const fault = faultOf(error);
      if (fault.details["usage"] === true) throw fault;
      faults.push(fault);
    }
  }
  return { targets, faults };
}

/** Checks all deletions, each as if those before it were done; their faults. */
async function checkAll(
  ipam: IpamContext,
  targets: readonly Target[],
): Promise<{ readonly present: readonly Target[]; readonly faults: readonly FabricError[] }> {
  const overlay = overlayStore(ipam.store);
  const present: Target[] = [];
  const faults: FabricError[] = [];
  for (const target of targets) {
    const { ref, document } = target;
    try {
      await deleteResource({ ...ipam, store: overlay.store }, ref, { dryRun: true });
      present.push(target);
    } catch (error) {
      const fault = faultOf(error);
      faults.push(...document === undefined ? [fault] : locate(fault, document));
    }
    overlay.delete(objectKey(ref));
  }
  return { present, faults };
}

async function run(context: AdminContext, call: Call): Promise<void> {
  const { targets, faults } = await targetsOf(context, call);
  const ipam = await context.ipam();
  const ordered = byDependency(targets, ({ ref }) => ref.kind).reverse();
  const checked = await checkAll(ipam, ordered);
  const all = [...faults, ...checked.faults];
  const lenient = call.flags.isSet("ignore-not-found");
  const serious = lenient ? all.filter(({ kind }) => kind !== "not-found") : all;
  if (tellFaults(context, serious)) return;
  const dryRun = isDryRun(call.flags);
  for (const { ref } of checked.present) {
    if (!dryRun) await deleteResource(ipam, ref);
    context.write(`${objectName(ref)} deleted${dryRun ? " (dry run)" : ""}\n`);
  }
}

/** `delete`. */
export const DELETE: Command = {
  name: "delete",
  summary: "Delete objects that nobody uses",
  args: "KIND NAME... | -f FILE|DIR|-",
  count: { min: 0, max: Infinity },
  group: "change",
  flags: [
    FILE_FLAG,
    FILTER_FLAGS.cluster,
    ...SELECTOR_FLAGS,
    { name: "all", text: "All objects of the kind that are there" },
    DRY_RUN_FLAG,
    { name: "ignore-not-found", text: "What does not exist is no error" },
  ],
  notes: [
    "Nothing is deleted unless everything named can be. A network's history stays.",
  ],
  examples: [
    ["delete network pods", "a network without addresses in use"],
    ["delete -f site/ --dry-run", "whether all of it could be deleted"],
    ["delete node local/n1", "a host that is gone"],
  ],
  run,
};
