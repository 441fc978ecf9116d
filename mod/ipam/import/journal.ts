/**
 * The plan of an import, whole on the disk before the first change: by it alone an import that was
 * killed goes on, and one that was done is taken back. Every reservation has its id from here, so
 * whoever reads it again knows which are its own.
 *
 * @module
 */

import * as v from "valibot";
import { FabricError } from "../../error.ts";
import { OwnerRefSchema } from "../../model/identity.ts";

const ReserveSchema = v.object({
  kind: v.literal("reserve"),
  network: v.string(),
  items: v.array(v.object({
    address: v.string(),
    id: v.string(),
    reason: v.string(),
    /** `FILE:LINE`. */
    place: v.string(),
  })),
});
const FixSchema = v.object({
  kind: v.literal("fix"),
  network: v.string(),
  owner: OwnerRefSchema,
  tenant: v.optional(v.string()),
  /** What the owner gets. */
  addresses: v.array(v.string()),
  /** What it had of the same families. */
  before: v.array(v.string()),
  place: v.string(),
});
const NetworkSchema = v.object({
  kind: v.literal("network"),
  name: v.string(),
  after: v.record(v.string(), v.unknown()),
  /** Null: it did not exist. */
  before: v.nullable(v.record(v.string(), v.unknown())),
  place: v.string(),
});
const StepSchema = v.variant("kind", [ReserveSchema, FixSchema, NetworkSchema]);
/** One change of an import. */
export type ImportStep = v.InferOutput<typeof StepSchema>;
export type ReserveStep = v.InferOutput<typeof ReserveSchema>;
export type FixStep = v.InferOutput<typeof FixSchema>;
export type NetworkStep = v.InferOutput<typeof NetworkSchema>;

const HeadSchema = v.object({
  fabric: v.literal("import"),
  v: v.literal(1),
  at: v.string(),
  clusterId: v.string(),
});
const TailSchema = v.object({ end: v.literal(true), steps: v.number() });

export interface ImportJournal {
  readonly clusterId: string;
  readonly steps: readonly ImportStep[];
}

/** The journal as text. */
export function formatJournal(journal: ImportJournal, at: string): string {
  const { clusterId, steps } = journal;
  return [
    { fabric: "import", v: 1, at, clusterId },
    ...steps,
    { end: true, steps: steps.length },
  ].map((line) => `${JSON.stringify(line)}\n`).join("");
}

/**
 * Reads a journal. One that was cut off belongs to an import that changed nothing.
 *
 * @throws {FabricError} `invalid`.
 */
export function parseImportJournal(text: string, name: string): ImportJournal {
  const lines = text.trimEnd().split("\n").map(parseJson);
  const head = v.safeParse(HeadSchema, lines[0]);
  const tail = v.safeParse(TailSchema, lines.at(-1));
  const steps = v.safeParse(v.array(StepSchema), lines.slice(1, -1));
  if (head.success && tail.success && steps.success && tail.output.steps === steps.output.length) {
    return { clusterId: head.output.clusterId, steps: steps.output };
  }
  throw new FabricError("invalid", `${name} is no whole journal of an import`, {
    field: "FILE",
    value: name,
    remedy: head.success
      ? "it was cut off before the import began: nothing was changed, import again"
      : "name the journal that import wrote",
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
