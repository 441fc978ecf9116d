/**
 * What differs between two texts, in the unified format that everybody reads.
 *
 * @module
 */

/** A line of both texts, or of one of them. */
interface Line {
  readonly mark: " " | "-" | "+";
  readonly text: string;
}

/** Lines around a change that are shown. */
const CONTEXT = 3;

/** Above so many pairs of lines a change is shown whole, and not made small. */
const MAX_CELLS = 4_000_000;

/** The lines in turn, by a longest common subsequence of what lies between equal ends. */
function align(a: readonly string[], b: readonly string[]): readonly Line[] {
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  const most = Math.min(a.length, b.length) - start;
  while (end < most && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const same = (text: string): Line => ({ mark: " ", text });
  return [
    ...a.slice(0, start).map(same),
    ...alignMiddle(a.slice(start, a.length - end), b.slice(start, b.length - end)),
    ...a.slice(a.length - end).map(same),
  ];
}

function alignMiddle(a: readonly string[], b: readonly string[]): readonly Line[] {
  const width = b.length + 1;
  const isLarge = a.length * b.length > MAX_CELLS;
  // common[i * width + j]: length of the longest common subsequence of a from i and b from j.
  const common = new Uint32Array(isLarge ? 0 : (a.length + 1) * width);
  const at = (i: number, j: number): number => common[i * width + j] ?? 0;
  if (!isLarge) {
    for (let i = a.length - 1; i >= 0; i--) {
      for (let j = b.length - 1; j >= 0; j--) {
        common[i * width + j] = a[i] === b[j]
          ? at(i + 1, j + 1) + 1
          : Math.max(at(i + 1, j), at(i, j + 1));
      }
    }
  }
  const lines: Line[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    const [left, right] = [a[i], b[j]];
    if (left !== undefined && left === right && !isLarge) {
      lines.push({ mark: " ", text: left });
      i++;
      j++;
    } else if (left !== undefined && (right === undefined || at(i + 1, j) >= at(i, j + 1))) {
      lines.push({ mark: "-", text: left });
      i++;
    } else if (right !== undefined) {
      lines.push({ mark: "+", text: right });
      j++;
    }
  }
  return lines;
}

/** Groups of lines with changes and what is around them. */
function hunks(lines: readonly Line[]): readonly (readonly [start: number, end: number])[] {
  const found: [number, number][] = [];
  for (const [i, { mark }] of lines.entries()) {
    if (mark === " ") continue;
    const [start, end] = [Math.max(0, i - CONTEXT), Math.min(lines.length, i + CONTEXT + 1)];
    const last = found.at(-1);
    if (last !== undefined && start <= last[1]) last[1] = end;
    else found.push([start, end]);
  }
  return found;
}

/** Where a hunk begins in one of the texts, and how many lines of it there are. */
function position(before: readonly Line[], inside: readonly Line[], other: Line["mark"]): string {
  const count = (lines: readonly Line[]): number => lines.filter((l) => l.mark !== other).length;
  const length = count(inside);
  return `${count(before) + (length === 0 ? 0 : 1)},${length}`;
}

/**
 * The difference; the empty text where there is none.
 *
 * @param names what the texts are called in the first two lines
 */
export function unifiedDiff(
  [before, after]: readonly [before: string, after: string],
  names: readonly [before: string, after: string],
): string {
  const split = (text: string): readonly string[] =>
    text === "" ? [] : text.replace(/\n$/, "").split("\n");
  const lines = align(split(before), split(after));
  const parts = hunks(lines).map(([start, end]) => {
    const [head, inside] = [lines.slice(0, start), lines.slice(start, end)];
    const place = `@@ -${position(head, inside, "+")} +${position(head, inside, "-")} @@\n`;
    return place + inside.map(({ mark, text }) => `${mark}${text}\n`).join("");
  });
  return parts.length === 0 ? "" : `--- ${names[0]}\n+++ ${names[1]}\n${parts.join("")}`;
}
