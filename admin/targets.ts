/**
 * The objects that a command changes: only those that administrators write, each meant for certain.
 *
 * @module
 */

import * as v from "valibot";
import { FabricError } from "../mod/error.ts";
import type { ObjectRef } from "../mod/ipam/kinds.ts";
import { WRITTEN_KINDS } from "../mod/model/kinds.ts";
import { NodeSpecSchema } from "../mod/model/network.ts";
import type { AdminContext } from "./context.ts";
import { usageError } from "./exit.ts";
import type { FlagValues } from "./flags.ts";
import type { Filter, KindItem, KindRow } from "./kind.ts";
import { missingObject } from "./names.ts";
import { queryOf } from "./objects.ts";

/** What changes the records that IPAM writes itself. */
const CHANGED_BY: Readonly<Record<string, string>> = {
  Address: "addresses are kept by reserve and fix, and given back by unreserve and unfix",
  Owner: "owners change with fix, unfix, move and release",
  Attachment: "an attachment is what a sandbox has",
  Port: "a port is what a sandbox has",
  History: "the past stays as it was",
};

/**
 * Refuses a kind that administrators do not write.
 *
 * @throws {FabricError} a usage error.
 */
export function checkWritten(
  row: KindRow,
  { verb, instead = CHANGED_BY }: {
    /** `labeled`: what the kind cannot be. */
    readonly verb: string;
    readonly instead?: Readonly<Record<string, string>>;
  },
): void {
  if (WRITTEN_KINDS.some((kind) => kind === row.kind)) return;
  throw usageError(`${row.plural} cannot be ${verb}`, {
    field: "KIND",
    value: row.plural,
    remedy: instead[row.kind] ?? "",
  });
}

/** The reference of an object of a written kind. */
export function refOf({ object }: KindItem): ObjectRef {
  const kind = v.parse(v.picklist(WRITTEN_KINDS), object.kind);
  const { name } = object.metadata;
  if (kind !== "Node") return { kind, name };
  return { kind, name, cluster: v.parse(NodeSpecSchema, object.spec).cluster };
}

/**
 * The one object that the name means; a kind that {@linkcode checkWritten} let pass.
 *
 * @throws {FabricError} `not-found`; `conflict` where several nodes have the name.
 */
export async function findTarget(
  context: AdminContext,
  { row, name, filter }: { readonly row: KindRow; readonly name: string; readonly filter: Filter },
): Promise<ObjectRef> {
  const kind = v.parse(v.picklist(WRITTEN_KINDS), row.kind);
  if (kind !== "Node") return { kind, name };
  const source = await context.source();
  const found: ObjectRef[] = [];
  for await (const item of row.find(source, { name, filter })) found.push(refOf(item));
  const [first] = found;
  if (first === undefined) throw await missingObject(source, row, name);
  if (found.length === 1) return first;
  const all = found.map((ref) => `${ref.cluster}/${ref.name}`).join(", ");
  throw new FabricError("conflict", `Several nodes are called ${name}: ${all}`, {
    field: "NAME",
    value: name,
    remedy: "name its cluster too, as CLUSTER/NAME",
  });
}

/** The objects that names, or `-l` and `--all`, mean. */
export async function findTargets(
  context: AdminContext,
  { row, names, flags, verb }: {
    readonly row: KindRow;
    readonly names: readonly string[];
    readonly flags: FlagValues;
    readonly verb: string;
  },
): Promise<readonly ObjectRef[]> {
  checkWritten(row, { verb });
  const { filter, selects } = queryOf(row, names, flags);
  const refs: ObjectRef[] = [];
  for (const name of names) refs.push(await findTarget(context, { row, name, filter }));
  if (names.length > 0) return refs;
  if (!flags.isSet("all") && !flags.isSet("selector")) {
    throw usageError(`Name which ${row.plural} are to be ${verb}`, {
      field: "NAME",
      remedy: "write their names, or -l LABELS, or --all",
    });
  }
  for await (const item of row.list(await context.source(), filter)) {
    if (selects(item)) refs.push(refOf(item));
  }
  return refs;
}
