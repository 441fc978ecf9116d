/**
 * `KIND NAME...` and `KIND/NAME`, as kubectl takes them.
 *
 * @module
 */

import { FabricError } from "../mod/error.ts";
import { listNames, type ObjectRef } from "../mod/ipam/kinds.ts";
import { WRITTEN_KINDS } from "../mod/model/kinds.ts";
import { didYouMean } from "../mod/nearest.ts";
import { usageError } from "./exit.ts";
import { type KindRow, qualifiedKind, type Source } from "./kind.ts";
import { findKind } from "./kinds.ts";

export interface NamedKind {
  readonly row: KindRow;
  readonly names: readonly string[];
}

/** `network.beyondfabric.io/pods`, as `-o name` prints it, is read like `network/pods`. */
function kindOf(word: string): KindRow {
  return findKind(word.replace(/\.beyondfabric\.io$/, ""));
}

/**
 * The kind and the names of arguments such as `networks a b`, `network/a network/b`.
 *
 * @throws {FabricError} a usage error.
 */
export function namedKind(args: readonly string[]): NamedKind {
  const [first = "", ...rest] = args;
  if (!first.includes("/")) return { row: kindOf(first), names: rest };
  const named = args.map((arg) => {
    const slash = arg.indexOf("/");
    if (slash < 0) {
      throw usageError(`Argument "${arg}" names no kind`, {
        value: arg,
        remedy: `write KIND/${arg}, or KIND NAME NAME...`,
      });
    }
    return { row: kindOf(arg.slice(0, slash)), name: arg.slice(slash + 1) };
  });
  const row = kindOf(first.slice(0, first.indexOf("/")));
  const other = named.find((one) => one.row !== row);
  if (other !== undefined) {
    throw usageError(`${row.plural} and ${other.row.plural} do not go together`, {
      remedy: "name objects of one kind in one call",
    });
  }
  return { row, names: named.map(({ name }) => name) };
}

/**
 * The kinds and the names of arguments, as `get` takes them: also `networks,zones` for all of several
 * kinds, and `network/a zone/b`.
 *
 * @throws {FabricError} a usage error.
 */
export function namedKinds(args: readonly string[]): readonly NamedKind[] {
  const [first = "", ...names] = args;
  if (first.includes("/")) {
    const all = args.map((arg) => namedKind([arg]));
    const whole = all.findIndex(({ names }) => names.length === 0);
    if (whole >= 0) return [namedKind(args)];
    return [...Map.groupBy(all, ({ row }) => row)].map(([row, ones]) => ({
      row,
      names: ones.flatMap((one) => one.names),
    }));
  }
  if (!first.includes(",")) return [namedKind(args)];
  return first.split(",").filter((word) => word !== "").map((word) => ({
    row: kindOf(word),
    names,
  }));
}

/** The objects that documents are about, by kind. */
export function kindsOfRefs(refs: readonly ObjectRef[]): readonly NamedKind[] {
  const byKind = Map.groupBy(refs, ({ kind }) => kind);
  return [...byKind].map(([kind, ones]) => ({
    row: findKind(kind),
    names: ones.map(({ name, cluster }) => cluster === undefined ? name : `${cluster}/${name}`),
  }));
}

/** The error that nothing has the name, with the nearest name where names can be compared. */
export async function missingObject(
  source: Source,
  row: KindRow,
  name: string,
  { isNowhere = false }: { readonly isNowhere?: boolean } = {},
): Promise<FabricError> {
  const kind = WRITTEN_KINDS.find((written) => written === row.kind);
  const names = kind === undefined ? [] : await listNames(source.store, kind);
  const otherwise = row.kind !== "Address"
    ? `see fabric-admin get ${row.plural}`
    : isNowhere
    ? "it is in no subnet of any network"
    : "one without a record is free: see describe address";
  return new FabricError("not-found", `${qualifiedKind(row)} "${name}" not found`, {
    field: "NAME",
    value: name,
    remedy: didYouMean(name.slice(name.lastIndexOf("/") + 1), names, otherwise),
  });
}
