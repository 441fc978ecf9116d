/**
 * Help that fits a screen: the list of commands, and one page for each.
 *
 * @module
 */

import { type Command, type Group, GROUPS } from "./command.ts";
import { GLOBAL_FLAGS } from "./context.ts";
import { EXIT, EXIT_TEXT } from "./exit.ts";
import type { Flag } from "./flags.ts";
import { KIND_ROWS } from "./kinds.ts";
import { alignRows, columnWidths } from "./print/align.ts";

const PROGRAM = "fabric-admin";

function indented(rows: readonly (readonly string[])[]): string {
  return alignRows(rows, columnWidths(rows)).replace(/^(?=.)/gm, "  ");
}

/** A terminal of 24 lines and 80 columns shows a page whole, as far as possible. */
const WIDTH = 80;

function flagForm({ name, short, value, optional }: Flag): string {
  const letter = short === undefined ? "" : `-${short}, `;
  const form = value === undefined ? "" : optional === true ? `[=${value}]` : ` ${value}`;
  return `${letter}--${name}${form}`;
}

/** One row per flag, or per group of flags. */
function flagRows(flags: readonly Flag[]): readonly (readonly string[])[] {
  const groups = Map.groupBy(flags, (flag) => flag.group ?? flag.name);
  return [...groups.values()].map((group) => [
    group.map(flagForm).join(" "),
    group[0]?.text ?? "",
  ]);
}

/** The text in lines that fit, all but the first behind the indent. */
export function wrapped(text: string, indent: number): string {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1) ?? "";
    if (line !== "" && indent + line.length + 1 + word.length > WIDTH) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines.join(`\n${" ".repeat(indent)}`);
}

/** A left side that is longer has a line of its own. */
const MAX_LEFT = 32;

/** Two columns, the right one in as many lines as it needs. */
function twoColumns(rows: readonly (readonly string[])[]): string {
  const most = Math.max(...rows.map(([left = ""]) => left.length <= MAX_LEFT ? left.length : 0));
  const gap = " ".repeat(most + 4);
  return rows.map(([left = "", right = ""]) => {
    const text = wrapped(right, most + 4);
    return left.length > MAX_LEFT
      ? `  ${left}\n${gap}${text}\n`
      : `  ${left.padEnd(most)}  ${text}\n`;
  }).join("");
}

function exampleLines(examples: Command["examples"]): string {
  const rows = examples.map(([line, what]) => [`${PROGRAM} ${line}`, `# ${what}`] as const);
  const most = Math.max(...rows.map(([line]) => line.length));
  const fits = rows.every(([, what]) => 2 + most + 2 + what.length <= WIDTH);
  return rows.map(([line, what]) =>
    fits
      ? `  ${line.padEnd(most)}  ${what}\n`
      : 2 + line.length + 2 + what.length <= WIDTH
      ? `  ${line}  ${what}\n`
      : `  ${what}\n  ${line}\n`
  ).join("");
}

/** The help of one command. */
export function commandHelp(command: Command): string {
  const { name, args, summary, notes = [], flags, examples } = command;
  return [
    `${summary}\n`,
    `\nUsage: ${wrapped(`${PROGRAM} ${name} ${args}`.trim(), 7)}\n`,
    notes.length === 0 ? "" : `  ${wrapped(notes.join(" "), 2)}\n`,
    flags.length === 0 ? "" : `\nFlags (of every command: ${PROGRAM} help flags):\n`,
    flags.length === 0 ? "" : twoColumns(flagRows(flags)),
    `\nExamples:\n${exampleLines(examples)}`,
    flags.length === 0 ? `Flags of every command: ${PROGRAM} help flags\n` : "",
  ].join("");
}

function groupOf({ group = "other" }: Command): Group {
  return group;
}

/** The commands by group, without those that only scripts call. */
function byGroup(commands: readonly Command[]): ReadonlyMap<Group, readonly Command[]> {
  return Map.groupBy(commands.filter(({ hidden }) => hidden !== true), groupOf);
}

/** The list of commands. */
export function overview(commands: readonly Command[]): string {
  const groups = byGroup(commands);
  const all = Object.keys(GROUPS).flatMap((key) => {
    const [group, members] = [...groups].find(([name]) => name === key) ?? [];
    return group === undefined || members === undefined ? [] : [{ group, members }];
  });
  const width = Math.max(...all.map(({ group }) => GROUPS[group].length)) + 4;
  return [
    `${PROGRAM} looks at and changes the networks and addresses of fabric\n`,
    `\nUsage: ${PROGRAM} COMMAND [ARGUMENTS] [FLAGS]\n\n`,
    ...all.map(({ group, members }) =>
      `  ${GROUPS[group].padEnd(width - 2)}${
        wrapped(members.map(({ name }) => name).join(", "), width)
      }\n`
    ),
    `\nMore: ${PROGRAM} COMMAND --help, and ${PROGRAM} help\n`,
    `      ${all.map(({ group }) => group).join("|")}|kinds|flags|exit\n`,
  ].join("");
}

/** The commands of a group with their summaries; undefined where the word is no group. */
export function groupHelp(word: string, commands: readonly Command[]): string | undefined {
  const [group, members] = [...byGroup(commands)].find(([name]) => name === word) ?? [];
  if (group === undefined || members === undefined) return undefined;
  return `${GROUPS[group]}:\n\n${twoColumns(members.map(({ name, summary }) => [name, summary]))}` +
    `\nMore: ${PROGRAM} COMMAND --help\n`;
}

/** Pages that belong to no command. */
export const TOPICS: Readonly<Record<string, () => string>> = {
  kinds: () =>
    `Kinds, and how their objects are named (else NAME; short names: api-resources):\n\n${
      twoColumns(KIND_ROWS.map(({ plural, summary }) => [plural, summary]))
    }\n${
      twoColumns(
        KIND_ROWS.filter(({ nameForm }) => nameForm !== "NAME")
          .map(({ singular, nameForm }) => [singular, nameForm]),
      )
    }`,
  flags: () =>
    `Flags of every command:\n\n${twoColumns(flagRows(GLOBAL_FLAGS))}\n` +
    `They override FABRIC_* variables, which override the configuration file.\n`,
  exit: () =>
    `Exit statuses:\n\n${
      indented(
        Object.entries(EXIT_TEXT).map(([name, text]) => [
          String(Object.entries(EXIT).find(([key]) => key === name)?.[1]),
          text,
        ]),
      )
    }`,
};
