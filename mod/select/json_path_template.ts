/**
 * kubectl's JSONPath templates: text with paths in braces, text in quotes, and ranges.
 *
 * ```text
 * {.items[*].metadata.name}
 * {range .items[*]}{.metadata.name}{"\t"}{.spec.vlan}{"\n"}{end}
 * ```
 *
 * @module
 */

import { findValues, type Place, usesRoot, valueAsText, valuesAt } from "./json_path.ts";
import { beginsPath, readPath } from "./json_path_parse.ts";
import type { JsonPath } from "./json_path_step.ts";
import { Scanner } from "./scanner.ts";

/** A part of a template. */
type Part =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "path"; readonly path: JsonPath }
  | { readonly kind: "range"; readonly path: JsonPath; readonly body: Template };

/** A parsed template. */
export type Template = readonly Part[];

const FIELD = "jsonpath";

/**
 * Parses a template. A text without braces that begins like a path is one.
 *
 * @throws {FabricError} `invalid`, with the character at fault.
 */
export function parseTemplate(text: string): Template {
  const bare = !text.includes("{") && /^\s*[.$]/.test(text);
  const scanner = new Scanner(bare ? `{${text.trim()}}` : text, { field: FIELD, whole: text });
  const parts = readParts(scanner, { inRange: false });
  if (scanner.rest !== "") throw scanner.fault("the end of the template");
  return parts;
}

/** Parts up to the end, or to the `{end}` of the range that they are the body of. */
function readParts(scanner: Scanner, { inRange }: { readonly inRange: boolean }): Template {
  const parts: Part[] = [];
  while (scanner.rest !== "") {
    const text = scanner.match(/[^{]+/y);
    if (text !== undefined) parts.push({ kind: "text", text });
    if (!scanner.take("{")) continue;
    scanner.skipSpace();
    let isOpen = true;
    while (isOpen && !scanner.take("}")) {
      if (scanner.match(/end(?=\s*\})/y) !== undefined) {
        if (!inRange) throw scanner.fault("a range before this end", "begin with {range PATH}");
        scanner.expect("}");
        return parts;
      }
      const part = readPart(scanner);
      parts.push(part);
      // The brace of {end} has closed that of {range}.
      isOpen = part.kind !== "range";
      if (isOpen) scanner.skipSpace();
    }
  }
  if (inRange) throw scanner.fault("{end}", "end the range with {end}");
  return parts;
}

function readPart(scanner: Scanner): Part {
  const text = scanner.takeQuoted();
  if (text !== undefined) return { kind: "text", text };
  if (scanner.match(/range\s+/y) !== undefined) {
    const path = readPath(scanner);
    scanner.expect("}");
    return { kind: "range", path, body: readParts(scanner, { inRange: true }) };
  }
  if (!beginsPath(scanner)) {
    throw scanner.fault(
      "a path, text in quotes, range or end",
      "paths begin with a dot: {.metadata.name}",
    );
  }
  return { kind: "path", path: readPath(scanner) };
}

/** The text of the template for a document. */
export function renderTemplate(template: Template, document: unknown): string {
  return render(template, { root: document, current: document });
}

function render(template: Template, place: Place): string {
  return template.map((part) => {
    switch (part.kind) {
      case "text":
        return part.text;
      case "path":
        return valuesAt(part.path, place).map(valueAsText).join(" ");
      case "range":
        return valuesAt(part.path, place)
          .map((current) => render(part.body, { root: place.root, current }))
          .join("");
    }
  }).join("");
}

/** A template that goes through the items of a list once, so that the list need not be held. */
export interface ItemTemplate {
  readonly before: string;
  /** What one item gives. */
  readonly render: (item: unknown) => readonly string[];
  /** Between all that the items give. */
  readonly separator: string;
  readonly after: string;
}

/**
 * The template item by item: text, one path or range over `.items[*]` (or `.items[?(...)]`), text.
 * Undefined where the template is of another form and needs the whole list.
 */
export function itemTemplate(template: Template): ItemTemplate | undefined {
  const index = template.findIndex(({ kind }) => kind !== "text");
  const part = template[index];
  if (part === undefined || part.kind === "text") return undefined;
  const after = template.slice(index + 1);
  if (after.some(({ kind }) => kind !== "text")) return undefined;
  const [items, every] = part.path.steps;
  if (items?.kind !== "field" || items.name !== "items") return undefined;
  if (every?.kind !== "every" && every?.kind !== "filter") return undefined;
  const path: JsonPath = { from: "current", steps: part.path.steps.slice(1) };
  const body = part.kind === "range" ? part.body : [];
  if (usesRoot(path) || body.some(partUsesRoot)) return undefined;
  const text = (parts: Template): string => render(parts, { root: undefined, current: undefined });
  return {
    before: text(template.slice(0, index)),
    after: text(after),
    separator: part.kind === "range" ? "" : " ",
    render: (item) =>
      findValues(path, [item]).map((value) =>
        part.kind === "range" ? renderTemplate(part.body, value) : valueAsText(value)
      ),
  };
}

function partUsesRoot(part: Part): boolean {
  if (part.kind === "text") return false;
  return usesRoot(part.path) || (part.kind === "range" && part.body.some(partUsesRoot));
}
