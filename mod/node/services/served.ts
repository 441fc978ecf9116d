/**
 * A network of this node whose way to Services is to be there: from the network itself, or, where the
 * store is not asked, from the facts that its port in the switch keeps.
 *
 * @module
 */

import { readTextIfThere } from "../../atomic_file.ts";
import type { Config } from "../../config.ts";
import type { DatapathNeeds } from "../../host/datapath.ts";
import { type ServiceDevices, serviceDevices } from "../../host/service_names.ts";
import { DEFAULT_MTU, type Network } from "../../model/network.ts";
import type { ServicePort } from "../../ovsdb/mod.ts";
import { switchFolder } from "./context.ts";
import type { FlowNetwork } from "./flows.ts";
import { asShown } from "./rules.ts";

/** What the set-up of a network depends on. */
export interface ServedNetwork {
  readonly name: string;
  readonly physicalNetwork: string;
  readonly vlan: number;
  readonly mtu: number;
  readonly subnets: readonly { readonly cidr: string; readonly gateway?: string | undefined }[];
  readonly bridge: string;
}

/** The network as a pod's allocation has it. */
export function servedNetwork({ metadata, spec }: Network, bridge: string): ServedNetwork {
  const { physicalNetwork, vlan, mtu = DEFAULT_MTU } = spec;
  const subnets = spec.subnets.map(({ cidr, gateway }) => ({ cidr, gateway }));
  return { name: metadata.name, physicalNetwork, vlan, mtu, subnets, bridge };
}

/** The facts that its port keeps. */
export function servedFacts(served: ServedNetwork): Readonly<Record<string, string>> {
  return {
    "network": served.name,
    "physical-network": served.physicalNetwork,
    "vlan": String(served.vlan),
    "mtu": String(served.mtu),
    "subnets": served.subnets.map(({ cidr, gateway }) => [cidr, gateway].join(">")).join(","),
    "bridge": served.bridge,
  };
}

/** The network of a port's facts; undefined where they are damaged. */
export function servedOf({ facts }: Pick<ServicePort, "facts">): ServedNetwork | undefined {
  const { network: name, bridge, "physical-network": physicalNetwork } = facts;
  const [vlan, mtu] = [Number(facts["vlan"]), Number(facts["mtu"])];
  if (name === undefined || bridge === undefined || physicalNetwork === undefined) return undefined;
  if (!Number.isInteger(vlan) || !Number.isInteger(mtu)) return undefined;
  const subnets = listOf(facts["subnets"]).map((text) => {
    const [cidr = "", gateway = ""] = text.split(">");
    return { cidr, ...(gateway === "" ? {} : { gateway }) };
  });
  return { name, physicalNetwork, vlan, mtu, subnets, bridge };
}

/** Its devices. */
export function devicesOf(served: ServedNetwork): ServiceDevices {
  return serviceDevices(served);
}

/** The port's network, as its flows need it; undefined where vswitchd has the port not. */
export function flowNetworkOf(port: ServicePort): FlowNetwork | undefined {
  const served = servedOf(port);
  if (port.ofport === undefined || served === undefined) return undefined;
  return {
    vlan: served.vlan,
    port: port.ofport,
    mark: devicesOf(served).mark,
    // Whoever names an address twice means it once.
    sources: [
      ...new Set([...listOf(port.facts["services"]), ...nodeAddressesOf(port)].map(asShown)),
    ],
  };
}

/** The node's addresses as the set-up had them. */
export function nodeAddressesOf({ facts }: Pick<ServicePort, "facts">): readonly string[] {
  return listOf(facts["node-addresses"]);
}

/** The ranges that the node has routes to, as the set-up had them. */
export function nodePrefixesOf({ facts }: Pick<ServicePort, "facts">): readonly string[] {
  return listOf(facts["node-prefixes"]);
}

/** What a set-up was made for: this boot, vswitchd's life, configuration, network. */
export async function generationOf(
  config: Config,
  served: ServedNetwork,
  { bootId, needs }: { readonly bootId: string; readonly needs: DatapathNeeds },
): Promise<string> {
  const parts = {
    layout: 2,
    bootId,
    switch: switchLife(config),
    services: config.services,
    needs,
    ...servedFacts(served),
  };
  const bytes = new TextEncoder().encode(JSON.stringify(parts));
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return hash.subarray(0, 10).toHex();
}

/** Which life of vswitchd this is: with each, the switch forgets its flows. */
function switchLife(config: Pick<Config, "ovsdb">): string {
  const file = `${switchFolder(config)}/ovs-vswitchd.pid`;
  const pid = readTextIfThere(file)?.trim();
  if (pid === undefined) return "unknown";
  try {
    return `${pid}@${Deno.statSync(file).mtime?.getTime() ?? 0}`;
  } catch (error) {
    // It ended between the two.
    if (error instanceof Deno.errors.NotFound) return "unknown";
    throw error;
  }
}

function listOf(text: string | undefined): readonly string[] {
  return text === undefined || text === "" ? [] : text.split(",");
}
