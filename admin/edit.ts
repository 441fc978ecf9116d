/**
 * `edit`: an object in the editor of `$VISUAL` or `$EDITOR`. What is wrong stands above the text when
 * the editor opens again; whoever gives up finds the text in its file.
 *
 * @module
 */

import { describeError, FabricError } from "../mod/error.ts";
import { changeResource } from "../mod/ipam/change.ts";
import { describeRef, getResource, type ObjectRef } from "../mod/ipam/kinds.ts";
import { fieldErrorsOf } from "../mod/model/field_error.ts";
import type { WrittenResource } from "../mod/model/kinds.ts";
import { DRY_RUN_FLAG, faultOf, isDryRun, isFaultOfObject } from "./batch.ts";
import type { Call, Command } from "./command.ts";
import type { AdminContext } from "./context.ts";
import { FILE_FLAG, readRefs, readTextDocument } from "./documents.ts";
import { usageError } from "./exit.ts";
import { namedKind } from "./names.ts";
import { FILTER_FLAGS } from "./objects.ts";
import { OUTCOME_FLAG, tellOutcome } from "./outcome.ts";
import { toYaml } from "./print/yaml.ts";
import { findTargets } from "./targets.ts";

type EditFile = (path: string) => Promise<boolean>;

function editorOf(context: AdminContext): EditFile {
  const { edit } = context.io;
  if (edit !== undefined) return edit;
  throw usageError("There is no terminal to edit at", {
    remedy: "use patch, or get -o yaml and apply -f",
  });
}

function comment(lines: readonly string[]): string {
  return lines.map((line) => `# ${line}`.trimEnd() + "\n").join("");
}

/** What stands above the text. */
function head(ref: ObjectRef, faults: readonly string[]): string {
  const about = [
    `${describeRef(ref)}. Lines that begin with # are left out. To change nothing, leave`,
    "the text as it is, or delete it whole.",
  ];
  return comment(
    faults.length === 0
      ? about
      : ["This was refused:", ...faults.map((fault) => `- ${fault}`), "", ...about],
  );
}

function bodyOf(text: string): string {
  return text.replace(/^#.*\n?/gm, "");
}

/** Every fault of the error in a line of its own. */
function faultLines(error: FabricError): readonly string[] {
  const fields = fieldErrorsOf(error);
  if (fields.length === 0) return [describeError(error)];
  return fields.map(({ field, message, remedy }) =>
    `${field}: ${message}${remedy === undefined ? "" : `; ${remedy}`}`
  );
}

function textOf({ apiVersion, kind, metadata, spec }: WrittenResource): string {
  return toYaml({ apiVersion, kind, metadata, spec });
}

/** The error that ends an edit whose text is kept. */
function kept(ref: ObjectRef, file: string, error: FabricError): FabricError {
  const { kind, details, cause } = error;
  const name = describeRef(ref);
  const message = error.message.replace(`${name}: `, "");
  return new FabricError(kind, `${name} was not changed: ${message}`, {
    remedy: `your text is kept in ${file}: mend it and apply -f ${file}`,
    details,
    cause,
  });
}

async function editOne(context: AdminContext, call: Call, ref: ObjectRef): Promise<void> {
  const edit = editorOf(context);
  const ipam = await context.ipam();
  const original = textOf(await getResource(ipam.store, ref));
  const file = await Deno.makeTempFile({ prefix: "fabric-edit-", suffix: ".yaml" });
  let body = original;
  let refused: FabricError | undefined;
  for (;;) {
    const faults = refused === undefined ? [] : faultLines(refused);
    await Deno.writeTextFile(file, `${head(ref, faults)}${body}`);
    const ended = await edit(file);
    const edited = bodyOf(await Deno.readTextFile(file));
    if (!ended) {
      const failed = new FabricError("host", "the editor failed", { remedy: "see $EDITOR" });
      throw kept(ref, file, refused ?? failed);
    }
    if (edited.trim() === "" || edited === original) {
      await Deno.remove(file);
      context.write(`Edit cancelled, ${describeRef(ref)} is as it was\n`);
      return;
    }
    if (refused !== undefined && edited === body) throw kept(ref, file, refused);
    body = edited;
    try {
      const document = readTextDocument(edited);
      const applied = await changeResource(ipam, ref, {
        change: () => document,
        dryRun: isDryRun(call.flags),
      });
      await Deno.remove(file);
      return tellOutcome(context, call.flags, { ref, applied, verb: "edited" });
    } catch (error) {
      if (!(error instanceof FabricError)) throw error;
      if (!isFaultOfObject(error)) throw kept(ref, file, error);
      refused = faultOf(error);
    }
  }
}

async function run(context: AdminContext, call: Call): Promise<void> {
  const { args, flags } = call;
  editorOf(context);
  const refs = await readRefs(context, call) ??
    await findTargets(context, { ...namedKind(args), flags, verb: "edited" });
  if (context.status !== 0) return;
  for (const ref of refs) await editOne(context, call, ref);
}

/** `edit`. */
export const EDIT: Command = {
  name: "edit",
  summary: "Change objects in an editor",
  args: "KIND NAME... | -f FILE",
  count: { min: 0, max: Infinity },
  group: "change",
  flags: [FILE_FLAG, FILTER_FLAGS.cluster, DRY_RUN_FLAG, OUTCOME_FLAG],
  notes: [
    "The editor is $VISUAL, else $EDITOR, else vi. What is refused is opened again with the error",
    "above it; save it unchanged to give up: the text stays in its file.",
  ],
  examples: [
    ["edit network pods", "with the object as it is"],
    ["edit node local/n1 --dry-run", "whether the change would be taken"],
  ],
  run,
};
