/**
 * The process that a lab hangs on: process 1 of a pid namespace with mounts, network and host name
 * of its own. It reads from a pipe that only the test holds open. When the test ends, by whatever,
 * the pipe ends, process 1 exits, and the kernel kills everything in the namespace; network
 * namespaces and mounts go with their last process. Nothing of a lab lies on the machine's disk:
 * its files are in a tmpfs that only the lab sees. Only empty control groups outlive a test that
 * was killed, until the next lab starts (`cgroups.ts`).
 *
 * @module
 */

import { GROUP_PREFIX, MAKE_LAB_GROUPS, sweepGroups } from "./cgroups.ts";
import { makePlace, type Place } from "./place.ts";

export interface Holder {
  /** Unique on this machine: `fabric-lab.<pid>.<start time>.<random>`. */
  readonly id: string;
  /** Process 1 of the lab, as the machine sees it. */
  readonly pid: number;
  /** The lab's own root and, in it, the management network. */
  readonly place: Place;
  /** A path inside the lab, for the test's own use. */
  path(inside: string): string;
  /** A place in a network namespace that `ip netns` made in the lab. */
  netns(name: string): Place;
  /** Ends all. May be called twice. */
  close(): Promise<void>;
}

/**
 * $1: the lab's id. `/run/lab` holds the lab's files; `/run/lab/proc` shows the processes as the
 * machine sees them.
 */
const INIT = `set -eu
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/netns /run/lock /run/lab/proc /run/lab/hosts
mount --bind /proc /run/lab/proc
read -r pid rest </run/lab/proc/self/stat
mount -t proc proc /proc
${MAKE_LAB_GROUPS}
hostname lab
ip link set lo up
echo "ready $pid"
exec env --ignore-signal=CHLD cat`;

/** Starts a holder. Needs root. */
export async function startHolder(): Promise<Holder> {
  await sweepGroups();
  // Test files that run side by side share a process, so a number would not do.
  const unique = crypto.randomUUID().slice(0, 8);
  const id = `${GROUP_PREFIX}${Deno.pid}.${await startTime(Deno.pid)}.${unique}`;
  const child = new Deno.Command("unshare", {
    args: [
      ...["--mount", "--net", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "--"],
      ...["sh", "-c", INIT, "lab", id],
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const said = await firstLine(child.stdout);
  const pid = Number(/^ready (\d+)/.exec(said)?.[1]);
  if (!Number.isInteger(pid)) {
    await child.stdin.close();
    const why = (await new Response(child.stderr).text()).trim();
    await child.status;
    throw new Error(`a lab needs root and namespaces: ${why === "" ? said : why}`);
  }
  await child.stderr.cancel();
  const root = `/proc/${pid}/root`;
  const enter = ["nsenter", "-t", `${pid}`, "-m", "-u", "-i", "-p"];
  const place = makePlace("management", () => [...enter, "-n"]);
  let closed: Promise<void> | undefined;
  const close = async () => {
    await child.stdin.close().catch(() => {});
    await child.status;
    await sweepGroups(id);
  };
  return {
    id,
    pid,
    place,
    path: (inside) => `${root}${inside}`,
    netns: (name) => makePlace(name, () => [...enter, `--net=${root}/run/netns/${name}`]),
    close: () => closed ??= close(),
  };
}

/**
 * When a process started, in clock ticks since boot: with its id that is unique. Undefined when it
 * has ended, also where nobody has waited for it yet.
 */
export async function startTime(pid: number): Promise<string | undefined> {
  try {
    const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

/** The first line that a program prints; the rest is thrown away. */
export async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let text = "";
  while (!text.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) break;
    text += decoder.decode(value, { stream: true });
  }
  await reader.cancel();
  return text.split("\n")[0] ?? "";
}
