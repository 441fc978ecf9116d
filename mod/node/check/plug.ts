/**
 * Making an attachment whole again on the host: its port, or the interface with all that belongs to
 * it, as the ADD made them.
 *
 * @module
 */

import { FabricError } from "../../error.ts";
import { shaperOf } from "../../host/bandwidth.ts";
import { setLinkUp } from "../../host/link.ts";
import { plumb, unplumb } from "../../host/plumb.ts";
import { sourceTableOf } from "../../host/pod_plan.ts";
import type { NodeContext } from "../context.ts";
import { portFacts } from "../port_facts.ts";
import { plugIn } from "../switch_port.ts";
import { readNote } from "../services/notes.ts";
import { restoreFlows } from "../services/restore.ts";
import { readNode } from "../services/setup.ts";
import type { Expected } from "./unit.ts";

/** An interface that can be made again. */
export interface Plug {
  /** Name of its port and device. */
  readonly name: string;
  readonly expected: Expected;
}

/** Plugs the host's end in; a port of that name is replaced. Resolves when it is in the datapath. */
export async function plugAgain(context: NodeContext, { name, expected }: Plug): Promise<void> {
  await using db = await context.connect();
  const { record, bridge, plan } = expected;
  const { up } = await plugIn(db, {
    bridge: bridge ?? "",
    name,
    vlan: record.vlan,
    externalIds: portFacts(record),
    ...(plan?.mtu === undefined ? {} : { mtuRequest: plan.mtu }),
    noopQos: record.bandwidth?.ingress !== undefined,
  }, { likely: true, raise: () => setLinkUp(context.run, name) });
  await up;
  // Its flows are of the number that the port had before.
  if (hasServices(context, name) && bridge !== undefined) {
    await restoreFlows({ ...context, log: SILENT }, db, bridge);
  }
}

const SILENT = { enabled: () => false, write: () => {} };

/** The pod had the way to Services, and shall have it again. */
function hasServices({ config }: NodeContext, name: string): boolean {
  return config.services !== undefined && readNote(config, name) !== undefined;
}

/** What its pod reaches by the node; undefined where it had no way to Services. */
async function reachedBy(
  context: NodeContext,
  name: string,
): Promise<readonly string[] | undefined> {
  const { services } = context.config;
  if (services === undefined || !hasServices(context, name)) return undefined;
  return [...services.cidrs, ...(await readNode(context)).nodeAddresses];
}

/** Makes devices, filter, limits, the pod's side and the port, with what is recorded. */
export async function plumbAgain(context: NodeContext, plug: Plug): Promise<void> {
  const { name, expected } = plug;
  const { record, plan, needs } = expected;
  if (plan === undefined || needs === undefined) {
    throw new FabricError("host", `${name} cannot be made again without its network and bridge`);
  }
  const { ingress, egress } = record.bandwidth ?? {};
  const linked = Promise.withResolvers<void>();
  linked.promise.catch(() => {});
  const connected = linked.promise.then(() => plugAgain(context, plug));
  connected.catch(() => {});
  const services = await reachedBy(context, name);
  try {
    const whole = services === undefined ? plan : { ...plan, services };
    await plumb(context.run, Promise.resolve(whole), {
      host: name,
      netns: record.netns,
      ifname: record.ifname,
      settings: Promise.resolve({
        ...needs,
        ingress: ingress === undefined ? undefined : shaperOf(ingress),
        egress: egress === undefined ? undefined : shaperOf(egress),
      }),
      connected,
      onLinked: linked.resolve,
    });
  } catch (error) {
    linked.reject(error);
    await connected.catch(() => {});
    const sourceTable = sourceTableOf(record.ifname);
    await unplumb(context.run, { host: name, netns: record.netns, sourceTable });
    throw error;
  }
}
