/**
 * podman on a host, with networks by CNI and no images.
 *
 * @module
 */

import { JOIN_SERVICES } from "./cgroups.ts";
import { enterHost, type Host } from "./host.ts";
import { makePlace, type Place } from "./place.ts";
import { requireOk } from "./process.ts";
import { announced, makeRootfs } from "./rootfs.ts";

export interface PodmanRunOptions {
  /** Names of conflists: `eth0` in the first, and so on. In which order podman calls ADD is open. */
  readonly networks: readonly string[];
  /** Program and arguments inside. Default: sleep. */
  readonly command?: readonly string[];
  /** Further flags of `podman run`. */
  readonly flags?: readonly string[];
}

export interface PodmanContainer extends Place, AsyncDisposable {
  /** What podman calls it, and what the plugin got as CNI_CONTAINERID. */
  readonly containerId: string;
  /** Runs a program of the container's own root file system; its standard output. */
  execInside(argv: readonly string[]): Promise<string>;
  /** `podman stop`, with a DEL; the container stays and can be started again. */
  halt(): Promise<void>;
  /** `podman start`, with an ADD in a new namespace. */
  startAgain(): Promise<void>;
  /** `podman restart`: a DEL, and an ADD in a new namespace. */
  restart(): Promise<void>;
  /** `podman rm`, with a DEL where it runs. May be called twice. */
  remove(): Promise<void>;
}

export interface Podman {
  readonly version: string;
  /** Starts a container; throws with what was printed when that fails. */
  run(name: string, options: PodmanRunOptions): Promise<PodmanContainer>;
  /** Runs podman; its standard output. */
  podman(...args: readonly string[]): Promise<string>;
}

const CONTAINERS_CONF = `[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
log_driver = "k8s-file"
[network]
network_backend = "cni"
cni_plugin_dirs = ["/opt/cni/bin"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
`;

/** vfs needs nothing of the file system below, and nothing is stored in it. */
const STORAGE_CONF = `[storage]
driver = "vfs"
runroot = "/run/containers/storage"
graphroot = "/var/lib/containers/storage"
`;

/** Configures podman on a host; there is no daemon. */
export async function setUpPodman(host: Host): Promise<Podman> {
  await host.writeFile("/etc/containers/containers.conf", CONTAINERS_CONF);
  await host.writeFile("/etc/containers/storage.conf", STORAGE_CONF);
  const podman = async (...args: readonly string[]) =>
    requireOk(
      await host.exec(
        ["sh", "-c", `${JOIN_SERVICES}\nexec podman "$@"`, "podman", ...args],
        { timeoutMs: 60_000 },
      ),
    );
  const [, version = ""] = / version (\S+)/.exec(await podman("--version")) ?? [];

  const run = async (name: string, options: PodmanRunOptions): Promise<PodmanContainer> => {
    const rootfs = await makeRootfs(host, `podman-${name}`);
    // Without a name podman numbers the interfaces as it likes.
    const networks = options.networks.flatMap((network, i) => [
      "--network",
      `${network}:interface_name=eth${i}`,
    ]);
    const containerId = (await podman(
      ...["run", "--detach", "--name", name, ...networks, "--cap-add", "NET_RAW"],
      ...[...options.flags ?? [], "--rootfs", rootfs, ...announced(options.command)],
    )).trim();
    const netns = async () =>
      (await podman("inspect", "--format", "{{.NetworkSettings.SandboxKey}}", name)).trim();
    let path = await netns();
    let removed: Promise<void> | undefined;
    const remove = async () => {
      await podman("rm", "--force", "--time", "0", name);
    };
    const removeOnce = () => removed ??= remove();
    return {
      ...makePlace(name, () => enterHost(host.pid(), host.path(path))),
      containerId,
      execInside: (argv) => podman("exec", name, ...argv),
      halt: async () => {
        await podman("stop", "--time", "0", name);
      },
      startAgain: async () => {
        await podman("start", name);
        path = await netns();
      },
      restart: async () => {
        await podman("restart", "--time", "0", name);
        path = await netns();
      },
      remove: removeOnce,
      [Symbol.asyncDispose]: removeOnce,
    };
  };
  return { version, run, podman };
}
