/**
 * `label` and `annotate`: `key=value` sets, `key-` removes.
 *
 * @module
 */

import { FabricError } from "../mod/error.ts";
import { changeResource } from "../mod/ipam/change.ts";
import { describeRef, type ObjectRef } from "../mod/ipam/kinds.ts";
import type { WrittenResource } from "../mod/model/kinds.ts";
import { isFields } from "../mod/model/validate_shape.ts";
import { findValues, parseFieldPath } from "../mod/select/json_path.ts";
import { applyMergePatch } from "../mod/select/merge_patch.ts";
import { DRY_RUN_FLAG } from "./batch.ts";
import type { Call, Command } from "./command.ts";
import type { AdminContext } from "./context.ts";
import { FILE_FLAG, readRefs } from "./documents.ts";
import { usageError } from "./exit.ts";
import { namedKind } from "./names.ts";
import { FILTER_FLAGS, SELECTOR_FLAGS } from "./objects.ts";
import { changeObjects, OUTCOME_FLAG } from "./outcome.ts";
import { findTargets } from "./targets.ts";

type Target = "labels" | "annotations";

/** Values by key; null removes. */
type Pairs = ReadonlyMap<string, string | null>;

/** True for `key=value` and `key-`; no name of an object looks like that. */
function isPair(arg: string): boolean {
  return /^[^=/]*(\/[^=/]*)?=/.test(arg) || arg.endsWith("-");
}

function pairsOf(args: readonly string[], verb: string): Pairs {
  const pairs = new Map<string, string | null>();
  for (const arg of args) {
    const equals = arg.indexOf("=");
    const key = equals < 0 ? arg.slice(0, -1) : arg.slice(0, equals);
    const isTwice = pairs.has(key);
    if (key === "" || !isPair(arg) || isTwice) {
      throw usageError(isTwice ? `${key} is given twice` : `Cannot parse "${arg}"`, {
        value: arg,
        remedy: "write KEY=VALUE to set, and KEY- to remove",
      });
    }
    pairs.set(key, equals < 0 ? null : arg.slice(equals + 1));
  }
  if (pairs.size > 0) return pairs;
  throw usageError(`Nothing to ${verb}`, { remedy: "write KEY=VALUE to set, and KEY- to remove" });
}

function checkOverwrite(
  current: WrittenResource,
  ref: ObjectRef,
  { target, pairs }: { readonly target: Target; readonly pairs: Pairs },
): void {
  for (const [key, value] of pairs) {
    const before = current.metadata[target]?.[key];
    if (value === null || before === undefined || before === value) continue;
    throw new FabricError("conflict", `${describeRef(ref)} has ${key}=${before} already`, {
      field: `metadata.${target}`,
      value: before,
      remedy: "add --overwrite to replace it",
    });
  }
}

/** No labels at all are the same as none of them: the field goes, too. */
function withoutEmpty(document: unknown, target: Target): unknown {
  const values = findValues(parseFieldPath(`metadata.${target}`), document);
  const isEmpty = values.some((value) => isFields(value) && Object.keys(value).length === 0);
  return isEmpty ? applyMergePatch(document, { metadata: { [target]: null } }) : document;
}

function commandOf({ name, target, verb, what }: {
  readonly name: string;
  readonly target: Target;
  readonly verb: string;
  readonly what: string;
}): Command {
  const run = async (context: AdminContext, call: Call): Promise<void> => {
    const { flags } = call;
    const first = call.args.findIndex(isPair);
    const args = call.args.slice(0, first < 0 ? call.args.length : first);
    const pairs = pairsOf(first < 0 ? [] : call.args.slice(first), name);
    const refs = await readRefs(context, { args, flags }) ??
      await findTargets(context, { ...namedKind(args), flags, verb });
    if (context.status !== 0) return;
    const patch = { metadata: { [target]: Object.fromEntries(pairs) } };
    await changeObjects(context, flags, {
      refs,
      verb,
      change: (ipam, ref, options) =>
        changeResource(ipam, ref, {
          ...options,
          change: (current) => {
            if (!flags.isSet("overwrite")) checkOverwrite(current, ref, { target, pairs });
            return withoutEmpty(applyMergePatch(current, patch), target);
          },
        }),
    });
  };
  return {
    name,
    summary: `Set or remove ${target} of objects`,
    args: "KIND NAME... KEY=VALUE... KEY-...",
    count: { min: 0, max: Infinity },
    group: "change",
    flags: [
      { name: "overwrite", text: "Replace values that are there" },
      { name: "all", text: "All objects of the kind" },
      ...SELECTOR_FLAGS,
      FILTER_FLAGS.cluster,
      FILE_FLAG,
      DRY_RUN_FLAG,
      OUTCOME_FLAG,
    ],
    examples: [
      [`${name} network pods ${what}`, "set it"],
      [`${name} network pods ${what.split("=")[0]}-`, "remove it"],
      [`${name} zones --all ${what} --overwrite`, "whatever it was"],
    ],
    run,
  };
}

/** `label`. */
export const LABEL: Command = commandOf({
  name: "label",
  target: "labels",
  verb: "labeled",
  what: "tier=front",
});

/** `annotate`. */
export const ANNOTATE: Command = commandOf({
  name: "annotate",
  target: "annotations",
  verb: "annotated",
  what: "ticket=NET-4711",
});
