/**
 * A pod on a switch, as the plugin makes one, for the tests of the host's side.
 *
 * @module
 */

import {
  addLeakFilter,
  addVeth,
  configurePod,
  hostIfname,
  type PodInterface,
  type Shaper,
} from "../../mod/host/mod.ts";
import { addPort, connectOvsdb, waitForOfport } from "../../mod/ovsdb/mod.ts";
import type { Netns, OvsHost } from "../ovs_fixture.ts";

export interface AttachOptions {
  readonly pod: Netns;
  readonly bridge?: string;
  readonly ifname?: string;
  readonly mac: string;
  readonly mtu?: number;
  readonly vlan?: number;
  readonly addresses: readonly string[];
  readonly settings?: Partial<PodInterface>;
  readonly egress?: Shaper;
  /** Default true. */
  readonly leakFilter?: boolean;
  readonly noopQos?: boolean;
}

/** Attaches a namespace to the host's switch; the name of the host's end. */
export async function attach(host: OvsHost, options: AttachOptions): Promise<string> {
  const { pod, mac, ifname = "eth0", mtu = 1500, addresses } = options;
  const name = await hostIfname(String(pod.pid), ifname);
  await addVeth(host.run, { host: name, peer: ifname, netns: pod.path, mac, mtu });
  if (options.leakFilter !== false) await addLeakFilter(host.run, name);
  await using db = await connectOvsdb({ socket: host.socket });
  await addPort(db, {
    bridge: options.bridge ?? "br0",
    name,
    vlan: options.vlan ?? 0,
    externalIds: {},
    noopQos: options.noopQos ?? false,
  });
  const pods: PodInterface = {
    ifname,
    mac,
    addresses,
    gateways: [],
    defaultRoute: false,
    routes: [],
    ...options.settings,
  };
  await configurePod(host.run, pods, {
    netns: pod.path,
    ifname,
    connected: waitForOfport(db, name),
    txOffload: false,
    ...(options.egress === undefined ? {} : { egress: options.egress }),
  });
  return name;
}
