/**
 * `fabric-ctl audit`: the audit on a terminal.
 *
 * @module
 */

import { readAudit, verifyAudit } from "../mod/audit/read.ts";
import { withStore } from "./access_commands.ts";
import { type Command, CONFIG_FLAGS } from "./command.ts";

const AUDIT_VERIFY: Command = {
  name: "audit verify",
  args: "",
  summary: "Check the chain of the audit; exit status 1 where it is broken",
  flags: CONFIG_FLAGS,
  run: (call) =>
    withStore(call, async (store) => {
      const { entries, first, last, faults } = await verifyAudit(store);
      for (const { seq, what, detail } of faults) {
        call.io.writeStdout(`entry ${seq} ${what}: ${detail}\n`);
      }
      const faulty = faults.length === 0 ? "the chain is whole" : `${faults.length} faults`;
      call.io.writeStdout(`${entries} entries from ${first} to ${last}: ${faulty}\n`);
      return faults.length === 0 ? 0 : 1;
    }),
};

const AUDIT_EXPORT: Command = {
  name: "audit export",
  args: "",
  summary: "Write the audit to standard output, as JSON lines, oldest first",
  flags: CONFIG_FLAGS,
  run: (call) =>
    withStore(call, async (store) => {
      for await (const entry of readAudit(store)) {
        call.io.writeStdout(`${JSON.stringify(entry)}\n`);
        if (call.io.stdoutIsClosed?.() === true) break;
      }
      return 0;
    }),
};

/** Commands of the audit. */
export const AUDIT_COMMANDS: readonly Command[] = [AUDIT_VERIFY, AUDIT_EXPORT];
