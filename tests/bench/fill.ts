/**
 * Fills a network to its last address with 64 clients and says how many transactions that took.
 *
 * @module
 */

import { allocate } from "../../mod/ipam/allocate.ts";
import { addRequest, applyNetwork, startIpam } from "../ipam_fixture.ts";

/** Transactions of one fill: all of them, and those of the last hundredth. */
export interface FillResult {
  readonly cidr: string;
  readonly addresses: number;
  readonly clients: number;
  readonly mean: number;
  readonly meanOfLastHundredth: number;
  readonly seconds: number;
}

/** Fills the CIDR (of `addresses` allocatable ones) from many clients at once. */
export async function fill(
  cidr: string,
  options: { readonly addresses: number; readonly clients: number },
): Promise<FillResult> {
  const { addresses, clients } = options;
  await using fixture = await startIpam();
  const { context } = fixture;
  await applyNetwork(context, "pods", { vlan: 100, subnets: [{ cidr }] });
  // The node registers itself with its first ADD; that is not what is measured.
  const commits: number[] = [(await allocate(context, addRequest("first"))).transactions];
  const start = performance.now();
  let next = 1;
  await Promise.all(Array.from({ length: clients }, async () => {
    for (let id = next++; id < addresses; id = next++) {
      commits.push((await allocate(context, addRequest(`c${id}`))).transactions);
    }
  }));
  const mean = (part: readonly number[]): number => part.reduce((a, b) => a + b, 0) / part.length;
  return {
    cidr,
    addresses,
    clients,
    mean: mean(commits),
    meanOfLastHundredth: mean(commits.slice(-Math.max(1, Math.ceil(addresses / 100)))),
    seconds: (performance.now() - start) / 1000,
  };
}

if (import.meta.main) {
  const rows = [];
  for (
    const [cidr, addresses] of [["10.0.0.0/24", 254], ["10.0.0.0/20", 4094], [
      "10.0.0.0/16",
      65534,
    ]] as const
  ) {
    if (Deno.args.length > 0 && !Deno.args.includes(cidr)) continue;
    rows.push(await fill(cidr, { addresses, clients: 64 }));
  }
  // deno-lint-ignore no-console -- a benchmark prints its table
  console.table(rows);
}
