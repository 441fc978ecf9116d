/**
 * A lab: hosts with Open vSwitch, a physical switch, a router, servers and etcd, all in namespaces
 * of one machine. Any number of labs stand side by side.
 *
 * ```ts
 * await using lab = await startLab({ hosts: 2 });
 * const [host1, host2] = lab.hosts;
 * const server = await lab.addServer({ vlan: 100, addresses: ["10.100.0.10/24"] });
 * ```
 *
 * @module
 */

import { type LabEtcd, startLabEtcd } from "./etcd.ts";
import { type Holder, startHolder } from "./holder.ts";
import { equip, type EquippedHost } from "./equipped_host.ts";
import { type Host, startHost } from "./host.ts";
import { familyOf, findNetwork, planLab, planVlan, withoutLength } from "./options.ts";
import type { LabOptions, LabPlan, VlanOptions, VlanPlan } from "./options.ts";
import type { Place } from "./place.ts";
import { startSwitch, type Switch, type SwitchPort } from "./switch.ts";
import { baseScript, endpointScript, hostScript, legDevices, legScript } from "./wiring.ts";
import { ROUTER, serverScript, uplinkPort } from "./wiring.ts";

export interface ServerOptions {
  /** At most 9 characters. Default `server<n>`. */
  readonly name?: string;
  /** 0: untagged. */
  readonly vlan: number;
  /** Default: the first. */
  readonly physicalNetwork?: string;
  /** With prefix length. */
  readonly addresses: readonly string[];
  /** Default: the physical network's. */
  readonly mtu?: number;
  /** Next hops of its default routes. Default: the router's addresses in this VLAN. */
  readonly gateways?: readonly string[];
}

/** A machine that knows nothing of the project: one device `eth0` on an access port. */
export interface Server extends Place, AsyncDisposable {
  /** Address of a family, without prefix length. */
  address(family: 4 | 6): string;
  readonly mac: string;
  remove(): Promise<void>;
}

export interface Lab extends AsyncDisposable {
  /** Unique on this machine. */
  readonly id: string;
  readonly plan: LabPlan;
  /** Process 1 of the lab, as the machine sees it. */
  readonly pid: number;
  readonly hosts: readonly EquippedHost[];
  /** A host by its name or number (from 0); throws when there is none. */
  host(which: string | number): EquippedHost;
  readonly switch: Switch;
  /** Legs are devices `<physical network>.<vlan>`. */
  readonly router: Place;
  /** Throws in a lab without etcd. */
  readonly etcd: LabEtcd;
  /** The lab's own namespace: the management network. */
  readonly management: Place;
  addServer(options: ServerOptions): Promise<Server>;
  /** Adds a leg of the router. */
  addVlan(options: VlanOptions): Promise<void>;
  /** Ends all of it. May be called twice. */
  close(): Promise<void>;
}

/** Starts a lab. Needs root, and the programs that `scripts/setup` installs. */
export async function startLab(options: LabOptions = {}): Promise<Lab> {
  const plan = planLab(options, await hasKernelDatapath());
  const holder = await startHolder();
  try {
    await holder.place.execOk([
      baseScript(plan),
      ...plan.hosts.map((host) => hostScript(plan, host)),
      ...plan.vlans.map((vlan) => legScript(plan, vlan)),
    ].join("\n"));
    const ports = [
      ...plan.hosts.flatMap((host) =>
        host.physicalNetworks.map((network): SwitchPort => ({
          device: uplinkPort(host, network.name),
          network,
          vlan: undefined,
        }))
      ),
      ...plan.vlans.map((vlan) => legDevices(vlan).port),
    ];
    const starting = startSwitch(holder, plan, ports);
    const [theSwitch, etcd, hosts] = await Promise.all([
      starting,
      plan.etcd === undefined ? undefined : startLabEtcd(holder, plan.etcd),
      Promise.all(plan.hosts.map((host) => startHost(holder, plan, host, starting))),
    ]);
    return assemble(holder, plan, { theSwitch, etcd, hosts });
  } catch (error) {
    await holder.close();
    throw error;
  }
}

interface Parts {
  readonly theSwitch: Switch;
  readonly etcd: LabEtcd | undefined;
  readonly hosts: readonly Host[];
}

function assemble(holder: Holder, plan: LabPlan, parts: Parts): Lab {
  const { theSwitch, etcd } = parts;
  const hosts = parts.hosts.map((host) => equip({ etcd }, host));
  const vlans: VlanPlan[] = [...plan.vlans];
  let servers = 0;

  const addServer = async (options: ServerOptions): Promise<Server> => {
    const name = options.name ?? `server${++servers}`;
    if (!/^[a-z0-9-]{1,9}$/.test(name)) throw new Error(`server name ${name} is too long`);
    const network = findNetwork(plan.physicalNetworks, options.physicalNetwork);
    const leg = vlans.find((v) => v.vlan === options.vlan && v.physicalNetwork === network);
    const gateways = options.gateways ?? leg?.router.map(withoutLength) ?? [];
    const families = options.addresses.map(familyOf);
    const routes = gateways.filter((gateway) => families.includes(familyOf(gateway))).map(
      (gateway) => `ip -n ${name} route add default via ${gateway}`,
    );
    const port = `sv-${name}`;
    await holder.place.execOk([
      serverScript(name),
      endpointScript(plan, {
        namespace: name,
        device: "eth0",
        port,
        mtu: options.mtu ?? network.mtu,
        addresses: options.addresses,
      }),
      ...routes,
    ].join("\n"));
    await theSwitch.addPort({ device: port, network, vlan: options.vlan });
    const place = holder.netns(name);
    const mac = (await place.execOk(["cat", "/sys/class/net/eth0/address"])).trim();
    let removed: Promise<void> | undefined;
    const remove = async () => {
      await theSwitch.removePort(port);
      await holder.place.execOk(`ip -n switch link del ${port}; ip netns del ${name}`);
    };
    const removeOnce = () => removed ??= remove();
    return {
      ...place,
      address: (family) => {
        const found = options.addresses.find((address) => familyOf(address) === family);
        if (found === undefined) throw new Error(`${name} has no IPv${family} address`);
        return withoutLength(found);
      },
      mac,
      remove: removeOnce,
      [Symbol.asyncDispose]: removeOnce,
    };
  };

  const addVlan = async (options: VlanOptions): Promise<void> => {
    const vlan = planVlan(plan.physicalNetworks, options);
    await holder.place.execOk(legScript(plan, vlan));
    await theSwitch.addPort(legDevices(vlan).port);
    vlans.push(vlan);
  };

  const close = async () => {
    etcd?.closeRelays();
    await holder.close();
  };
  return {
    id: holder.id,
    plan,
    pid: holder.pid,
    hosts,
    host: (which) => {
      const found = typeof which === "number"
        ? hosts[which]
        : hosts.find((host) => host.name === which);
      if (found === undefined) throw new Error(`the lab has no host ${which}`);
      return found;
    },
    switch: theSwitch,
    router: holder.netns(ROUTER),
    get etcd(): LabEtcd {
      if (etcd === undefined) throw new Error("the lab was started without etcd");
      return etcd;
    },
    management: holder.place,
    addServer,
    addVlan,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** True where the machine has Open vSwitch's kernel module loaded. */
async function hasKernelDatapath(): Promise<boolean> {
  return await Deno.stat("/sys/module/openvswitch").then(() => true, () => false);
}
