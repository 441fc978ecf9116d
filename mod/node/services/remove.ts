/**
 * The way to Services taken off a node whose configuration has no services any more.
 *
 * @module
 */

import {
  AS_POD_MARK,
  POD_TABLE,
  RULE_PREFERENCES,
  SERVICE_DEVICE_PREFIX,
  SERVICE_PORT_PREFIX,
} from "../../host/service_names.ts";
import { delPort, type Ovsdb } from "../../ovsdb/mod.ts";
import type { ServiceContext } from "./context.ts";
import { ALL_COOKIES } from "./cookie.ts";
import { noteFolder } from "./notes.ts";
import { changeFlows } from "./restore.ts";
import { SERVICE_NFT_TABLE } from "./rules.ts";
import { readPorts } from "./setup.ts";

/** What `ip rule` shows of one of ours: preference, and the rest. */
const OWN_RULE = `^\\(${
  Object.values(RULE_PREFERENCES).join("\\|")
}\\):[[:space:]]*\\(.* fwmark ${AS_POD_MARK} .*\\)`;

/**
 * $1 and $2 the prefixes of devices: the node's ends and the switch's, $3 the folder of notes.
 * Others may have rules of the same preferences, and tables of their own: ours have our mark.
 */
const REMOVE_SCRIPT = `
for family in -4 -6; do
  rules=$(ip $family rule show | sed -n -e 's/ \\[detached\\]//' -e 's,${OWN_RULE},rule del pref \\1 \\2,p')
  printf '%s\\n' "$rules" | sed -n 's/.* lookup \\([0-9][0-9]*\\).*/\\1/p' |
    while read -r number; do ip $family route flush table "$number"; done
  printf '%s\\n' "$rules" | ip $family -force -batch -
  ip $family route flush table ${POD_TABLE}
done 2>/dev/null
nft delete table inet ${SERVICE_NFT_TABLE} 2>/dev/null
for conf in /proc/sys/net/ipv4/conf/"$1"[0-9]*-????; do
  [ -d "$conf" ] || continue
  host=\${conf##*/}
  nft delete chain netdev fabric "$2\${host#"$1"}" 2>/dev/null
  ip link del "$host"
done
rm -rf "$3"
`;

/** Takes all of it off the node. What pods have in themselves goes with them. */
export async function removeServices(context: ServiceContext, db: Ovsdb): Promise<void> {
  const { config, run } = context;
  const ports = await readPorts(db);
  for (const bridge of new Set(ports.flatMap(({ facts }) => facts["bridge"] ?? []))) {
    await changeFlows(context, bridge, [`delete ${ALL_COOKIES}`]);
  }
  await run([
    "sh",
    "-c",
    REMOVE_SCRIPT,
    "sh",
    SERVICE_DEVICE_PREFIX,
    SERVICE_PORT_PREFIX,
    noteFolder(config),
  ]);
  // Last: by them it is known that there is something to remove.
  for (const { name } of ports) await delPort(db, name);
}
