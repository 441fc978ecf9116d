/**
 * What a lab can be asked for, and the plan that follows from it: names and addresses.
 *
 * @module
 */

export interface LabOptions {
  /** How many hosts (`host1`, `host2`, ...), or each by itself. Default 2. */
  readonly hosts?: number | readonly HostOptions[];
  /** Layer-2 domains. Default: one, `prod`. */
  readonly physicalNetworks?: readonly PhysicalNetworkOptions[];
  /** VLANs with a leg of the router. Default: 100 and 200 of the first physical network. */
  readonly vlans?: readonly VlanOptions[];
  /**
   * `strict`: the router is also the default gateway of the management network, refuses what no
   * connection explains, and what comes from where it would not send to. Default `plain`: it joins
   * the VLANs and nothing else.
   */
  readonly router?: "plain" | "strict";
  /** Default: one member, plain TCP. `false`: none. */
  readonly etcd?: LabEtcdOptions | false;
  /** `system` needs the kernel module. Default: `system` where it is loaded, else `netdev`. */
  readonly datapath?: Datapath;
  /** netdev only: `userspace-tso-enable`, for throughput. Then offloads stay on. Default false. */
  readonly userspaceTso?: boolean;
  /** Name of the cluster in the hosts' configuration. Default `local`. */
  readonly cluster?: string;
}

export type Datapath = "netdev" | "system";

export interface HostOptions {
  /** At most 7 characters: it is part of device names. Default `host<n>`. */
  readonly name?: string;
  /** Default `zone1`. */
  readonly zone?: string;
  /** Cluster in its configuration. Default: the lab's. */
  readonly cluster?: string;
  /** Physical networks that it has an uplink to. Default: all. */
  readonly physicalNetworks?: readonly string[];
}

export interface PhysicalNetworkOptions {
  /** At most 6 characters: it is part of device names. */
  readonly name: string;
  /** Of all devices in it. Default 1500. */
  readonly mtu?: number;
}

export interface VlanOptions {
  /** 0: untagged. */
  readonly vlan: number;
  /** Default: the first. */
  readonly physicalNetwork?: string;
  /** The router's own addresses with prefix length, at most one of each family. */
  readonly router: readonly string[];
}

export interface LabEtcdOptions {
  /** Default 1. */
  readonly members?: 1 | 3;
  /** `server`: TLS only; `mutual`: etcd also asks for a client certificate. */
  readonly tls?: "server" | "mutual";
  /** etcd's own auth with the user root and a password. Default false. */
  readonly auth?: boolean;
  /** The program. Default `etcd` on PATH. */
  readonly binary?: string;
  /** Further flags for every member. */
  readonly args?: readonly string[];
}

export interface PhysicalNetworkPlan {
  readonly name: string;
  readonly mtu: number;
  /** The hosts' bridge, e.g. `br-prod`. */
  readonly bridge: string;
  /** The hosts' uplink device, e.g. `eth1`. */
  readonly uplink: string;
  /** The physical switch's bridge, e.g. `sw-prod`. */
  readonly switchBridge: string;
}

export interface HostPlan {
  readonly name: string;
  readonly zone: string;
  readonly cluster: string;
  /** 32 hex digits, as in /etc/machine-id. */
  readonly machineId: string;
  /** Addresses on the management network, without prefix length. */
  readonly management: { readonly v4: string; readonly v6: string };
  readonly physicalNetworks: readonly PhysicalNetworkPlan[];
}

export interface VlanPlan {
  readonly vlan: number;
  readonly physicalNetwork: PhysicalNetworkPlan;
  /** The router's addresses with prefix length. */
  readonly router: readonly string[];
}

/** Everything about a lab that is known before it stands. */
export interface LabPlan {
  readonly hosts: readonly HostPlan[];
  readonly physicalNetworks: readonly PhysicalNetworkPlan[];
  readonly vlans: readonly VlanPlan[];
  readonly router: "plain" | "strict";
  readonly etcd: LabEtcdOptions | undefined;
  readonly datapath: Datapath;
  readonly userspaceTso: boolean;
  /** False: senders must compute checksums themselves (netdev datapath without TSO). */
  readonly offload: boolean;
}

/** Management addresses: etcd's members are .1 to .3, the hosts .11 and up, a strict router .254. */
export const MANAGEMENT = { v4: "172.31.0.", v6: "fd00:31::", length4: 24, length6: 64 } as const;

const DEFAULT_VLANS: readonly VlanOptions[] = [
  { vlan: 100, router: ["10.100.0.1/24", "fd00:100::1/64"] },
  { vlan: 200, router: ["10.200.0.1/24", "fd00:200::1/64"] },
];

/** The plan for the options. Throws where a name does not fit into a device name. */
export function planLab(options: LabOptions, kernelDatapath: boolean): LabPlan {
  const physicalNetworks = (options.physicalNetworks ?? [{ name: "prod" }]).map(
    (network, i): PhysicalNetworkPlan => ({
      name: limit(network.name, 6),
      mtu: network.mtu ?? 1500,
      bridge: `br-${network.name}`,
      uplink: `eth${i + 1}`,
      switchBridge: `sw-${network.name}`,
    }),
  );
  const hosts = typeof options.hosts === "object"
    ? options.hosts
    : Array.from({ length: options.hosts ?? 2 }, (): HostOptions => ({}));
  const datapath = options.datapath ?? (kernelDatapath ? "system" : "netdev");
  const userspaceTso = datapath === "netdev" && (options.userspaceTso ?? false);
  return {
    physicalNetworks,
    hosts: hosts.map((host, i): HostPlan => ({
      name: limit(host.name ?? `host${i + 1}`, 7),
      zone: host.zone ?? "zone1",
      cluster: host.cluster ?? options.cluster ?? "local",
      machineId: crypto.randomUUID().replaceAll("-", ""),
      management: { v4: `${MANAGEMENT.v4}${11 + i}`, v6: `${MANAGEMENT.v6}${11 + i}` },
      physicalNetworks: host.physicalNetworks === undefined
        ? physicalNetworks
        : host.physicalNetworks.map((name) => findNetwork(physicalNetworks, name)),
    })),
    vlans: (options.vlans ?? DEFAULT_VLANS).map((vlan) => planVlan(physicalNetworks, vlan)),
    router: options.router ?? "plain",
    etcd: options.etcd === false ? undefined : options.etcd ?? {},
    datapath,
    userspaceTso,
    offload: datapath === "system" || userspaceTso,
  };
}

/** One VLAN of the plan. */
export function planVlan(
  physicalNetworks: readonly PhysicalNetworkPlan[],
  vlan: VlanOptions,
): VlanPlan {
  return {
    vlan: vlan.vlan,
    physicalNetwork: findNetwork(physicalNetworks, vlan.physicalNetwork),
    router: vlan.router,
  };
}

/** The physical network of that name; the first without a name. */
export function findNetwork(
  networks: readonly PhysicalNetworkPlan[],
  name: string | undefined,
): PhysicalNetworkPlan {
  const found = name === undefined ? networks[0] : networks.find((n) => n.name === name);
  if (found === undefined) throw new Error(`the lab has no physical network ${name ?? "at all"}`);
  return found;
}

/** `4` or `6` for an address with or without prefix length. */
export function familyOf(address: string): 4 | 6 {
  return address.includes(":") ? 6 : 4;
}

/** The address without its prefix length. */
export function withoutLength(address: string): string {
  return address.replace(/\/.*$/, "");
}

function limit(name: string, length: number): string {
  if (/^[a-z0-9-]+$/.test(name) && name.length <= length) return name;
  throw new Error(`name ${name} must be at most ${length} of a-z, 0-9, "-"`);
}
