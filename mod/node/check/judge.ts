/**
 * What a rule about a node is given, and what it has to say: findings of the same form as those of
 * the store, each with the change that mends it.
 *
 * @module
 */

import { syncFolder } from "../../atomic_file.ts";
import type { Evidence, Finding, Kind } from "../../ipam/check/finding.ts";
import type { Outcome } from "../../ipam/repair/action.ts";
import { changeIf, type SeenRow } from "../../ovsdb/change.ts";
import type { Ovsdb } from "../../ovsdb/client.ts";
import type { SeenPort, SeenSwitch } from "../../ovsdb/observe.ts";
import type { NodeContext } from "../context.ts";
import type { NodeLook } from "../look.ts";
import { takeTurn } from "../turn.ts";

/** The change that mends a finding. */
export interface Fix {
  /** In words, one line each, the first letter small. */
  readonly steps: readonly string[];
  readonly order: number;
  /** How to take it back, in commands or words. */
  readonly undo: readonly string[];
  /** Whether what the finding saw is still so; looked at right before the change. */
  readonly verify: () => Promise<boolean>;
  /** Makes the change; false when it was refused because what was seen is not so any more. */
  readonly change: () => Promise<boolean | void>;
}

/** What a rule says. */
export interface NodeReport {
  readonly object: string;
  readonly detail: string;
  readonly evidence: readonly Evidence[];
  /** Name of the port, where it is about one attachment: calls for it change it. */
  readonly port?: string;
  readonly fix?: Fix;
  readonly remedy?: string;
}

/** A finding of one look, which a second one has to see too. */
export interface Suspicion {
  readonly finding: Finding;
  readonly port: string | undefined;
}

/** How long a repair waits for a call of the runtime for the same interface. */
const TURN_WAIT_MS = 10_000;

const SILENT = { enabled: () => false, write: () => {} };

/** Judges one look at a node. */
export class NodeJudge {
  readonly context: NodeContext;
  readonly look: NodeLook;
  readonly suspicions: Suspicion[] = [];
  /** What could not be looked at, and why. */
  readonly unseen = new Set<string>();

  constructor(context: NodeContext, look: NodeLook) {
    this.context = context;
    this.look = look;
  }

  report(kind: Kind, report: NodeReport): void {
    const { object, detail, evidence, port, fix, remedy } = report;
    const finding: Finding = {
      kind,
      object,
      detail,
      evidence,
      ...(fix === undefined ? {} : {
        action: {
          steps: fix.steps,
          order: fix.order,
          apply: async ({ journal }) =>
            await this.#apply(
              fix,
              port,
              () => journal.write({ kind: "other", code: kind.code, object, undo: [...fix.undo] }),
            ),
        },
      }),
      ...(remedy === undefined ? {} : { remedy }),
    };
    this.suspicions.push({ finding, port });
  }

  /** In the turn of the interface's calls, so that none of the runtime's comes in between. */
  async #apply(fix: Fix, port: string | undefined, note: () => void): Promise<Outcome> {
    const { config } = this.context;
    using turn = port === undefined
      ? undefined
      : await takeTurn({ config, log: SILENT }, port, { waitMs: TURN_WAIT_MS });
    if (turn?.taken === false || !await fix.verify()) return "changed";
    note();
    return await fix.change() === false ? "changed" : "done";
  }

  /** Does something with the switch. */
  async withSwitch<T>(action: (db: Ovsdb) => Promise<T>): Promise<T> {
    await using db = await this.context.connect();
    return await action(db);
  }

  /** True while the rows are as they were seen. */
  rowsAre(...rows: readonly SeenRow[]): Promise<boolean> {
    return this.withSwitch((db) => changeIf(db, rows, []));
  }

  /** The switch, where it answered. */
  get switch(): SeenSwitch | undefined {
    return this.look.switch;
  }

  portNamed(name: string): SeenPort | undefined {
    return this.look.switch?.ports.find((port) => port.name === name);
  }
}

/** A port as evidence. */
export function portEvidence(name: string, says: string): Evidence {
  return { what: "port", name, says };
}

/** Moves a file within its file system, durably. */
export function moveFile(from: string, to: string): void {
  const folder = (path: string): string => path.slice(0, path.lastIndexOf("/"));
  Deno.mkdirSync(folder(to), { recursive: true, mode: 0o700 });
  Deno.renameSync(from, to);
  syncFolder(folder(to));
  syncFolder(folder(from));
}
