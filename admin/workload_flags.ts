/**
 * Flags that name a slot of a workload and what it has.
 *
 * @module
 */

import { type Address, parseAddress } from "../mod/ip/address.ts";
import type { OwnerRef } from "../mod/model/identity.ts";
import { LOCAL_CLUSTER } from "../mod/model/identity.ts";
import { parseWorkload } from "../mod/model/workload.ts";
import type { AdminContext } from "./context.ts";
import { parseArgument, usageError } from "./exit.ts";
import type { Flag, FlagValues } from "./flags.ts";

export const NETWORK_FLAG: Flag = {
  name: "network",
  short: "n",
  value: "NAME",
  text: "Network of the addresses",
};
export const IP_FLAG: Flag = {
  name: "ip",
  value: "ADDRESS",
  repeat: true,
  text: "An address; once for each family, or several",
};
export const SLOT_FLAG: Flag = {
  name: "slot",
  value: "SLOT",
  text: "Ordinal of a StatefulSet, slot of a Deployment; default: 0",
};
export const INTERFACE_FLAG: Flag = {
  name: "interface",
  value: "NAME",
  text: "Interface of the pod; default: eth0",
};
export const CLUSTER_FLAG: Flag = {
  name: "cluster",
  value: "NAME",
  text: "Cluster of the workload; default: this host's",
};

/** The value of a flag that must be given. */
export function required(flags: FlagValues, flag: Flag): string {
  const value = flags.text(flag.name);
  if (value !== undefined) return value;
  throw usageError(`Flag --${flag.name} is missing`, {
    field: `--${flag.name}`,
    remedy: `add --${flag.name} ${flag.value}`,
  });
}

/** The cluster that is named, else that of this host. */
export async function clusterOf(context: AdminContext, flags: FlagValues): Promise<string> {
  return flags.text(CLUSTER_FLAG.name) ?? (await context.config()).cluster ?? LOCAL_CLUSTER;
}

/** The slot of a workload that argument and flags name. */
export async function ownerOf(
  context: AdminContext,
  flags: FlagValues,
  workload: string,
): Promise<OwnerRef> {
  const parsed = parseArgument(() => parseWorkload(workload));
  return {
    cluster: await clusterOf(context, flags),
    ...parsed,
    slot: flags.text(SLOT_FLAG.name) ?? "0",
    ifname: flags.text(INTERFACE_FLAG.name) ?? "eth0",
  };
}

/** The addresses of `--ip`; `10.0.0.5,fd00::5` are two. */
export function addressesOf(flags: FlagValues): readonly Address[] {
  return flags.texts(IP_FLAG.name).flatMap((text) => text.split(",")).map((text) =>
    parseArgument(() => parseAddress(text.trim()))
  );
}
