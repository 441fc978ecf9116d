/**
 * The node's half of the way to Services as it really is, read by one process; and what is wanted, in the
 * same form.
 *
 * @module
 */

import { POD_TABLE } from "../../host/service_names.ts";
import type { Run } from "../../host/run.ts";
import { asShown, SERVICE_NFT_TABLE } from "./rules.ts";

/** What was seen. Rules, routes and neighbours are in the form of {@linkcode canonical}. */
export interface SeenServices {
  /** Number of rules by chain; undefined where there is no table. */
  readonly table: ReadonlyMap<string, number> | undefined;
  readonly facts: ReadonlySet<string>;
  /** Whether the kernel has IPv6 at all. */
  readonly six: boolean;
  /** Routes to pods: by address, `<device> <source>`. */
  readonly podRoutes: ReadonlyMap<string, string>;
}

const SCRIPT = `nft list table inet ${SERVICE_NFT_TABLE} 2>/dev/null
echo "#"
for family in -4 -6; do
  ip $family rule show | sed "s/^/rule $family /"
  ip $family route show table all | sed "s/^/route /"
  ip $family neigh show nud permanent | sed "s/^/neigh /"
done 2>/dev/null
[ ! -d /proc/sys/net/ipv6 ] || echo six
`;

/** Looks. */
export async function observeServices(run: Run): Promise<SeenServices> {
  const { stdout } = await run(["sh", "-c", SCRIPT]);
  const [table = "", rest = ""] = stdout.split("#\n");
  const lines = rest.split("\n").filter((line) => line !== "");
  const podRoutes = new Map<string, string>();
  for (const line of lines) {
    if (!line.startsWith("route ") || wordAfter(line, "table") !== String(POD_TABLE)) continue;
    podRoutes.set(line.split(" ")[1] ?? "", `${wordAfter(line, "dev")} ${wordAfter(line, "src")}`);
  }
  return {
    table: table.includes("chain") ? chainsOf(table) : undefined,
    facts: new Set(lines.map(canonical)),
    six: lines.at(-1) === "six",
    podRoutes,
  };
}

/** How many rules each chain has, in the text of a table: as it is listed, and as it is written. */
export function chainsOf(text: string): ReadonlyMap<string, number> {
  const chains = new Map<string, number>();
  for (const [, name = "", body = ""] of text.matchAll(/chain (\S+) \{\n([^]*?)\n\s*\}\n/g)) {
    const rules = body.split("\n").map((line) => line.trim())
      .filter((line) => line !== "" && !line.startsWith("type "));
    chains.set(name, rules.length);
  }
  return chains;
}

/**
 * A rule, route or neighbour as one text, whether it is a command's line (`rule add`, `route replace`,
 * `neigh replace`) behind its kind or what `ip` shows.
 */
export function canonical(line: string): string {
  const [kind = ""] = line.split(" ");
  const word = (name: string): string => wordAfter(line, name);
  switch (kind) {
    case "rule": {
      const [, family = ""] = line.split(" ");
      const preference = /pref (\d+)/.exec(line)?.[1] ?? /(\d+):/.exec(line)?.[1] ?? "";
      const not = / not /.test(line.replace(/\t/g, " ")) ? "not" : "";
      const to = asShown(word("to"));
      const parts = [
        to,
        word("fwmark"),
        word("iif"),
        word("lookup"),
        word("suppress_prefixlength"),
      ];
      return ["rule", family, preference, not, ...parts].join(" ");
    }
    case "route": {
      const to = asShown(line.replace(/^route (replace )?/, "").split(" ")[0] ?? "");
      return ["route", to, word("via"), word("dev"), word("table"), word("src")].join(" ");
    }
    default: {
      const to = line.replace(/^neigh (replace )?/, "").split(" ")[0] ?? "";
      return ["neigh", to, word("lladdr"), word("dev")].join(" ");
    }
  }
}

function wordAfter(line: string, name: string): string {
  const words = line.split(/\s+/);
  const at = words.indexOf(name);
  return at < 0 ? "" : words[at + 1] ?? "";
}
