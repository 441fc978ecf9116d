/**
 * containerd on a host, driven by `ctr run --cni --rootfs`: Debian's, or one that `scripts/tools`
 * built.
 *
 * @module
 */

import { JOIN_SERVICES } from "./cgroups.ts";
import { enterHost, type Host } from "./host.ts";
import { makePlace, type Place } from "./place.ts";
import { requireOk, type Running } from "./process.ts";
import { announced, makeRootfs } from "./rootfs.ts";

export interface ContainerdOptions {
  /** Folder of `containerd`, `ctr` and the shim. Default: Debian's on PATH. */
  readonly binaries?: string;
  /** What sandboxes run that are started by CRI; it must have been imported then. */
  readonly sandboxImage?: string;
}

export interface RunOptions {
  /** Program and arguments inside. Default: sleep. */
  readonly command?: readonly string[];
  /** Further flags of `ctr run`. */
  readonly flags?: readonly string[];
}

export interface Container extends Place, AsyncDisposable {
  readonly id: string;
  /** What the plugin got as CNI_CONTAINERID. */
  readonly containerId: string;
  /** Its first process, as the host sees it. */
  readonly pid: number;
  /** Runs a program of the container's own root file system; its standard output. */
  execInside(argv: readonly string[]): Promise<string>;
  /**
   * Kills it, after which `ctr` calls DEL and removes it; what ctr printed. May be called twice.
   */
  remove(): Promise<string>;
}

export interface Containerd extends AsyncDisposable {
  readonly version: string;
  /** Its socket, on the host. */
  readonly socket: string;
  /** Starts a container with a network; throws with what was printed when that fails. */
  run(id: string, options?: RunOptions): Promise<Container>;
  /** Runs ctr; its standard output. */
  ctr(...args: readonly string[]): Promise<string>;
  /** Ends the daemon; containers stay. May be called twice. */
  stop(): Promise<void>;
}

const SOCKET = "/run/containerd/containerd.sock";

const configuration = ({ sandboxImage }: ContainerdOptions) =>
  `version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
[grpc]
  address = "${SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
  restrict_oom_score_adj = true
  tolerate_missing_hugetlb_controller = true
  ${sandboxImage === undefined ? "" : `sandbox_image = "${sandboxImage}"`}
`;

/** Starts containerd on a host. */
export async function startContainerd(
  host: Host,
  options: ContainerdOptions = {},
): Promise<Containerd> {
  const PATH = [...(options.binaries === undefined ? [] : [options.binaries]), SYSTEM_PATH].join(
    ":",
  );
  const env = { PATH, CONTAINERD_ADDRESS: SOCKET };
  await host.writeFile("/etc/containerd/lab.toml", configuration(options));
  const daemon = host.start(
    `${JOIN_SERVICES}
exec containerd --config /etc/containerd/lab.toml`,
    { env },
  );
  await daemon.until(/containerd successfully booted/);
  const command = (args: readonly string[]) => ["ctr", ...args];
  const ctr = async (...args: readonly string[]) =>
    requireOk(await host.exec(command(args), { env }));
  const [, version = ""] = /^containerd \S+ v?(\S+)/.exec(
    await host.execOk(["containerd", "--version"], { env }),
  ) ?? [];

  const run = async (id: string, run: RunOptions = {}): Promise<Container> => {
    const rootfs = await makeRootfs(host, `containerd-${id}`);
    const pidFile = `/run/lab-rootfs/${id}.pid`;
    const attached = host.start(
      command([
        ...["run", "--rm", "--cni", "--rootfs", "--pid-file", pidFile, ...run.flags ?? []],
        ...[rootfs, id, ...announced(run.command)],
      ]),
      { env },
    );
    await attached.until(/lab-ready/, 30_000);
    const pid = Number(await host.readFile(pidFile));
    return makeContainer(host, { id, pid, attached, ctr });
  };

  const stop = async () => {
    await daemon.stop();
  };
  return { version, socket: SOCKET, run, ctr, stop, [Symbol.asyncDispose]: stop };
}

const SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

interface Started {
  readonly id: string;
  readonly pid: number;
  readonly attached: Running;
  readonly ctr: Containerd["ctr"];
}

function makeContainer(host: Host, { id, pid, attached, ctr }: Started): Container {
  const netns = `/proc/${host.pid()}/root/proc/${pid}/ns/net`;
  let removed: Promise<string> | undefined;
  const remove = async () => {
    await ctr("task", "kill", "-s", "KILL", id);
    await attached.status;
    return attached.output();
  };
  const removeOnce = () => removed ??= remove();
  return {
    ...makePlace(id, () => enterHost(host.pid(), netns)),
    id,
    containerId: `default-${id}`,
    pid,
    execInside: (argv) => ctr("task", "exec", "--exec-id", crypto.randomUUID(), id, ...argv),
    remove: removeOnce,
    [Symbol.asyncDispose]: async () => {
      await removeOnce();
    },
  };
}
