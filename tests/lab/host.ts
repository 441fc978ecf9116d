/**
 * A host: namespaces of network, mounts, processes, host name and cgroups, with a disk of its own
 * for /etc, /var and /opt (over the machine's), an empty /run, a machine id, a boot id, and an
 * Open vSwitch on the default paths. Everything else is the machine's.
 *
 * @module
 */

import { JOIN_HOST_GROUPS, MOUNT_HOST_GROUPS } from "./cgroups.ts";
import { firstLine, type Holder } from "./holder.ts";
import type { HostPlan, LabPlan } from "./options.ts";
import { type OpenVSwitch, startOpenVSwitch } from "./ovs.ts";
import { makePlace, type Place } from "./place.ts";
import type { Switch } from "./switch.ts";
import { hostScript, unplugScript, uplinkPort } from "./wiring.ts";

export interface Host extends Place {
  readonly plan: HostPlan;
  /** Its process 1, as the machine sees it; another one after a power cycle. */
  pid(): number;
  /** A path on the host, as the test itself can open it (files and unix sockets). */
  path(inside: string): string;
  readFile(path: string): Promise<string>;
  /** Writes a file, making its folder. */
  writeFile(path: string, text: string, options?: { readonly mode?: number }): Promise<void>;
  /** True when there is something at the path (a dangling link counts). */
  exists(path: string): Promise<boolean>;
  readonly ovs: OpenVSwitch;
  readonly machineId: string;
  /** As in /proc/sys/kernel/random/boot_id of the host. */
  bootId(): string;
  /** Shows a file of the machine at a path of the host, also after a power cycle. */
  mount(source: string, target: string): Promise<void>;
  /** Makes a network namespace as a runtime does, for calling a plugin by hand. */
  sandbox(name?: string): Promise<Sandbox>;
  /** Power cut: every process and namespace of it is gone at once; the disk stays. */
  powerOff(): Promise<void>;
  /** Boots with a new boot id; Open vSwitch starts with the database that it had. */
  powerOn(): Promise<void>;
  powerCycle(): Promise<void>;
  /** Pulls the cable of the management network or of a physical network, or puts it back. */
  setCable(network: string, up: boolean): Promise<void>;
}

/** A network namespace on a host, as `ip netns add` makes it. */
export interface Sandbox extends Place, AsyncDisposable {
  /** What CNI_NETNS says. */
  readonly path: string;
  /** What CNI_CONTAINERID says. */
  readonly containerId: string;
  readonly host: Host;
  /** Deletes the namespace, without any DEL. May be called twice. */
  remove(): Promise<void>;
}

/** $1 name, $2 machine id, $3 boot id. Runs as process 1 of the host. */
const INIT = `set -eu
export name=$1 machine=$2 boot=$3
${JOIN_HOST_GROUPS}
exec unshare --cgroup -- sh -euc '
hostname "$name"
read -r pid rest </run/lab/proc/self/stat
mount -t proc proc /proc
mount -t sysfs sysfs /sys
${MOUNT_HOST_GROUPS}
disk=/run/lab/hosts/$name
own="/etc/cni /etc/fabric /etc/openvswitch /opt/cni /var/lib/fabric /var/lib/cni \
  /var/lib/containerd /var/lib/containers /var/lib/openvswitch /var/log"
# Folders of its own are made below the overlay: one that comes or goes on the machine in the
# moment of making it would confuse the overlay.
for d in $own; do mkdir -p "$disk/upper$d" "$disk/own$d"; done
for d in etc var opt; do
  mkdir -p "$disk/upper/$d" "$disk/work/$d"
  mount -t overlay overlay -o "lowerdir=/$d,upperdir=$disk/upper/$d,workdir=$disk/work/$d" "/$d"
done
for d in $own; do mount --bind "$disk/own$d" "$d"; done
mkdir -p /etc/cni/net.d /opt/cni/bin
rm -f /etc/resolv.conf /etc/machine-id
: >/etc/resolv.conf
echo "$machine" >/etc/machine-id
echo "$name" >/etc/hostname
printf "127.0.0.1 localhost\\n::1 localhost\\n" >/etc/hosts
mount -t tmpfs -o mode=755 tmpfs /run
# podman keeps its locks there.
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mkdir -p /run/netns /run/lock
echo "$boot" >/run/boot_id
mount --bind /run/boot_id /proc/sys/kernel/random/boot_id
mount --make-rshared /
echo "ready $pid"
exec env --ignore-signal=CHLD sleep infinity'`;

interface Boot {
  readonly bootId: string;
  readonly pid: number;
  readonly child: Deno.ChildProcess;
}

/** Boots a host whose cables are plugged. */
export async function startHost(
  holder: Holder,
  lab: LabPlan,
  plan: HostPlan,
  physicalSwitch: Promise<Switch>,
): Promise<Host> {
  const mounts = new Map<string, string>();
  let running: Boot | undefined = await boot(holder, plan);
  const pid = () => {
    if (running === undefined) throw new Error(`${plan.name} is switched off`);
    return running.pid;
  };
  const place = makePlace(plan.name, () => enterHost(pid()));
  const path = (inside: string) => `/proc/${pid()}/root${inside}`;
  const bind = (source: string, target: string) =>
    place.execOk(`touch '${target}'; mount --bind '${source}' '${target}'`);

  const startOvs = (setup: readonly string[]) =>
    startOpenVSwitch(place, {
      runDir: "/run/openvswitch",
      dbDir: "/etc/openvswitch",
      logDir: "/var/log/openvswitch",
      userspaceTso: lab.userspaceTso,
      setup,
    });
  const ovs = await startOvs(plan.physicalNetworks.flatMap((network) => [
    ...["--", "add-br", network.bridge],
    ...["--", "set", "Bridge", network.bridge, `datapath_type=${lab.datapath}`],
    ...["--", "add-port", network.bridge, network.uplink],
  ]));

  const powerOff = async () => {
    if (running === undefined) return;
    const { pid, child } = running;
    running = undefined;
    Deno.kill(pid, "SIGKILL");
    await child.status;
    await holder.place.execOk(unplugScript(plan));
    const peer = await physicalSwitch;
    for (const network of plan.physicalNetworks) {
      await peer.removePort(uplinkPort(plan, network.name));
    }
  };
  const powerOn = async () => {
    if (running !== undefined) return;
    await holder.place.execOk(hostScript(lab, plan));
    running = await boot(holder, plan);
    for (const [target, source] of mounts) await bind(source, target);
    await startOvs([]);
    const peer = await physicalSwitch;
    for (const network of plan.physicalNetworks) {
      const device = uplinkPort(plan, network.name);
      await peer.addPort({ device, network, vlan: undefined });
    }
  };
  const host: Host = {
    ...place,
    plan,
    pid,
    path,
    readFile: (file) => Deno.readTextFile(path(file)),
    writeFile: async (file, text, options = {}) => {
      await Deno.mkdir(path(file.replace(/\/[^/]*$/, "")), { recursive: true });
      await Deno.writeTextFile(path(file), text);
      await Deno.chmod(path(file), options.mode ?? 0o644);
    },
    exists: (file) => Deno.lstat(path(file)).then(() => true, () => false),
    ovs,
    machineId: plan.machineId,
    bootId: () => running?.bootId ?? "",
    mount: async (source, target) => {
      await bind(source, target);
      mounts.set(target, source);
    },
    sandbox: (name) => makeSandbox(host, name),
    powerOff,
    powerOn,
    powerCycle: async () => {
      await powerOff();
      await powerOn();
    },
    setCable: async (network, up) => {
      const state = up ? "up" : "down";
      await holder.place.execOk(
        network === "management"
          ? ["ip", "link", "set", plan.name, state]
          : ["ip", "-n", "switch", "link", "set", uplinkPort(plan, network), state],
      );
    },
  };
  return host;
}

async function boot(holder: Holder, plan: HostPlan): Promise<Boot> {
  const bootId = crypto.randomUUID();
  const [program = "", ...args] = holder.netns(plan.name).enter();
  const child = new Deno.Command(program, {
    args: [
      ...args,
      ...["unshare", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "--"],
      ...["sh", "-c", INIT, plan.name, plan.name, plan.machineId, bootId],
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const said = await firstLine(child.stdout);
  const pid = Number(/^ready (\d+)/.exec(said)?.[1]);
  if (!Number.isInteger(pid)) {
    throw new Error(`${plan.name} does not boot: ${await new Response(child.stderr).text()}`);
  }
  await child.stderr.cancel();
  return { bootId, pid, child };
}

/** The command that enters a host, or a network namespace on it. */
export function enterHost(pid: number, netns?: string): readonly string[] {
  const net = netns === undefined ? "-n" : `--net=${netns}`;
  return ["nsenter", "-t", `${pid}`, "-m", "-u", "-i", "-p", "-C", net];
}

async function makeSandbox(host: Host, given?: string): Promise<Sandbox> {
  const name = given ?? `sandbox-${crypto.randomUUID().slice(0, 8)}`;
  const path = `/run/netns/${name}`;
  await host.execOk(["ip", "netns", "add", name]);
  const place = makePlace(name, () => enterHost(host.pid(), host.path(path)));
  const remove = async () => {
    // After a power cycle there is nothing left to remove.
    await host.exec(["ip", "netns", "del", name]);
  };
  return { ...place, path, containerId: name, host, remove, [Symbol.asyncDispose]: remove };
}
