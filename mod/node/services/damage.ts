/**
 * What is set up once, held against how it is. Pure.
 *
 * @module
 */

import type { ServicesConfig } from "../../config.ts";
import { familyOfLine } from "../../host/service_device.ts";
import { canonical, chainsOf, type SeenServices } from "./observe.ts";
import { networkRoutes, serviceRules, serviceTableText } from "./rules.ts";
import { devicesOf, type ServedNetwork } from "./served.ts";
import type { NodeFacts } from "./setup.ts";

/** Lines for `ip -batch` that are not so; a kernel without IPv6 needs none of its. */
export function missingLines(seen: SeenServices, wanted: readonly string[]): readonly string[] {
  return wanted.filter((line) => !seen.facts.has(canonical(line)) && (seen.six || !isSix(line)));
}

function isSix(line: string): boolean {
  return line.startsWith("rule ") ? line.startsWith("rule -6") : familyOfLine(line) === 6;
}

/** What the table of nftables lacks, in words. */
export function tableDamage(
  { table: seen }: SeenServices,
  { nodeAddresses }: NodeFacts,
): readonly string[] {
  if (seen === undefined) return ["table inet fabric_services is missing"];
  return [...chainsOf(serviceTableText(nodeAddresses))]
    .filter(([chain, rules]) => seen.get(chain) !== rules)
    .map(([chain]) => `chain ${chain} of inet fabric_services was changed`);
}

/** What the node's rules and routes of one network lack, in words. */
export function networkDamage(
  seen: SeenServices,
  served: ServedNetwork,
  { services, node }: { readonly services: ServicesConfig; readonly node: NodeFacts },
): readonly string[] {
  const devices = devicesOf(served);
  const ways = { viaNode: services.viaNode, prefixes: node.nodePrefixes };
  const wanted = ([4, 6] as const).flatMap((family) => [
    ...networkRoutes({ devices, subnets: served.subnets }, family),
    ...serviceRules(devices, ways, family).map((rule) =>
      rule.replace("rule add", `rule -${family}`)
    ),
  ]);
  return missingLines(seen, wanted).map((line) => `no ${line.replace(" replace", "")}`);
}
