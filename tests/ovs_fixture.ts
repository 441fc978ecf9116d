/**
 * Real Open vSwitch for tests: a host of its own, which is a network namespace with an
 * ovsdb-server and an ovs-vswitchd (netdev datapath) and a run folder of its own. Any number of
 * them stand side by side.
 *
 * All of it dies with the test, also by kill -9. What holds a namespace and what removes the host's
 * folder reads from a pipe, which ends with the test; the daemons are children of the test with
 * `PR_SET_PDEATHSIG`. (That signal comes when the *thread* that started the child ends; that is the
 * thread that runs the test file, so a daemon never outlives its file either.)
 *
 * @module
 */

import { type Argv, inNetns, type Output, type Run, run } from "../mod/host/run.ts";
import { stopProcess } from "./supervised.ts";

/** An empty network namespace, held by a sleeping process. */
export interface Netns extends AsyncDisposable {
  /** The process that holds it. */
  readonly pid: number;
  /** `/proc/<pid>/ns/net` */
  readonly path: string;
  /** Runs programs inside it. */
  readonly run: Run;
  /** Runs one program inside it and returns what it printed. */
  exec(command: string | Argv): Promise<string>;
  /** Starts a program inside it that goes on until it is disposed of, or the test ends. */
  background(argv: Argv): AsyncDisposable;
  /** Ends it, with its devices. May be called twice. */
  stop(): Promise<void>;
}

/** A host: a namespace with Open vSwitch. */
export interface OvsHost extends Netns {
  /** The unix socket of ovsdb-server. */
  readonly socket: string;
  /** Folder of sockets, database and logs. */
  readonly runDir: string;
  /** Starts ovsdb-server (again) and waits until it answers. */
  startDatabase(): Promise<void>;
  /** kill -9 of ovsdb-server. */
  killDatabase(): Promise<void>;
  /** Starts ovs-vswitchd (again) and waits until it has taken up its configuration. */
  startVswitchd(): Promise<void>;
  /** kill -9 of ovs-vswitchd. */
  killVswitchd(): Promise<void>;
  /** SIGSTOP of ovs-vswitchd or ovsdb-server: it is there and does not answer. */
  freeze(daemon: "ovs-vswitchd" | "ovsdb-server"): Promise<void>;
}

export interface StartOvsOptions {
  /** Bridges to make, all with `datapath_type=netdev`. Default: none. */
  readonly bridges?: readonly string[];
  /** `other_config:userspace-tso-enable`: for throughput, then pods keep their tx offload. */
  readonly userspaceTso?: boolean;
}

const SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema";

/**
 * Makes an empty network namespace with `lo` up.
 *
 * @param folder Removed when the test ends without stopping the namespace.
 */
export async function startNetns(folder?: string): Promise<Netns> {
  // Two processes wait until the pipe ends, which it does with the test, however that ends. The
  // first removes the folder; Deno may kill the second, which holds the namespace, before. "ready"
  // tells that the namespace is there.
  const script = `exec 3<&0
    ( read forever <&3
      i=0; until [ $i = 50 ] || rm -rf "$1"; do i=$((i + 1)); sleep 0.1; done ) >/dev/null 2>&1 &
    exec unshare --net -- sh -c 'ip link set lo up && echo ready && read forever'`;
  const child = new Deno.Command("sh", {
    args: ["-c", script, "sh", folder ?? ""],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child.stdout.getReader();
  const first = await reader.read();
  await reader.cancel();
  if (first.done) {
    await child.status;
    throw new Error("unshare --net failed: tests need root and network namespaces");
  }
  const path = `/proc/${child.pid}/ns/net`;
  const runInside = inNetns(run, path);
  const stop = once(async () => {
    child.kill("SIGKILL");
    await child.status;
    await child.stdin.close().catch(() => {});
  });
  return {
    pid: child.pid,
    path,
    run: runInside,
    exec: (command) => execIn(runInside, command),
    background: (argv) => startIn(path, argv),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Starts a host with Open vSwitch; about 0.15 s. */
export async function startOvs(options: StartOvsOptions = {}): Promise<OvsHost> {
  await using cleanup = new AsyncDisposableStack();
  const runDir = `${Deno.env.get("TMPDIR") ?? "/tmp"}/fabric-ovs-${crypto.randomUUID().slice(24)}`;
  const netns = cleanup.use(await startNetns(runDir));
  await Deno.mkdir(runDir, { mode: 0o700 });
  cleanup.defer(() => Deno.remove(runDir, { recursive: true }));
  const env = {
    OVS_RUNDIR: runDir,
    OVS_DBDIR: runDir,
    OVS_LOGDIR: runDir,
    OVS_SYSCONFDIR: runDir,
  };
  const socket = `${runDir}/db.sock`;
  const runInside: Run = (argv, o) => netns.run(argv, { ...o, env: { ...env, ...o?.env } });

  const daemons = new Map<string, Deno.ChildProcess>();
  const kill = async (name: string): Promise<void> => {
    const child = daemons.get(name);
    if (child === undefined) return;
    daemons.delete(name);
    child.kill("SIGKILL");
    await child.status;
  };
  cleanup.defer(() => kill("ovsdb-server"));
  cleanup.defer(() => kill("ovs-vswitchd"));
  const start = (name: string, args: readonly string[]): void => {
    if (daemons.has(name)) throw new Error(`${name} runs already`);
    const child = new Deno.Command("setpriv", {
      args: ["--pdeathsig", "KILL", "nsenter", `--net=${netns.path}`, "--", name, ...args],
      env,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    daemons.set(name, child);
  };

  const startDatabase = async (): Promise<void> => {
    await Deno.remove(socket).catch(() => {});
    start("ovsdb-server", [
      `${runDir}/conf.db`,
      `--remote=punix:${socket}`,
      `--log-file=${runDir}/ovsdb-server.log`,
      `--unixctl=${runDir}/ovsdb-server.ctl`,
      "-vconsole:off",
      "-vfile:warn",
    ]);
    await until("ovsdb-server listens", async () => {
      try {
        (await Deno.connect({ transport: "unix", path: socket })).close();
        return true;
      } catch {
        return false;
      }
    });
  };
  const startVswitchd = async (): Promise<void> => {
    start("ovs-vswitchd", [
      `unix:${socket}`,
      `--pidfile=${runDir}/ovs-vswitchd.pid`,
      `--log-file=${runDir}/ovs-vswitchd.log`,
      `--unixctl=${runDir}/ovs-vswitchd.ctl`,
      "-vconsole:off",
    ]);
    // Raising next_cfg and waiting until cur_cfg follows is how ovs-vsctl waits for vswitchd.
    await runInside(["ovs-vsctl", "--timeout=10", "set", "Open_vSwitch", ".", "other_config:x=x"]);
  };

  await run(["ovsdb-tool", "create", `${runDir}/conf.db`, SCHEMA]);
  await startDatabase();
  await runInside([
    "ovs-vsctl",
    "--no-wait",
    "init",
    "--",
    "set",
    "Open_vSwitch",
    ".",
    "other_config:n-handler-threads=1",
    "other_config:n-revalidator-threads=1",
    `other_config:userspace-tso-enable=${options.userspaceTso ?? false}`,
  ]);
  await startVswitchd();
  for (const bridge of options.bridges ?? []) {
    await runInside([
      "ovs-vsctl",
      "--timeout=10",
      "add-br",
      bridge,
      "--",
      "set",
      "Bridge",
      bridge,
      "datapath_type=netdev",
    ]);
  }

  const owned = cleanup.move();
  const stop = once(() => owned.disposeAsync());
  return {
    pid: netns.pid,
    path: netns.path,
    socket,
    runDir,
    run: runInside,
    exec: (command) => execIn(runInside, command),
    background: netns.background,
    startDatabase,
    killDatabase: () => kill("ovsdb-server"),
    startVswitchd,
    killVswitchd: () => kill("ovs-vswitchd"),
    freeze: async (daemon) => {
      const pid = daemons.get(daemon)?.pid;
      if (pid !== undefined) await stopProcess(pid);
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/**
 * Waits until `condition` holds, looking every 10 ms.
 *
 * @throws {Error} After `timeoutMs` (default 10 s), naming `what`.
 */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 10_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!await condition()) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function execIn(runInside: Run, command: string | Argv): Promise<string> {
  const argv: Argv = typeof command === "string" ? ["sh", "-ec", command] : command;
  const output: Output = await runInside(argv);
  return output.stdout;
}

function startIn(netns: string, argv: Argv): AsyncDisposable {
  const child = new Deno.Command("setpriv", {
    args: ["--pdeathsig", "KILL", "nsenter", `--net=${netns}`, "--", ...argv],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  return {
    async [Symbol.asyncDispose]() {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended by itself.
      }
      await child.status;
    },
  };
}

function once(action: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => done ??= action();
}
