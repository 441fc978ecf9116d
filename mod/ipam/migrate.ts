/**
 * Raising the schema of the store (rule 12): only when every node can read it. Records are written
 * in it from then on; older ones are read as they are, until they are written for another reason.
 *
 * @module
 */

import * as v from "valibot";
import { FabricError } from "../error.ts";
import { underPrefix } from "../etcd/store.ts";
import type { Node } from "../model/network.ts";
import { keysOf } from "./allocate_state.ts";
import type { IpamContext } from "./context.ts";
import { describeUsers, namedUsers, unchanged } from "./in_use.ts";
import { META_ERA, META_SCHEMA, PREFIXES } from "./keys.ts";
import { listResources } from "./kinds.ts";
import { SCHEMA } from "./stored.ts";

/** What a migration would do, or did. */
export interface Migration {
  readonly from: number;
  readonly to: number;
  /** Nodes that cannot read it yet. */
  readonly behind: readonly Node[];
  /** Fenced nodes, which are not waited for: they attach nothing. */
  readonly fenced: readonly Node[];
}

interface Plan extends Migration {
  readonly revision: number;
  readonly era: number;
  readonly schema: number;
}

const SchemaValue = v.looseObject({ schema: v.number() });
const MAX_ATTEMPTS = 8;

async function readPlan(context: IpamContext, to: number): Promise<Plan> {
  const { store } = context;
  const read = await store.txn({
    success: [{ range: { key: META_SCHEMA } }, { range: { key: META_ERA } }],
  });
  const kv = keysOf(read.results[0])[0];
  if (kv === undefined) {
    throw new FabricError("not-found", "The store is empty", {
      remedy: "it gets the newest schema with its first object",
    });
  }
  const { schema: from } = v.parse(SchemaValue, JSON.parse(kv.value));
  const nodes = await Array.fromAsync(listResources(store, "Node"));
  const behind = nodes.filter(({ spec, status }) =>
    spec.fenced === undefined && (status?.schema ?? 0) < to
  );
  return {
    from,
    to,
    behind,
    fenced: nodes.filter(({ spec }) => spec.fenced !== undefined),
    revision: read.header.revision,
    era: keysOf(read.results[1])[0]?.modRevision ?? 0,
    schema: kv.modRevision,
  };
}

/** Looks whether the schema could be raised. */
export async function planMigration(context: IpamContext, to = SCHEMA): Promise<Migration> {
  return await readPlan(context, to);
}

/**
 * Raises the schema. A node that registers meanwhile makes it look again.
 *
 * @throws {FabricError} `conflict`: nodes that cannot read it, by name; `invalid`: it would sink;
 * `try-again`.
 */
export async function migrateSchema(context: IpamContext, to = SCHEMA): Promise<Migration> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const plan = await readPlan(context, to);
    if (plan.from === to) return plan;
    if (plan.from > to) {
      throw new FabricError("invalid", `The store has schema ${plan.from} already`, {
        field: "schema",
        value: String(to),
        remedy: "a schema is never lowered; restore a backup of before",
      });
    }
    if (plan.behind.length > 0) {
      const names = plan.behind.map(({ metadata, spec, status }) =>
        `${spec.cluster}/${metadata.name} (${status?.version ?? "no version"}, reads ${
          status?.schema ?? "no"
        } schema)`
      );
      throw new FabricError(
        "conflict",
        `Schema ${to} cannot be read by ${describeUsers(namedUsers("Node", names))}`,
        {
          field: "schema",
          value: String(to),
          remedy: "upgrade fabric there and start a pod; delete or fence nodes that are gone",
          details: { nodes: names },
        },
      );
    }
    const response = await context.store.txn({
      compare: [
        { key: META_SCHEMA, target: "mod", op: "=", revision: plan.schema },
        { key: META_ERA, target: "mod", op: "=", revision: plan.era },
        unchanged(underPrefix(PREFIXES.nodes), plan.revision),
      ],
      success: [{ put: META_SCHEMA, value: JSON.stringify({ schema: to }) }],
    });
    if (response.succeeded) return plan;
  }
  throw new FabricError("try-again", "Nodes register all the time", { remedy: "run it again" });
}
