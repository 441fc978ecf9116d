/**
 * `reserve` and `unreserve`: addresses that things outside use.
 *
 * @module
 */

import { formatRange, parseRange } from "../mod/ip/range.ts";
import { reserve, type ReserveOutcome, unreserve } from "../mod/ipam/reserve.ts";
import { DRY_RUN_FLAG, isDryRun } from "./batch.ts";
import type { Call, Command } from "./command.ts";
import type { AdminContext } from "./context.ts";
import { parseArgument } from "./exit.ts";
import { overlayStore } from "../mod/ipam/overlay_store.ts";
import { NETWORK_OF_RANGE_FLAG, networkOfRange } from "./find_network.ts";
import { required } from "./workload_flags.ts";

type Act = (input: {
  readonly ipam: Awaited<ReturnType<AdminContext["ipam"]>>;
  readonly request: Parameters<typeof unreserve>[1];
}) => Promise<ReserveOutcome>;

/** Runs it, or as if it ran, and says what became of how many. */
async function change(
  context: AdminContext,
  { args, flags }: Call,
  { act, done, before }: { readonly act: Act; readonly done: string; readonly before: string },
): Promise<void> {
  const range = parseArgument(() => parseRange(args[0] ?? ""));
  const network = await networkOfRange(context, flags, range);
  const dryRun = isDryRun(flags);
  const whole = await context.ipam();
  const ipam = dryRun ? { ...whole, store: overlayStore(whole.store).store } : whole;
  const { changed, unchanged } = await act({ ipam, request: { network, range } });
  const rest = unchanged.length === 0 ? "" : `, ${unchanged.length} ${before}`;
  const mode = dryRun ? " (dry run)" : "";
  const count = `${changed.length} address${changed.length === 1 ? "" : "es"}`;
  context.write(
    `${formatRange(range)} of network ${network} ${done}: ${count}${rest}${mode}\n`,
  );
}

/** `reserve`. */
export const RESERVE: Command = {
  name: "reserve",
  summary: "Keep addresses for things outside, such as a firewall",
  args: "RANGE --reason TEXT",
  count: { min: 1, max: 1 },
  group: "addresses",
  flags: [
    NETWORK_OF_RANGE_FLAG,
    { name: "reason", value: "TEXT", text: "What they are for; shown wherever they are" },
    DRY_RUN_FLAG,
  ],
  notes: ["RANGE is an address, FIRST-LAST or a CIDR. Nothing of it may be in use."],
  examples: [
    ['reserve 10.0.0.5 --network pods --reason "printer, room 12"', "one address"],
    ["reserve 10.0.0.8/29 --network pods --reason firewall --dry-run", "whether it could be"],
  ],
  run: (context, call) =>
    change(context, call, {
      act: ({ ipam, request }) => {
        const reason = required(call.flags, { name: "reason", value: "TEXT", text: "" });
        return reserve(ipam, { ...request, reason });
      },
      done: "reserved",
      before: "reserved before",
    }),
};

/** `unreserve`. */
export const UNRESERVE: Command = {
  name: "unreserve",
  summary: "Give reserved addresses back",
  args: "RANGE",
  count: { min: 1, max: 1 },
  group: "addresses",
  flags: [NETWORK_OF_RANGE_FLAG, DRY_RUN_FLAG],
  examples: [
    ["unreserve 10.0.0.5 --network pods", "one address"],
    ["unreserve 10.0.0.8-10.0.0.15 --network pods", "those of a range that are reserved"],
  ],
  run: (context, call) =>
    change(context, call, {
      act: ({ ipam, request }) => unreserve(ipam, request),
      done: "given back",
      before: "not reserved",
    }),
};
