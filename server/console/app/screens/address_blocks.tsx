/** A subnet larger than one block: each of its blocks as a small bar, to see where it is full. @module */

import type { VNode } from "preact";
import { formatAddress } from "../../../../mod/ip/address.ts";
import { parsePrefix, type Prefix } from "../../../../mod/ip/prefix.ts";
import { useLoad } from "../api/load.ts";
import type { Network } from "../api/objects.ts";
import { type Block, readBlocks } from "../api/queries.ts";
import { t } from "../i18n.ts";
import { setQuery } from "../router.tsx";
import { contains } from "./addresses.tsx";

export function Blocks(
  { network, at }: { readonly network: Network; readonly at: string },
): VNode | null {
  const cidr = network.spec.subnets.find((one) => contains(one.cidr, at))?.cidr;
  const prefix = cidr === undefined ? undefined : parsePrefix(cidr);
  const large = prefix !== undefined && prefix.family === 4 && prefix.length < 24;
  if (prefix === undefined || !large) return null;
  return <BlockStrip network={network.metadata.name} prefix={prefix} at={at} />;
}

/** Blocks of a /16; a larger subnet shows those around the present one. */
const MAX = 256;

function BlockStrip(
  { network, prefix, at }: {
    readonly network: string;
    readonly prefix: Prefix;
    readonly at: string;
  },
): VNode {
  const loaded = useLoad(`blocks ${network}`, (aborted) => readBlocks(network, aborted));
  const count = Math.min(MAX, 2 ** (24 - prefix.length));
  const known = new Map((loaded.value ?? []).map((block) => [block.block, block]));
  const blocks = Array.from({ length: count }, (_, index) => {
    const first = formatAddress({ family: 4, value: prefix.base + BigInt(index) * 256n });
    return { first, block: known.get(`${first}/24`) };
  });
  return (
    <div class="blocks" role="group" aria-label={t("addresses.blocks")}>
      {blocks.map(({ first, block }) => {
        const taken = takenOf(block);
        const on = contains(`${first}/24`, at);
        const text = t("addresses.block", { block: `${first}/24`, count: taken });
        return (
          <button
            key={first}
            type="button"
            class={on ? "on" : ""}
            aria-pressed={on}
            aria-label={text}
            title={text}
            onClick={() => setQuery({ at: first, sel: undefined })}
          >
            <span style={{ height: `${Math.ceil(taken / 256 * 100)}%` }} />
          </button>
        );
      })}
    </div>
  );
}

function takenOf(block: Block | undefined): number {
  return block === undefined ? 0 : block.used + block.fixed + block.waiting + block.reserved;
}
