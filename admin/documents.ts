/**
 * Documents of `-f`: YAML or JSON, several in a file, a folder of files, standard input, Lists.
 * Every fault is told with the file and the line.
 *
 * @module
 */

import { isMap, isSeq, LineCounter, type Node, parseAllDocuments } from "yaml";
import { asFabricError, FabricError } from "../mod/error.ts";
import type { ObjectRef } from "../mod/ipam/kinds.ts";
import { fieldErrorsOf } from "../mod/model/field_error.ts";
import { readHead } from "../mod/model/validate.ts";
import type { Call } from "./command.ts";
import type { AdminContext } from "./context.ts";
import { usageError } from "./exit.ts";
import type { Flag } from "./flags.ts";

/** `-f`. */
export const FILE_FLAG: Flag = {
  name: "filename",
  short: "f",
  value: "FILE|DIR|-",
  repeat: true,
  text: "Documents: of a file, a folder, or standard input",
};

/** One document of an input. */
export interface InputDocument {
  readonly value: unknown;
  /** `file:line` of a field such as `spec.subnets[0].cidr`, or of what is nearest above it. */
  readonly lineOf: (field: string) => string;
}

/** Where documents are read from. */
export interface Inputs {
  readonly readStdin: () => Promise<string>;
}

interface Text {
  readonly name: string;
  readonly text: string;
}

const SUFFIXES = /\.(ya?ml|json)$/;

async function readPath(path: string, inputs: Inputs): Promise<readonly Text[]> {
  if (path === "-") return [{ name: "-", text: await inputs.readStdin() }];
  try {
    const { isDirectory } = await Deno.stat(path);
    if (!isDirectory) return [{ name: path, text: await Deno.readTextFile(path) }];
    const names: string[] = [];
    for await (const entry of Deno.readDir(path)) {
      if (!entry.isDirectory && SUFFIXES.test(entry.name)) names.push(entry.name);
    }
    const folder = path.replace(/\/+$/, "");
    const files = names.sort().map((name) => `${folder}/${name}`);
    return await Promise.all(
      files.map(async (name) => ({ name, text: await Deno.readTextFile(name) })),
    );
  } catch (cause) {
    const why = cause instanceof Deno.errors.NotFound
      ? "there is no such file"
      : cause instanceof Error
      ? cause.message
      : String(cause);
    throw new FabricError("invalid", `Cannot read ${path}: ${why}`, {
      field: "--filename",
      value: path,
      remedy: "name a file or a folder of .yaml, .yml or .json files, or - for standard input",
      cause,
    });
  }
}

/** The whole text of a file, or of standard input. */
export async function readText(path: string, inputs: Inputs): Promise<string> {
  const [only] = await readPath(path, inputs);
  return only?.text ?? "";
}

/**
 * The one document of a text.
 *
 * @throws {FabricError} `invalid` where there is none, or more than one, or it cannot be parsed.
 */
export function readTextDocument(text: string): unknown {
  const { documents, errors } = parseText({ name: "line", text });
  const [error] = errors;
  if (error !== undefined) throw error;
  const [document] = documents;
  if (document !== undefined && documents.length === 1) return document.value;
  throw new FabricError("invalid", `The text holds ${documents.length} documents`, {
    remedy: "leave exactly one",
  });
}

/** What was read: the documents, and what is wrong with the texts. */
export interface Read {
  readonly documents: readonly InputDocument[];
  readonly errors: readonly FabricError[];
}

/**
 * Reads all documents.
 *
 * @throws {FabricError} `invalid` where a file cannot be read.
 */
export async function readDocuments(paths: readonly string[], inputs: Inputs): Promise<Read> {
  const documents: InputDocument[] = [];
  const errors: FabricError[] = [];
  for (const path of paths) {
    for (const text of await readPath(path, inputs)) {
      const read = parseText(text);
      documents.push(...read.documents);
      errors.push(...read.errors);
    }
  }
  if (documents.length === 0 && errors.length === 0) {
    errors.push(
      new FabricError("invalid", `No documents in ${paths.join(", ")}`, {
        field: "--filename",
        remedy: "write documents with apiVersion, kind, metadata and spec",
      }),
    );
  }
  return { documents, errors };
}

/**
 * The objects that the documents of `-f` are about; undefined where there is no `-f`. What is wrong
 * with a document is told of, and the others go on.
 *
 * @throws {FabricError} a usage error where neither `-f` nor arguments say what is meant, or both.
 */
export async function readRefs(
  context: AdminContext,
  { args, flags }: Call,
): Promise<readonly ObjectRef[] | undefined> {
  const paths = flags.texts(FILE_FLAG.name);
  if ((paths.length > 0) === (args.length > 0)) {
    throw usageError("Name objects: KIND [NAME...], or -f FILE", {
      remedy: "see --help, and help kinds",
    });
  }
  if (paths.length === 0) return undefined;
  const { documents, errors } = await readDocuments(paths, context.io);
  for (const error of errors) context.fail(error);
  return documents.flatMap((document) => {
    try {
      return [readHead(document.value)];
    } catch (error) {
      for (const fault of locate(asFabricError(error), document)) context.fail(fault);
      return [];
    }
  });
}

function parseText({ name, text }: Text): Read {
  const lineCounter = new LineCounter();
  const parsed = parseAllDocuments(text, { lineCounter, prettyErrors: false });
  const documents: InputDocument[] = [];
  const errors: FabricError[] = [];
  const lineAt = (offset: number): string => `${name}:${lineCounter.linePos(offset).line}`;
  // For no document at all the parser gives an empty one that is no array.
  for (const document of Array.isArray(parsed) ? parsed : []) {
    const [fault] = document.errors;
    if (fault !== undefined) {
      errors.push(syntaxError(lineAt(fault.pos[0]), fault.message));
      continue;
    }
    let value: unknown;
    try {
      value = document.toJS();
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      errors.push(syntaxError(lineAt(document.range[0]), message));
      continue;
    }
    if (value === null || value === undefined) continue;
    const root = document.contents;
    const lineOf = (path: readonly Step[]): string =>
      lineAt(offsetOf(root, path) ?? document.range[0]);
    documents.push(...flatten(value, lineOf));
  }
  return { documents, errors };
}

function syntaxError(place: string, message: string): FabricError {
  const text = message.split("\n")[0]?.replace(/\.$/, "") ?? "";
  return new FabricError("invalid", `${place}: ${text}`, { remedy: "correct the YAML" });
}

type Step = string | number;

/** A List is its items. */
function flatten(
  value: unknown,
  lineOf: (path: readonly Step[]) => string,
): readonly InputDocument[] {
  const object: Readonly<Record<string, unknown>> = Object(value);
  const { kind, items } = object;
  if (kind !== "List" || !Array.isArray(items)) {
    return [{ value, lineOf: (field) => lineOf(stepsOf(field)) }];
  }
  return items.map((item: unknown, index) => ({
    value: item,
    lineOf: (field) => lineOf(["items", index, ...stepsOf(field)]),
  }));
}

/** `spec.subnets[0].cidr` as steps. */
function stepsOf(field: string): readonly Step[] {
  return field.match(/[^.[\]]+|\[\d+\]/g)?.map((step) =>
    step.startsWith("[") ? Number(step.slice(1, -1)) : step
  ) ?? [];
}

/** Where the field's key stands; the nearest one above where it is missing. */
function offsetOf(root: Node | null, path: readonly Step[]): number | undefined {
  let node: unknown = root;
  let offset = root?.range?.[0];
  for (const [index, step] of path.entries()) {
    if (isMap(node)) {
      // Keys of labels hold dots.
      const whole = path.slice(index).join(".");
      const pair = node.items.find(({ key }) => [String(step), whole].includes(keyOf(key)));
      if (pair === undefined) break;
      offset = rangeStart(pair.key) ?? offset;
      node = pair.value;
    } else if (isSeq(node) && typeof step === "number") {
      node = node.items[step];
      offset = rangeStart(node) ?? offset;
    } else break;
  }
  return offset;
}

function keyOf(key: unknown): string {
  const object: { readonly value?: unknown } = Object(key);
  return String(object.value ?? key);
}

function rangeStart(node: unknown): number | undefined {
  const object: { readonly range?: unknown } = Object(node);
  const start: unknown = Array.isArray(object.range) ? object.range[0] : undefined;
  return typeof start === "number" ? start : undefined;
}

/** The faults of one document, each with its line. */
export function locate(error: FabricError, document: InputDocument): readonly FabricError[] {
  const fields = fieldErrorsOf(error);
  const subject = error.details["subject"];
  const about = typeof subject === "string" ? `${subject}: ` : "";
  if (fields.length === 0) {
    return [placed(error, `${document.lineOf(error.field ?? "")}: ${error.message}`, error.remedy)];
  }
  return fields.map(({ field, message, remedy }) =>
    placed(error, `${document.lineOf(field)}: ${about}${field}: ${message}`, remedy)
  );
}

function placed(cause: FabricError, message: string, remedy: string | undefined): FabricError {
  return new FabricError(cause.kind, message, {
    cause,
    ...(remedy === undefined ? {} : { remedy }),
  });
}
