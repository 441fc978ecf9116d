/**
 * Compares an export with the audit as it stands: whoever keeps exports elsewhere can tell when
 * somebody with etcd's credentials has written the whole chain anew.
 *
 * @module
 */

import * as v from "valibot";
import { FabricError } from "../error.ts";
import type { Store } from "../etcd/store.ts";
import { readAudit, readFloor } from "./read.ts";
import { AuditEntrySchema, GENESIS, hashEntry } from "./record.ts";

/** What differs. */
export interface ExportFault {
  readonly seq: number;
  readonly detail: string;
}

/** What a comparison gave. */
export interface ExportVerdict {
  /** Lines of the export. */
  readonly lines: number;
  readonly faults: readonly ExportFault[];
}

const MAX_FAULTS = 100;

/**
 * Compares the lines of an export, which may be several exports one behind the other.
 *
 * @throws {FabricError} `invalid`: a line is no entry.
 */
export async function compareExport(
  store: Store,
  lines: AsyncIterable<string>,
): Promise<ExportVerdict> {
  const { seq: floor } = await readFloor(store);
  const present = new Map<number, string>();
  for await (const { seq, hash } of readAudit(store)) present.set(seq, hash);
  const faults: ExportFault[] = [];
  const tell = (seq: number, detail: string): void => {
    if (faults.length < MAX_FAULTS) faults.push({ seq, detail });
  };
  const seen = new Map<number, string>([[GENESIS.seq, GENESIS.hash]]);
  let count = 0;
  for await (const line of lines) {
    if (line === "") continue;
    count++;
    const entry = parseLine(line, count);
    const { seq, hash, previous } = entry;
    if (await hashEntry(entry) !== hash) tell(seq, "the export's own line was changed");
    const before = seen.get(seq - 1);
    if (before !== undefined && before !== previous) {
      tell(seq, "it does not follow the line before");
    }
    const earlier = seen.get(seq);
    if (earlier !== undefined && earlier !== hash) tell(seq, "two lines of the export differ");
    seen.set(seq, hash);
    if (seq <= floor) continue;
    const now = present.get(seq);
    if (now === undefined) tell(seq, "the audit does not have it any more");
    else if (now !== hash) tell(seq, "the audit says something else now");
  }
  return { lines: count, faults };
}

function parseLine(line: string, number: number) {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), AuditEntrySchema), line);
  if (parsed.success) return parsed.output;
  throw new FabricError("invalid", `Line ${number} is no entry of an audit`, {
    field: `line ${number}`,
    remedy: "give a file that fabric-ctl audit export wrote",
  });
}
