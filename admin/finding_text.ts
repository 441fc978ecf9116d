/**
 * Findings for people.
 *
 * @module
 */

import { type Evidence, type Finding, SEVERITIES } from "../mod/ipam/check/finding.ts";
import { cleanCell } from "./print/align.ts";

const COLOURS = { error: "31", warning: "33", notice: "36" } as const;

function evidenceText({ what, name, revision, says }: Evidence): string {
  const where = what === "key" ? name : `${what} ${name}`;
  const when = revision === undefined
    ? ""
    : revision === 0
    ? " (none)"
    : ` at revision ${revision}`;
  return cleanCell(`${where}${when}: ${says}`);
}

/** What repair would do, or a person must. */
function repairText({ action, remedy, kind }: Finding): readonly string[] {
  if (action !== undefined) return action.steps.map(cleanCell);
  const text = remedy ?? kind.remedy;
  const byHand = /By hand: (.*)$/i.exec(text)?.[1];
  return [cleanCell(byHand === undefined ? text : `by hand: ${byHand}`)];
}

/** A finding as a paragraph. */
export function findingText(finding: Finding, options: { readonly colour: boolean }): string {
  const { kind, object, detail, evidence } = finding;
  const { code, severity, title, consequence } = kind;
  const shown = options.colour ? `\x1b[${COLOURS[severity]};1m${severity}\x1b[0m` : severity;
  const rows: readonly (readonly [string, readonly string[]])[] = [
    ["what", [cleanCell(`${object}: ${detail}`)]],
    ["evidence", evidence.map(evidenceText)],
    ["consequence", [consequence]],
    ["repair", repairText(finding)],
  ];
  const lines = rows.flatMap(([label, texts]) =>
    texts.map((text, index) => `  ${(index === 0 ? `${label}:` : "").padEnd(13)}${text}\n`)
  );
  return `${code}  ${shown}  ${title}\n${lines.join("")}`;
}

/** `3 findings: 1 error, 2 warnings`. */
export function countText(findings: readonly Finding[]): string {
  const parts = SEVERITIES.flatMap((severity) => {
    const count = findings.filter(({ kind }) => kind.severity === severity).length;
    return count === 0 ? [] : [`${count} ${severity}${count === 1 ? "" : "s"}`];
  });
  const total = `${findings.length} finding${findings.length === 1 ? "" : "s"}`;
  return parts.length === 0 ? "no damage" : `${total}: ${parts.join(", ")}`;
}
