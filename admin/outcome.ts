/**
 * What commands that write say of each object, and `-o` for those who go on with the object itself.
 *
 * @module
 */

import { asFabricError } from "../mod/error.ts";
import type { Applied, ApplyOptions } from "../mod/ipam/apply.ts";
import type { IpamContext } from "../mod/ipam/context.ts";
import { objectKey, type ObjectRef } from "../mod/ipam/kinds.ts";
import { encodeResource } from "../mod/ipam/stored.ts";
import { faultOf, isDryRun, tellFaults } from "./batch.ts";
import type { AdminContext } from "./context.ts";
import type { FlagValues } from "./flags.ts";
import { objectName } from "./object_name.ts";
import { overlayStore } from "../mod/ipam/overlay_store.ts";
import { outputFlag } from "./print/mod.ts";
import { toYaml } from "./print/yaml.ts";

/** `-o` of commands that write. */
export const OUTCOME_FLAG = outputFlag(["json", "yaml", "name"]);

/** Says what became of an object, or shows it. */
export function tellOutcome(
  context: AdminContext,
  flags: FlagValues,
  { ref, applied, verb }: {
    readonly ref: ObjectRef;
    readonly applied: Pick<Applied, "outcome" | "resource">;
    /** Past tense of what the command does, where that is not what `apply` says. */
    readonly verb?: string;
  },
): void {
  const { outcome, resource } = applied;
  const { apiVersion, kind, metadata, spec, ...rest } = resource;
  const shown = { apiVersion, kind, metadata, spec, ...rest };
  switch (flags.text(OUTCOME_FLAG.name)) {
    case "json":
      return context.write(`${JSON.stringify(shown, null, 2)}\n`);
    case "yaml":
      return context.write(`---\n${toYaml(shown)}`);
    case "name":
      return context.write(`${objectName(ref)}\n`);
  }
  const done = outcome === "unchanged" ? outcome : verb ?? outcome;
  context.write(`${objectName(ref)} ${done}${isDryRun(flags) ? " (dry run)" : ""}\n`);
}

/**
 * Changes objects: all are checked, each seeing those before it, and only then is the first of them
 * written.
 */
export async function changeObjects(
  context: AdminContext,
  flags: FlagValues,
  { refs, change, verb }: {
    readonly refs: readonly ObjectRef[];
    readonly change: (
      ipam: IpamContext,
      ref: ObjectRef,
      options: ApplyOptions,
    ) => Promise<Applied>;
    readonly verb: string;
  },
): Promise<void> {
  const ipam = await context.ipam();
  const overlay = overlayStore(ipam.store);
  const checked: Applied[] = [];
  const faults = [];
  for (const ref of refs) {
    try {
      const applied = await change({ ...ipam, store: overlay.store }, ref, { dryRun: true });
      overlay.put(objectKey(ref), encodeResource(applied.resource));
      checked.push(applied);
    } catch (error) {
      faults.push(faultOf(error));
    }
  }
  if (tellFaults(context, faults)) return;
  for (const [i, ref] of refs.entries()) {
    const applied = isDryRun(flags) ? checked[i] : await change(ipam, ref, {});
    if (applied === undefined) throw asFabricError(`nothing came of ${objectName(ref)}`);
    tellOutcome(context, flags, { ref, applied, verb });
  }
}
