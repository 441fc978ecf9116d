/**
 * `fabric-ctl audit`: the audit on a terminal.
 *
 * @module
 */

import { FabricError } from "../mod/error.ts";
import { compareExport } from "../mod/audit/exported.ts";
import { sweepInbox } from "../mod/audit/inbox.ts";
import { readAudit, verifyAudit } from "../mod/audit/read.ts";
import { withStore } from "./access_commands.ts";
import { type Command, type CommandCall, CONFIG_FLAGS } from "./command.ts";

function noWords({ words }: CommandCall): void {
  const [word] = words;
  if (word === undefined) return;
  throw new FabricError("invalid", `Unexpected argument ${JSON.stringify(word)}`, {
    remedy: "leave it out",
    details: { usage: true },
  });
}

async function* linesOf(path: string): AsyncGenerator<string> {
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path);
  } catch (cause) {
    throw new FabricError("invalid", `Cannot read ${path}`, { field: "file", value: path, cause });
  }
  let rest = "";
  for await (const text of file.readable.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  if (rest !== "") yield rest;
}

async function verify(call: CommandCall): Promise<number> {
  noWords(call);
  const file = call.flags.get("file");
  return await withStore(call, async (store) => {
    const { entries, first, last, faults } = await verifyAudit(store);
    for (const { seq, what, detail } of faults) {
      call.io.writeStdout(`entry ${seq} ${what}: ${detail}\n`);
    }
    const told = faults.length === 0 ? "the chain is whole" : `${faults.length} faults`;
    call.io.writeStdout(`${entries} entries from ${first} to ${last}: ${told}\n`);
    if (file === undefined) return faults.length === 0 ? 0 : 1;
    const compared = await compareExport(store, linesOf(file));
    for (const { seq, detail } of compared.faults) {
      call.io.writeStdout(`entry ${seq} of ${file}: ${detail}\n`);
    }
    const same = compared.faults.length === 0 ? "the same" : `${compared.faults.length} faults`;
    call.io.writeStdout(`${compared.lines} lines of ${file}: ${same}\n`);
    return faults.length + compared.faults.length === 0 ? 0 : 1;
  });
}

async function exportAll(call: CommandCall): Promise<number> {
  noWords(call);
  return await withStore(call, async (store) => {
    for await (const entry of readAudit(store)) {
      call.io.writeStdout(`${JSON.stringify(entry)}\n`);
      if (call.io.stdoutIsClosed?.() === true) break;
    }
    return 0;
  });
}

async function sweep(call: CommandCall): Promise<number> {
  noWords(call);
  return await withStore(call, async (store) => {
    const count = await sweepInbox(store, Date.now());
    call.io.writeStdout(`${count} entries of the inbox put into the chain\n`);
    return 0;
  });
}

/** Commands of the audit. */
export const AUDIT_COMMANDS: readonly Command[] = [
  {
    name: "audit export",
    args: "",
    summary: "Write the audit to standard output, as JSON lines, oldest first",
    flags: CONFIG_FLAGS,
    notes: `Examples:
  fabric-ctl audit export > /srv/audit/$(date +%F).jsonl
  fabric-ctl audit export | jq -r 'select(.outcome == "refused") | [.at, .who, .action] | @tsv'`,
    run: exportAll,
  },
  {
    name: "audit verify",
    args: "",
    summary: "Check the chain of the audit, and an export against it; exit status 1 for faults",
    flags: {
      file: { value: "FILE", text: "An export that was kept elsewhere, to be compared" },
      ...CONFIG_FLAGS,
    },
    notes: `Examples:
  fabric-ctl audit verify
  fabric-ctl audit verify --file /srv/audit/2026-11-01.jsonl`,
    run: verify,
  },
  {
    name: "audit sweep",
    args: "",
    summary: "Put into the chain what waits in the inbox, as a running server does by itself",
    flags: CONFIG_FLAGS,
    notes: "Examples:\n  fabric-ctl audit sweep",
    run: sweep,
  },
];
