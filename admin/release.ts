/**
 * `release`: makes an address free, whoever has it, after it said who loses what.
 *
 * @module
 */

import { formatAddress, parseAddress } from "../mod/ip/address.ts";
import { rangeOf } from "../mod/ip/range.ts";
import { giveBack, type Loss, whoLoses } from "../mod/ipam/give_back.ts";
import { formatHolder, formatOwner } from "../mod/model/identity.ts";
import { DRY_RUN_FLAG, isDryRun } from "./batch.ts";
import type { Call, Command } from "./command.ts";
import { mayGoOn, YES_FLAG } from "./confirm.ts";
import type { AdminContext } from "./context.ts";
import { parseArgument } from "./exit.ts";
import { NETWORK_OF_RANGE_FLAG, networkOfRange } from "./find_network.ts";

/** Who loses the address, for people. */
function lossText({ address, state, owner, holder, reason, ended }: Loss): string {
  const text = formatAddress(address);
  if (state === "reserved") return `${text} is reserved: ${reason ?? "no reason given"}`;
  const parts = [
    ...owner === undefined ? [] : [`${formatOwner(owner)} loses ${text}`],
    ...holder === undefined
      ? ["nobody uses it now"]
      : [`${formatHolder(holder)} has it${ended === undefined ? "" : `, but ${ended}`}`],
  ];
  return `${owner === undefined ? `${text}: ` : ""}${parts.join("; ")}`;
}

async function run(context: AdminContext, { args, flags }: Call): Promise<void> {
  const address = parseArgument(() => parseAddress(args[0] ?? ""));
  const network = await networkOfRange(context, flags, rangeOf(address));
  const text = formatAddress(address);
  const ipam = await context.ipam();
  const ref = { network, address };
  const loss = await whoLoses(ipam, ref);
  if (loss.state === "free") {
    return context.write(`${text} of network ${network} is free: unchanged\n`);
  }
  context.write(`${lossText(loss)}\n`);
  const dryRun = isDryRun(flags);
  const mayLive = loss.holder !== undefined && loss.ended === undefined;
  // What may live is refused below; nobody need be asked.
  if (!dryRun && !mayLive) {
    const question = `It becomes free for everybody.`;
    if (!mayGoOn(context, flags, { question, word: text })) return;
  }
  if (dryRun && !mayLive) {
    return context.write(`${text} of network ${network} released (dry run)\n`);
  }
  await giveBack(ipam, ref, loss);
  context.write(`${text} of network ${network} released\n`);
}

/** `release`. */
export const RELEASE: Command = {
  name: "release",
  summary: "Make an address free that is owned or reserved, or whose node is dead",
  args: "ADDRESS",
  count: { min: 1, max: 1 },
  group: "addresses",
  flags: [NETWORK_OF_RANGE_FLAG, YES_FLAG, DRY_RUN_FLAG],
  notes: [
    "It says who loses the address, and asks for the address again. Nothing is taken from a pod that",
    "may live: end it, or fence its node.",
  ],
  examples: [
    ["release 10.0.0.5 --network pods", "who has it; then it is free"],
    ["release fd00::5 --network pods --dry-run", "who would lose it"],
  ],
  run,
};
