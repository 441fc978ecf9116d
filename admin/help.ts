/**
 * Help that fits a screen: the list of commands, and one page for each.
 *
 * @module
 */

import type { Command } from "./command.ts";
import { GLOBAL_FLAGS } from "./context.ts";
import { EXIT, EXIT_TEXT } from "./exit.ts";
import type { Flag } from "./flags.ts";
import { KIND_ROWS } from "./kinds.ts";
import { alignRows, columnWidths } from "./print/align.ts";

const PROGRAM = "fabric-admin";

function indented(rows: readonly (readonly string[])[]): string {
  return alignRows(rows, columnWidths(rows)).replace(/^(?=.)/gm, "  ");
}

function flagRow({ name, short, value, text }: Flag): readonly string[] {
  const letter = short === undefined ? "" : `-${short}, `;
  return [`${letter}--${name}${value === undefined ? "" : ` ${value}`}`, text];
}

/** The help of one command. */
export function commandHelp(command: Command): string {
  const { name, args, summary, notes = [], flags, examples } = command;
  return [
    `${summary}\n`,
    `\nUsage: ${PROGRAM} ${`${name} ${args}`.trim()}\n`,
    notes.map((note) => `  ${note}\n`).join(""),
    flags.length === 0 ? "" : `\nFlags:\n${indented(flags.map(flagRow))}`,
    `\nExamples:\n${
      examples.map(([line, what]) => `  # ${what}\n  ${PROGRAM} ${line}\n`).join("")
    }`,
    `Flags of every command: ${PROGRAM} help flags\n`,
  ].join("");
}

/** The list of commands. */
export function overview(commands: readonly Command[]): string {
  return [
    `${PROGRAM} looks at and changes the networks and addresses of fabric\n`,
    `\nUsage: ${PROGRAM} COMMAND [ARGUMENTS] [FLAGS]\n\nCommands:\n`,
    indented(commands.map(({ name, summary }) => [name, summary])),
    `\nMore: ${PROGRAM} COMMAND --help, ${PROGRAM} help kinds|flags|exit\n`,
  ].join("");
}

/** Pages that belong to no command. */
export const TOPICS: Readonly<Record<string, () => string>> = {
  kinds: () =>
    `Kinds, their short names, and how their objects are named:\n\n${
      indented(
        KIND_ROWS.map(({ plural, shortNames, summary }) => [plural, shortNames.join(","), summary]),
      )
    }\n${indented(KIND_ROWS.map(({ singular, nameForm }) => [singular, nameForm]))}`,
  flags: () =>
    `Flags of every command:\n\n${indented(GLOBAL_FLAGS.map(flagRow))}\n` +
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
