/**
 * The network that addresses are of, where nobody named it.
 *
 * @module
 */

import { FabricError } from "../mod/error.ts";
import { firstOf, lastOf } from "../mod/ip/prefix.ts";
import { formatRange, type Range } from "../mod/ip/range.ts";
import { listResources } from "../mod/ipam/kinds.ts";
import { networkPools } from "../mod/ipam/pool.ts";
import type { AdminContext } from "./context.ts";
import { usageError } from "./exit.ts";
import type { Flag, FlagValues } from "./flags.ts";
import { NETWORK_FLAG } from "./workload_flags.ts";

/** `--network`, where it may be left out. */
export const NETWORK_OF_RANGE_FLAG: Flag = {
  ...NETWORK_FLAG,
  text: "Network of the addresses; default: the one that has them",
};

/**
 * The network that is named, else the only one with a subnet that holds the range.
 *
 * @throws {FabricError} `not-found`: none has it; a usage error: several have it.
 */
export async function networkOfRange(
  context: AdminContext,
  flags: FlagValues,
  range: Range,
): Promise<string> {
  const named = flags.text(NETWORK_FLAG.name);
  if (named !== undefined) return named;
  const found: string[] = [];
  for await (const { metadata, spec } of listResources(await context.store(), "Network")) {
    const holds = networkPools(spec).some(({ prefix }) =>
      prefix.family === range.family && firstOf(prefix).value <= range.first &&
      range.last <= lastOf(prefix).value
    );
    if (holds) found.push(metadata.name);
  }
  const [first] = found;
  const text = formatRange(range);
  if (first === undefined) {
    throw new FabricError("not-found", `No network has ${text} in one of its subnets`, {
      value: text,
      remedy: "see fabric-admin get networks",
    });
  }
  if (found.length === 1) return first;
  throw usageError(`Several networks have ${text}: ${found.join(", ")}`, {
    field: `--${NETWORK_FLAG.name}`,
    value: text,
    remedy: `add --${NETWORK_FLAG.name} ${first}`,
  });
}
