/**
 * `fabric-ctl`: the server role of fabric.
 *
 * @module
 */

import { asFabricError, describeError } from "../mod/error.ts";
import { didYouMean } from "../mod/nearest.ts";
import type { RoleIo } from "../mod/role.ts";
import { runVersion } from "../mod/version.ts";
import { ACCESS_COMMANDS } from "./access_commands.ts";
import { AUDIT_COMMANDS } from "./audit_commands.ts";
import type { Command } from "./command.ts";
import { flagHelp, parseFlags, usage } from "./flags.ts";
import { SERVE } from "./serve_command.ts";

/** The commands, in the order of the help. */
const COMMANDS: readonly Command[] = [SERVE, ...ACCESS_COMMANDS, ...AUDIT_COMMANDS];

function help(): string {
  const commands = COMMANDS.map(({ name, summary }) => `  ${name.padEnd(17)} ${summary}\n`).join(
    "",
  );
  return `fabric-ctl: the server role of fabric

Usage:
${commands}  version           Show the version, also with -o json
  help [COMMAND]    Show this, or the flags of a command

Pods get their network without a server: the plugin speaks to etcd and Open vSwitch itself.
`;
}

function commandHelp({ name, args, summary, flags, notes }: Command): string {
  return `fabric-ctl ${name}${args === "" ? "" : ` ${args}`}: ${summary}\n\nFlags:\n${
    flagHelp(flags)
  }${notes === undefined ? "" : `\n${notes}\n`}`;
}

/** The command that the words begin with, and the words behind its name. */
function findCommand(
  args: readonly string[],
): { readonly command: Command; readonly rest: readonly string[] } {
  for (const command of COMMANDS) {
    const words = command.name.split(" ");
    if (words.every((word, i) => args[i] === word)) {
      return { command, rest: args.slice(words.length) };
    }
  }
  const typed = args.filter((arg) => !arg.startsWith("-")).slice(0, 2).join(" ");
  const names = [...COMMANDS.map(({ name }) => name), "version", "help"];
  throw usage(`Unknown command "${typed}"`, didYouMean(typed, names, `run "fabric-ctl help"`));
}

/** Runs `fabric-ctl`; exit status 0, 1 for an error, 2 for a command that was typed wrong. */
export async function main(args: readonly string[], io: RoleIo): Promise<number> {
  const [first, ...rest] = args;
  if (first === undefined) {
    io.writeStderr(help());
    return 2;
  }
  if (first === "version" || first === "--version") {
    return runVersion("fabric-ctl", { args: rest, io });
  }
  try {
    if (["help", "--help", "-h"].includes(first)) {
      io.writeStdout(rest.length === 0 ? help() : commandHelp(findCommand(rest).command));
      return 0;
    }
    const { command, rest: own } = findCommand(args);
    if (own.includes("--help") || own.includes("-h")) {
      io.writeStdout(commandHelp(command));
      return 0;
    }
    const { flags, words } = parseFlags(own, command.flags);
    return await command.run({ flags, words, io });
  } catch (cause) {
    const error = asFabricError(cause);
    io.writeStderr(`fabric-ctl: ${describeError(error)}\n`);
    return error.details["usage"] === true ? 2 : 1;
  }
}
