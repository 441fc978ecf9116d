/**
 * A diagnosis as text: the path as a drawing with a verdict at each layer, then the one sentence.
 *
 * @module
 */

import type { Diagnosis, Layer, Status, Step } from "./layer.ts";

/** What stands left of a layer: how the path goes on there. */
const JOINTS: Readonly<Record<Status, string>> = {
  ok: "|",
  broken: "X",
  unknown: "?",
  skipped: ":",
};

/** Where the path comes to a new thing, and which. */
const PLACES: Partial<Readonly<Record<Layer, string>>> = {
  record: "store",
  namespace: "pod",
  veth: "cable",
  port: "switch of this node",
  uplink: "wire",
  gateway: "beyond",
};

const WIDTH = 10;

/** How a word is shown; for colours. */
export type Paint = (text: string, status: Status) => string;

function marks(status: Status): string {
  return status === "skipped" ? "-" : status === "broken" ? "BROKEN" : status;
}

/** The drawing. */
export function drawPath({ path }: Diagnosis, paint: Paint): string {
  const last = path.findLastIndex(({ status, says }) =>
    status !== "skipped" || says === "not looked at"
  );
  const lines: string[] = [];
  for (const step of path.slice(0, last + 1)) {
    if (step.status === "skipped" && step.says === "not on this way") continue;
    const place = PLACES[step.layer];
    if (place !== undefined) lines.push(`[${place}]`);
    const mark = `${paint(marks(step.status), step.status)}${
      " ".repeat(7 - marks(step.status).length)
    }`;
    // What is broken is said below, once.
    const says = step.status === "broken" ? "" : step.says;
    lines.push(`  ${JOINTS[step.status]} ${step.layer.padEnd(WIDTH)} ${mark} ${says}`);
    for (const note of step.notes ?? []) lines.push(`  ${JOINTS[step.status]} ${noteLine(note)}`);
  }
  return lines.map((line) => `${line.trimEnd()}\n`).join("");
}

function noteLine(text: string): string {
  return `${" ".repeat(WIDTH)} note    ${text}`;
}

function labelled(label: string, texts: readonly string[]): string {
  return texts.map((text, i) => `  ${(i === 0 ? `${label}:` : "").padEnd(10)} ${text}\n`).join("");
}

/** The one sentence, what proves it, and what to do. */
export function verdictText(diagnosis: Diagnosis, paint: Paint): string {
  const { broken, path, target } = diagnosis;
  if (broken !== undefined) return stepText(broken, paint);
  const unsure = path.filter(({ status }) => status === "unknown");
  const way = target === undefined ? "the way to the wire" : `the way to ${target}`;
  if (unsure.length === 0) return `${paint("SOUND", "ok")}: ${way} is whole\n`;
  const layers = unsure.map(({ layer }) => layer).join(", ");
  return `${paint("UNSURE", "unknown")}: nothing is found broken on ${way}, but ${layers} ` +
    `could not be judged\n${unsure.map((step) => details(step)).join("")}`;
}

function stepText(step: Step, paint: Paint): string {
  return `${paint("BROKEN", "broken")} at ${step.layer}: ${step.says}\n${details(step)}`;
}

function details({ evidence = [], proof, remedy }: Step): string {
  return labelled("evidence", evidence.map(({ source, says }) => `${source}: ${says}`)) +
    labelled("prove", proof === undefined ? [] : [proof]) +
    labelled("mend", remedy === undefined ? [] : [remedy]);
}
