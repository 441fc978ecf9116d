/**
 * `patch`: a few fields of objects, by a merge patch or a JSON patch.
 *
 * @module
 */

import { parse } from "yaml";
import { changeResource } from "../mod/ipam/change.ts";
import { applyJsonPatch } from "../mod/select/json_patch.ts";
import { applyMergePatch } from "../mod/select/merge_patch.ts";
import { DRY_RUN_FLAG } from "./batch.ts";
import type { Call, Command } from "./command.ts";
import type { AdminContext } from "./context.ts";
import { FILE_FLAG, readRefs, readText } from "./documents.ts";
import { usageError } from "./exit.ts";
import { namedKind } from "./names.ts";
import { FILTER_FLAGS } from "./objects.ts";
import { changeObjects, OUTCOME_FLAG } from "./outcome.ts";
import { findTargets } from "./targets.ts";

/** Kinds of patches; `strategic` of kubectl needs schemas that say how lists are merged. */
const TYPES = ["merge", "json"] as const;

async function readPatch(context: AdminContext, { flags }: Call): Promise<unknown> {
  const text = flags.text("patch");
  const file = flags.text("patch-file");
  if ((text === undefined) === (file === undefined)) {
    throw usageError("Give one patch: -p PATCH or --patch-file FILE", {
      field: "--patch",
      remedy: `write -p '{"spec": {"mtu": 9000}}'`,
    });
  }
  const whole = text ?? await readText(file ?? "", context.io);
  try {
    return parse(whole, { prettyErrors: false });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.replace(/\.$/, "") : String(cause);
    throw usageError(`Cannot parse the patch: ${why}`, {
      field: text === undefined ? "--patch-file" : "--patch",
      remedy: "write it as JSON or YAML",
    });
  }
}

async function run(context: AdminContext, call: Call): Promise<void> {
  const { args, flags } = call;
  const patch = await readPatch(context, call);
  const isJson = flags.text("type") === "json";
  if (!isJson && (typeof patch !== "object" || patch === null || Array.isArray(patch))) {
    throw usageError("The merge patch is no object", {
      field: "--patch",
      remedy: Array.isArray(patch)
        ? "add --type json for a list of operations"
        : `write it like {"spec": {"mtu": 9000}}`,
    });
  }
  const refs = await readRefs(context, call) ??
    await findTargets(context, { ...kindOf(args), flags, verb: "patched" });
  if (context.status !== 0) return;
  const change = (current: unknown): unknown =>
    isJson ? applyJsonPatch(current, patch) : applyMergePatch(current, patch);
  await changeObjects(context, flags, {
    refs,
    verb: "patched",
    change: (ipam, ref, options) => changeResource(ipam, ref, { ...options, change }),
  });
}

function kindOf(args: readonly string[]): ReturnType<typeof namedKind> {
  const named = namedKind(args);
  if (named.names.length > 0) return named;
  throw usageError(`Name which ${named.row.plural} are to be patched`, {
    field: "NAME",
    remedy: `write patch ${named.row.singular} NAME`,
  });
}

/** `patch`. */
export const PATCH: Command = {
  name: "patch",
  summary: "Change a few fields of objects",
  args: "KIND NAME... -p PATCH | -f FILE -p PATCH",
  count: { min: 0, max: Infinity },
  group: "change",
  flags: [
    { name: "patch", short: "p", value: "PATCH", text: "The patch, as JSON or YAML" },
    { name: "patch-file", value: "FILE", text: "A file with the patch; -: standard input" },
    {
      name: "type",
      value: TYPES.join("|"),
      choices: TYPES,
      text: "RFC 7396 (the default) or RFC 6902",
    },
    FILE_FLAG,
    FILTER_FLAGS.cluster,
    DRY_RUN_FLAG,
    OUTCOME_FLAG,
  ],
  notes: [
    "A merge patch sets what it names; null unsets; lists are replaced whole.",
    "With metadata.resourceVersion in it, it fails where the object changed meanwhile.",
  ],
  examples: [
    [`patch network pods -p '{"spec": {"mtu": 9000}}'`, "one field"],
    [
      `patch net pods --type json -p '[{"op": "add", "path": "/spec/subnets/-", "value": {"cidr": "10.1.0.0/24"}}]'`,
      "one more subnet",
    ],
  ],
  run,
};
