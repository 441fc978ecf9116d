/**
 * `fabric-admin`: find the command, parse its flags, run it, translate its error once.
 *
 * @module
 */

import { asFabricError } from "../mod/error.ts";
import type { RoleIo } from "../mod/role.ts";
import { ChangeRecorder } from "./audit_changes.ts";
import type { Command } from "./command.ts";
import { findCommand, helpText } from "./commands.ts";
import { AdminContext, ClosedOutput, GLOBAL_FLAGS } from "./context.ts";
import { EXIT, exitStatus, usageError } from "./exit.ts";
import { type FlagValues, NO_FLAGS, parseFlags } from "./flags.ts";

/** The command, and its flags and arguments. */
interface Request {
  /** Undefined: none was named. */
  readonly command: Command | undefined;
  readonly args: readonly string[];
  readonly flags: FlagValues;
}

/** Runs the command that the arguments say; the exit status. */
export async function main(args: readonly string[], io: RoleIo): Promise<number> {
  let request: Request = { command: undefined, args: [], flags: NO_FLAGS };
  try {
    request = parseRequest(args);
  } catch (error) {
    const failure = asFabricError(error);
    await using context = new AdminContext(io, NO_FLAGS);
    context.fail(failure);
    return exitStatus(failure);
  }
  await using context = new AdminContext(io, request.flags);
  try {
    await runRequest(context, request);
    return context.status;
  } catch (error) {
    // Whoever read has what they wanted.
    if (error instanceof ClosedOutput) return EXIT.fine;
    const failure = asFabricError(error);
    context.fail(failure);
    return exitStatus(failure);
  }
}

async function runRequest(context: AdminContext, request: Request): Promise<void> {
  const { command, args, flags } = request;
  if (command === undefined) return context.write(helpText([]));
  if (flags.isSet("help")) return context.write(helpText(command.name.split(" ")));
  checkCount(command, args);
  const recorder = new ChangeRecorder(command, { args, io: context.io, now: () => context.now() });
  context.record(recorder);
  try {
    await command.run(context, { args, flags });
  } catch (error) {
    // What the audit lacks then waits in its inbox; the command's own error is the one to tell.
    if (!(error instanceof ClosedOutput)) await recorder.end(asFabricError(error)).catch(() => {});
    throw error;
  }
  await recorder.end(context.failure);
}

/** Flags of every command may stand before its name, too. */
function parseRequest(tokens: readonly string[]): Request {
  const start = commandStart(tokens);
  const words = tokens.slice(start, start + 2);
  const flagAt = words.findIndex((word) => word.startsWith("-"));
  const command = findCommand(flagAt < 0 ? words : words.slice(0, flagAt));
  const own = command === undefined ? [] : tokens.slice(start + command.name.split(" ").length);
  const flags = [...command?.flags ?? [], ...GLOBAL_FLAGS];
  return { command, ...parseFlags([...tokens.slice(0, start), ...own], flags) };
}

/** Index of the first token that is neither a flag nor a flag's value. */
function commandStart(tokens: readonly string[]): number {
  let index = 0;
  while (index < tokens.length) {
    const token = tokens[index] ?? "";
    if (!token.startsWith("-")) break;
    const flag = GLOBAL_FLAGS.find(({ name, alias }) =>
      [`--${name}`, `--${alias}`].includes(token)
    );
    index += flag?.value === undefined ? 1 : 2;
  }
  return index;
}

function checkCount({ name, args: form, count }: Command, args: readonly string[]): void {
  if (args.length >= count.min && args.length <= count.max) return;
  const extra = args[count.max];
  const message = extra === undefined
    ? `Too few arguments for ${name}`
    : `Unexpected argument "${extra}" for ${name}`;
  throw usageError(message, {
    ...(extra === undefined ? {} : { value: extra }),
    remedy: `use: fabric-admin ${`${name} ${form}`.trim()}`,
  });
}
