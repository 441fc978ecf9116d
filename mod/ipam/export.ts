/**
 * Export of the history as JSON lines, ordered by etcd revision, without a gap and without a line
 * twice, over any number of runs and files, also where a run is killed. Each line is one state of
 * one record: `{ revision, startRevision, key, record }`. A record that began and ended between
 * two runs is one line, that of its end, which holds its start too.
 *
 * A run takes a snapshot at a revision R, sorts what changed since the last run (in files, where
 * memory does not hold it), appends it, and only then says in etcd that everything up to R is
 * exported. What is not exported is not trimmed, so that no state can be lost in between.
 *
 * @module
 */

import { FabricError } from "../error.ts";
import type { KeyValue } from "../etcd/store.ts";
import type { IpamContext } from "./context.ts";
import { ExportFile, type Position } from "./export_file.ts";
import { type Exported, readExported, writeExported } from "./exported.ts";
import { scanHistory } from "./history_scan.ts";
import { type Line, LineSorter } from "./line_sorter.ts";

export interface ExportOptions {
  /** Path of the file. Beside it are made `FILE.cursor` and, while it runs, `FILE.runs/`. */
  readonly file: string;
  /** Go on with a file of an earlier run, complete or killed. Default false. */
  readonly resume?: boolean;
  readonly signal?: AbortSignal;
  /** Told of every window read and every 250 lines written. */
  readonly onProgress?: (progress: ExportProgress) => void;
  /** Keys of one window and lines of one sorted run; smaller in tests. */
  readonly windowSize?: number;
  readonly runLines?: number;
}

export interface ExportProgress {
  readonly read: number;
  readonly written: number;
}

export interface ExportResult {
  /** The file's new lines are the states with `after < revision <= through`. */
  readonly after: number;
  readonly through: number;
  /** Lines that this run wrote. */
  readonly lines: number;
}

/**
 * Runs one export to its end.
 *
 * @throws {FabricError} `conflict`: the file exists, is locked, belongs to another etcd cluster, or
 * has a gap because another file was exported and may have been trimmed after. And the store's.
 */
export async function exportHistory(
  context: IpamContext,
  options: ExportOptions,
): Promise<ExportResult> {
  const exported = await readExported(context.store);
  const through = exported.header.revision;
  await using file = await ExportFile.open(options.file, { resume: options.resume ?? false });
  const { position, from } = await findPosition(file, { exported, path: options.file });
  await using sorter = new LineSorter(
    file.runsDir,
    options.runLines === undefined ? {} : { runLines: options.runLines },
  );
  let read = 0;
  const scan = scanHistory(context.store, {
    // Of the last line's own revision some keys may be missing.
    after: position.key === undefined ? position.revision : position.revision - 1,
    through,
    ...(options.windowSize === undefined ? {} : { windowSize: options.windowSize }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  for await (const kvs of scan) {
    for (const kv of kvs) if (isBehind(kv, position)) await sorter.add(lineOf(kv));
    read += kvs.length;
    options.onProgress?.({ read, written: 0 });
  }
  let written = 0;
  for await (const { text } of sorter.sorted()) {
    await file.append(text);
    if (++written % 250 === 0) options.onProgress?.({ read, written });
    options.signal?.throwIfAborted();
  }
  await file.sync();
  await file.writeCursor({ clusterId: exported.header.clusterId, from, through });
  await writeExported(context, exported, through);
  return { after: position.revision, through, lines: written };
}

/** Where a file stands. */
interface Standing {
  readonly position: Position;
  /** Its lines are the states after this revision. */
  readonly from: number;
}

/** Where the file ends; refuses it where what follows in the store leaves a gap. */
async function findPosition(
  file: ExportFile,
  { exported, path }: { readonly exported: Exported; readonly path: string },
): Promise<Standing> {
  const { clusterId } = exported.header;
  const cursor = await file.readCursor();
  if (cursor === undefined) {
    const from = exported.revision;
    await file.writeCursor({ clusterId, from });
    return { position: { revision: from, key: undefined }, from };
  }
  const fault = (why: string): FabricError =>
    new FabricError("conflict", `File ${path} cannot be continued: ${why}`, {
      field: "to",
      value: path,
      remedy: "name a new file: it begins where the last complete export ended",
    });
  if (cursor.clusterId !== clusterId) {
    throw fault(`it is of the etcd cluster ${cursor.clusterId}, this is ${clusterId}`);
  }
  const last = await file.recover();
  const start = { revision: cursor.through ?? cursor.from, key: undefined };
  const position = last === undefined || last.revision <= start.revision ? start : last;
  if (exported.revision > position.revision) {
    throw fault(
      `another file was exported through revision ${exported.revision}, this one ends at ` +
        `${position.revision}, and what lies between may be trimmed`,
    );
  }
  return { position, from: cursor.from };
}

/** The order of lines: by revision, and by key within one. */
function isBehind(kv: KeyValue, position: Position): boolean {
  if (kv.modRevision !== position.revision) return kv.modRevision > position.revision;
  return position.key !== undefined && kv.key > position.key;
}

function lineOf(kv: KeyValue): Line {
  const fields = { revision: kv.modRevision, startRevision: kv.createRevision, key: kv.key };
  return {
    sortKey: `${String(kv.modRevision).padStart(16, "0")} ${kv.key}`,
    text: JSON.stringify({ ...fields, ...contentOf(kv.value) }),
  };
}

/** What nobody can read is exported too, as it stands. */
function contentOf(value: string): { readonly record: unknown } | { readonly malformed: string } {
  try {
    const record: unknown = JSON.parse(value);
    return { record };
  } catch {
    return { malformed: value };
  }
}
