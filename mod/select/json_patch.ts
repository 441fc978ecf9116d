/**
 * JSON patch (RFC 6902) over JSON pointers (RFC 6901): strict about indices and missing places, and
 * all or nothing, since values are never changed in place.
 *
 * @module
 */

import * as v from "valibot";
import { FabricError } from "../error.ts";
import { valueText } from "../model/field_error.ts";
import { isFields } from "../model/validate_shape.ts";

const OPERATIONS = ["add", "remove", "replace", "move", "copy", "test"] as const;

const OperationSchema = v.looseObject({
  op: v.picklist(OPERATIONS),
  path: v.string(),
  from: v.optional(v.string()),
  value: v.optional(v.unknown()),
});
type Operation = v.InferOutput<typeof OperationSchema>;

/** More operations than a document has fields are a mistake. */
const MAX_OPERATIONS = 10_000;

function fault(index: number, message: string, remedy: string): FabricError {
  return new FabricError("invalid", `patch[${index}]: ${message}`, {
    field: `patch[${index}]`,
    remedy,
  });
}

function parseOperations(patch: unknown): readonly Operation[] {
  if (!Array.isArray(patch)) {
    throw new FabricError("invalid", "The JSON patch is not a list of operations", {
      field: "patch",
      value: valueText(patch),
      remedy: 'write it like [{"op": "replace", "path": "/spec/mtu", "value": 9000}]',
    });
  }
  if (patch.length > MAX_OPERATIONS) {
    throw new FabricError("invalid", `The JSON patch has more than ${MAX_OPERATIONS} operations`, {
      field: "patch",
      remedy: "send several",
    });
  }
  return patch.map((operation: unknown, index) => {
    const { success, output } = v.safeParse(OperationSchema, operation);
    if (!success || !isFields(operation)) {
      throw fault(index, `${valueText(operation)} is no operation`, `op is one of ${OPERATIONS}`);
    }
    const needsFrom = output.op === "move" || output.op === "copy";
    if (needsFrom && output.from === undefined) {
      throw fault(index, `${output.op} has no from`, "add it, a JSON pointer");
    }
    const needsValue = ["add", "replace", "test"].includes(output.op);
    if (needsValue && !Object.hasOwn(operation, "value")) {
      throw fault(index, `${output.op} has no value`, "add it");
    }
    return output;
  });
}

/** The names of a pointer such as `/spec/subnets/0`. */
function parsePointer(text: string, index: number): readonly string[] {
  if (text === "") return [];
  if (!text.startsWith("/") || /~(?![01])/.test(text)) {
    throw fault(
      index,
      `${JSON.stringify(text)} is no JSON pointer`,
      "write it like /spec/subnets/0/cidr, with ~1 for / and ~0 for ~ in a name",
    );
  }
  return text.slice(1).split("/").map((name) => name.replace(/~1/g, "/").replace(/~0/g, "~"));
}

interface Target {
  readonly index: number;
  readonly pointer: string;
}

function missing({ index, pointer }: Target): FabricError {
  return fault(index, `there is nothing at ${pointer === "" ? '""' : pointer}`, "correct the path");
}

/** The index in a list of so many items, at most `last`. */
function indexOf(name: string, last: number, target: Target): number {
  const at = /^(0|[1-9]\d{0,8})$/.test(name) ? Number(name) : -1;
  if (at < 0 || at > last) throw missing(target);
  return at;
}

function child(value: unknown, name: string, target: Target): unknown {
  if (Array.isArray(value)) return value[indexOf(name, value.length - 1, target)];
  if (isFields(value) && Object.hasOwn(value, name)) return value[name];
  throw missing(target);
}

function read(document: unknown, target: Target): unknown {
  return parsePointer(target.pointer, target.index).reduce<unknown>(
    (value, name) => child(value, name, target),
    document,
  );
}

/** What becomes of the last name of a pointer in the value that has it. */
type Change = (parent: unknown, name: string) => unknown;

function change(value: unknown, names: readonly string[], how: {
  readonly target: Target;
  readonly change: Change;
}): unknown {
  const [name, ...rest] = names;
  if (name === undefined) throw missing(how.target);
  if (rest.length === 0) return how.change(value, name);
  return put(value, name, change(child(value, name, how.target), rest, how));
}

/** The value with another one in a place that exists, or in a new field. */
function put(parent: unknown, name: string, value: unknown): unknown {
  if (Array.isArray(parent)) return parent.with(Number(name), value);
  return Object.fromEntries(new Map(Object.entries(Object(parent))).set(name, value));
}

function add(value: unknown, target: Target): Change {
  return (parent, name) => {
    if (Array.isArray(parent)) {
      const at = name === "-" ? parent.length : indexOf(name, parent.length, target);
      return parent.toSpliced(at, 0, value);
    }
    if (!isFields(parent)) throw missing(target);
    return put(parent, name, value);
  };
}

function remove(target: Target): Change {
  return (parent, name) => {
    child(parent, name, target);
    if (Array.isArray(parent)) return parent.toSpliced(Number(name), 1);
    return Object.fromEntries(Object.entries(Object(parent)).filter(([field]) => field !== name));
  };
}

/** True for values that are the same JSON; the order of fields does not count. */
export function isSameJson(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, i) => isSameJson(item, b[i]));
  }
  if (!isFields(a) || !isFields(b)) return a === b;
  const names = Object.keys(a);
  return names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && isSameJson(a[name], b[name]));
}

function applyOne(document: unknown, operation: Operation, index: number): unknown {
  const { op, path, from = "", value } = operation;
  const target = { index, pointer: path };
  const names = parsePointer(path, index);
  const source = { index, pointer: from };
  const addAt = (base: unknown, added: unknown): unknown =>
    names.length === 0 ? added : change(base, names, { target, change: add(added, target) });
  switch (op) {
    case "add":
      return addAt(document, value);
    case "remove":
      return change(document, names, { target, change: remove(target) });
    case "replace":
      read(document, target);
      return names.length === 0 ? value : change(document, names, {
        target,
        change: (parent, name) => put(parent, name, value),
      });
    case "copy":
      return addAt(document, read(document, source));
    case "move": {
      if (path.startsWith(`${from}/`)) {
        throw fault(index, `${from} cannot be moved into itself`, "correct the path");
      }
      const moved = read(document, source);
      if (path === from) return document;
      const rest = change(document, parsePointer(from, index), {
        target: source,
        change: remove(source),
      });
      return addAt(rest, moved);
    }
    case "test": {
      const found = read(document, target);
      if (isSameJson(found, value)) return document;
      const message = `patch[${index}]: ${path} is ${valueText(found)}, not ${valueText(value)}`;
      throw new FabricError("conflict", message, {
        field: `patch[${index}]`,
        value: valueText(found),
        remedy: "get the object again: it is not as the patch expects it",
      });
    }
  }
}

/**
 * The document with the patch applied, whole or not at all; nothing is changed in place.
 *
 * @throws {FabricError} `invalid`: the patch, or a place that is not there; `conflict`: a `test`.
 */
export function applyJsonPatch(document: unknown, patch: unknown): unknown {
  return parseOperations(patch).reduce<unknown>(applyOne, document);
}
