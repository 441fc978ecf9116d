/**
 * The table of commands: a new one is a file beside this and a row here.
 *
 * @module
 */

import { didYouMean, nearest } from "../mod/nearest.ts";
import { API_RESOURCES } from "./api_resources.ts";
import { completeCommand, COMPLETIONS } from "./completion.ts";
import { CONFIG_VIEW } from "./config_view.ts";
import { EXPLAIN } from "./explain.ts";
import { TOP } from "./top.ts";
import { WHO } from "./who.ts";
import { APPLY } from "./apply.ts";
import { BACKUP, RESTORE } from "./backup.ts";
import { CREATE } from "./create.ts";
import { DIFF } from "./diff.ts";
import { EDIT } from "./edit.ts";
import { ANNOTATE, LABEL } from "./label.ts";
import { PATCH } from "./patch.ts";
import { WAIT } from "./wait.ts";
import { BUNDLE } from "./bundle.ts";
import { CHECK } from "./check.ts";
import type { Command } from "./command.ts";
import { DELETE } from "./delete.ts";
import { DESCRIBE } from "./describe.ts";
import { DIAGNOSE } from "./diagnose.ts";
import { ETCD_ROLES } from "./etcd_roles.ts";
import { usageError } from "./exit.ts";
import { EXPORT } from "./export.ts";
import { FENCE, NODE_REPLACE, UNFENCE } from "./fence.ts";
import { FIX, MOVE, UNFIX } from "./fix.ts";
import { GET } from "./get.ts";
import { commandHelp, groupHelp, overview, TOPICS } from "./help.ts";
import { HISTORY_COMMAND } from "./history.ts";
import { HISTORY_EXPORT } from "./history_export.ts";
import { HISTORY_TRIM } from "./history_trim.ts";
import { IMPORT } from "./import.ts";
import { MIGRATE } from "./migrate.ts";
import {
  RECOVER,
  RECOVER_COLLECT,
  RECOVER_EXPECT,
  RECOVER_FINISH,
  RECOVER_GIVE_UP,
  RECOVER_MERGE,
  RECOVER_START,
} from "./recover.ts";
import { RELEASE } from "./release.ts";
import { REPAIR } from "./repair.ts";
import { RESERVE, UNRESERVE } from "./reserve.ts";
import { TRACE } from "./trace.ts";
import { VERSION } from "./version.ts";

const HELP: Command = {
  name: "help",
  summary: "Show the commands, or the help of one",
  args: "[COMMAND | GROUP | kinds | flags | exit]",
  completes: "command",
  count: { min: 0, max: 2 },
  flags: [],
  examples: [["help history export", "the same as history export --help"]],
  run: (context, { args }) => context.write(helpText(args)),
};

/** All commands, in the order of the help. */
export const COMMANDS: readonly Command[] = [
  GET,
  DESCRIBE,
  WHO,
  TOP,
  EXPLAIN,
  API_RESOURCES,
  WAIT,
  CREATE,
  APPLY,
  DIFF,
  EDIT,
  PATCH,
  LABEL,
  ANNOTATE,
  DELETE,
  RESERVE,
  UNRESERVE,
  FIX,
  UNFIX,
  MOVE,
  RELEASE,
  IMPORT,
  EXPORT,
  FENCE,
  UNFENCE,
  NODE_REPLACE,
  MIGRATE,
  BACKUP,
  RESTORE,
  RECOVER,
  RECOVER_START,
  RECOVER_COLLECT,
  RECOVER_MERGE,
  RECOVER_EXPECT,
  RECOVER_GIVE_UP,
  RECOVER_FINISH,
  HISTORY_COMMAND,
  HISTORY_EXPORT,
  HISTORY_TRIM,
  CHECK,
  REPAIR,
  DIAGNOSE,
  TRACE,
  BUNDLE,
  ETCD_ROLES,
  CONFIG_VIEW,
  ...COMPLETIONS,
  VERSION,
  HELP,
  completeCommand(() => COMMANDS),
];

/** `history exprot` is no question about an address. */
function isMisspelt(command: Command, second: string | undefined): undefined {
  if (command.name.includes(" ") || second === undefined) return undefined;
  const names = COMMANDS.map(({ name }) => name).filter((n) => n.startsWith(`${command.name} `));
  const best = nearest(`${command.name} ${second}`, names);
  if (best === undefined || second.length < 3 || /\d/.test(second)) return undefined;
  throw usageError(`Unknown command "${command.name} ${second}"`, {
    value: second,
    remedy: `did you mean ${best}`,
  });
}

/** The command that the words begin with; the longest name counts. Undefined: no words. */
export function findCommand(words: readonly string[]): Command | undefined {
  const [first, second] = words;
  if (first === undefined) return undefined;
  const found = COMMANDS.find(({ name }) => name === `${first} ${second}`) ??
    COMMANDS.find(({ name }) => name === first);
  if (found !== undefined) return isMisspelt(found, second) ?? found;
  // `etcd` alone, or with a word that is not its own.
  const group = COMMANDS.filter(({ name }) => name.startsWith(`${first} `));
  if (group.length > 0) {
    const names = group.map(({ name }) => name);
    throw usageError(
      second === undefined
        ? `Incomplete command "${first}"`
        : `Unknown command "${first} ${second}"`,
      {
        value: words.join(" "),
        remedy: didYouMean(words.join(" "), names, `use ${names.join(", ")}`),
      },
    );
  }
  throw usageError(`Unknown command "${first}"`, {
    value: first,
    remedy: didYouMean(first, COMMANDS.map(({ name }) => name), "see fabric-admin help"),
  });
}

/** What `help` shows for the words behind it. */
export function helpText(words: readonly string[]): string {
  const topic = TOPICS[words.join(" ")];
  if (topic !== undefined) return topic();
  const [word] = words;
  const group = words.length === 1 && word !== undefined ? groupHelp(word, COMMANDS) : undefined;
  if (group !== undefined) return group;
  const command = findCommand(words);
  return command === undefined ? overview(COMMANDS) : commandHelp(command);
}
