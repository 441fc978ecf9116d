/**
 * A real etcd for tests: one or three members of the `etcd` on PATH, on free loopback ports, with
 * their data in memory (`/dev/shm`), where syncing costs nothing. The members
 * and their data go with the test that started them, also when that is killed: a supervising shell
 * waits for the end of its standard input, which only the test holds open.
 *
 * ```ts
 * await using etcd = await startEtcd({ members: 3 });
 * const store = await openStore({ endpoints: etcd.endpoints, ... });
 * await etcd.kill(await etcd.leader());
 * ```
 *
 * @module
 */

import { type EtcdCertificates, makeCertificates } from "./etcd_certificates.ts";
import { freePort } from "./free_port.ts";
import {
  makeMemoryDir,
  stopProcess,
  supervise,
  type Supervised,
  superviseDir,
} from "./supervised.ts";

export type { EtcdCertificates } from "./etcd_certificates.ts";
export { freePort } from "./free_port.ts";

export interface EtcdOptions {
  /** Default 1. */
  readonly members?: 1 | 3;
  /** `server`: TLS only; `mutual`: etcd also asks for a client certificate. Default: plain TCP. */
  readonly tls?: "server" | "mutual";
  /** Turns etcd's own auth on, with the user root and a password. Default false. */
  readonly auth?: boolean;
  /** Further flags for every member, e.g. `--max-request-bytes=...`. */
  readonly args?: readonly string[];
}

export interface EtcdFixture extends AsyncDisposable {
  /** Client URLs in the order of the members. */
  readonly endpoints: readonly string[];
  readonly dataDirs: readonly string[];
  /** The folder of everything; deleted at the end. */
  readonly dir: string;
  /** With `tls`. */
  readonly certificates: EtcdCertificates | undefined;
  /** With `auth`: the user root; the file has mode 0600. */
  readonly root: { readonly user: string; readonly passwordFile: string } | undefined;
  /** The member's process id; throws when it does not run. */
  pid(member: number): number;
  /** kill -9; returns when the process is gone. */
  kill(member: number): Promise<void>;
  /** SIGSTOP: the kernel still accepts connections, nobody answers. */
  pause(member: number): Promise<void>;
  resume(member: number): void;
  /** Starts a killed member again on its data, or kills and starts one that runs. */
  restart(member: number): Promise<void>;
  /** The index of the member that leads; waits for an election for at most 10 s. */
  leader(): Promise<number>;
  /** Runs etcdctl against all members with the right files and user; its standard output. */
  etcdctl(...args: readonly string[]): Promise<string>;
  /** A member's counters in Prometheus's text form; "" when it does not answer. */
  metrics(member: number): Promise<string>;
  /** What a member wrote to its log. */
  log(member: number): Promise<string>;
  /** Ends all members and deletes the data; may be called twice. */
  stop(): Promise<void>;
}

interface Ports {
  readonly client: number;
  readonly peer: number;
  readonly metrics: number;
}

interface Member {
  readonly name: string;
  readonly ports: Ports;
  readonly dataDir: string;
  readonly logFile: string;
  process: Supervised | undefined;
}

const READY_MS = 15_000;

/** Starts etcd and returns when it serves. */
export async function startEtcd(options: EtcdOptions = {}): Promise<EtcdFixture> {
  const dir = await makeMemoryDir("fabric-etcd-");
  const cleaner = superviseDir(dir);
  const attempts = 5;
  for (let attempt = 1;; attempt++) {
    const started = await tryStart(dir, options);
    if ("fixture" in started) return withCleaner(started.fixture, cleaner);
    await started.stop();
    if (attempt === attempts || !isPortTaken(started.log)) {
      await cleaner.end();
      throw new Error(`etcd did not start: ${started.log.slice(-2000)}`);
    }
  }
}

function isPortTaken(log: string): boolean {
  return log.includes("address already in use");
}

function withCleaner(fixture: EtcdFixture, cleaner: Supervised): EtcdFixture {
  const stop = async () => {
    await fixture.stop();
    await cleaner.end();
  };
  return { ...fixture, stop, [Symbol.asyncDispose]: stop };
}

type Started = { fixture: EtcdFixture } | { stop: () => Promise<void>; log: string };

async function tryStart(dir: string, options: EtcdOptions): Promise<Started> {
  const tls = options.tls !== undefined;
  const certificates = tls ? await makeCertificates(dir) : undefined;
  const members = Array.from({ length: options.members ?? 1 }, (_, i): Member => {
    const name = `m${i}`;
    return {
      name,
      ports: { client: freePort(), peer: freePort(), metrics: freePort() },
      dataDir: `${dir}/${name}`,
      logFile: `${dir}/${name}.log`,
      process: undefined,
    };
  });
  const scheme = tls ? "https" : "http";
  const endpoints = members.map((m) => `${scheme}://127.0.0.1:${m.ports.client}`);
  const cluster = members.map((m) => `${m.name}=http://127.0.0.1:${m.ports.peer}`).join(",");

  const argumentsOf = (m: Member, state: "new" | "existing"): string[] => {
    const client = `${scheme}://127.0.0.1:${m.ports.client}`;
    const peer = `http://127.0.0.1:${m.ports.peer}`;
    const misnamed = tls ? `,${scheme}://127.0.0.2:${m.ports.client}` : "";
    const args = [
      "etcd",
      ...["--name", m.name, "--data-dir", m.dataDir],
      ...["--listen-client-urls", client + misnamed, "--advertise-client-urls", client],
      ...["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer],
      ...["--initial-cluster", cluster, "--initial-cluster-state", state],
      ...["--listen-metrics-urls", `http://127.0.0.1:${m.ports.metrics}`],
      ...["--heartbeat-interval", "50", "--election-timeout", "500"],
      ...["--bcrypt-cost", "4", "--logger", "zap", "--log-outputs", "stderr"],
    ];
    if (certificates !== undefined) {
      args.push("--cert-file", certificates.serverCertFile);
      args.push("--key-file", certificates.serverKeyFile);
      // An authority alone makes etcd ask for client certificates.
      if (options.tls === "mutual") {
        args.push("--client-cert-auth", "--trusted-ca-file", certificates.caFile);
      }
    }
    return [...args, ...options.args ?? []];
  };
  const start = async (m: Member, state: "new" | "existing") => {
    m.process = await supervise(argumentsOf(m, state), m.logFile);
  };
  const at = (index: number): Member => {
    const m = members[index];
    if (m === undefined) throw new Error(`there is no member ${index}`);
    return m;
  };
  const pid = (index: number): number => {
    const process = at(index).process;
    if (process === undefined) throw new Error(`member ${index} does not run`);
    return process.pid;
  };
  const kill = async (index: number) => {
    await at(index).process?.end();
    at(index).process = undefined;
  };
  const stop = async () => {
    await Promise.all(members.map((_, i) => kill(i)));
  };
  let root: EtcdFixture["root"];
  let credentials: string[] = [];

  const etcdctl = async (...args: readonly string[]): Promise<string> => {
    const files = certificates === undefined ? [] : [
      ...["--cacert", certificates.caFile],
      ...["--cert", certificates.certFile, "--key", certificates.keyFile],
    ];
    const output = await new Deno.Command("etcdctl", {
      args: [`--endpoints=${endpoints.join(",")}`, ...files, ...credentials, ...args],
      env: { ETCDCTL_API: "3" },
      stdin: "null",
    }).output();
    const text = new TextDecoder();
    if (!output.success) {
      throw new Error(`etcdctl ${args.join(" ")}: ${text.decode(output.stderr)}`);
    }
    return text.decode(output.stdout);
  };

  try {
    await Promise.all(members.map((m) => start(m, "new")));
    await Promise.all(members.map((m) => untilHealthy(m)));
    if (options.auth === true) {
      const password = crypto.randomUUID();
      const passwordFile = `${dir}/root.password`;
      await Deno.writeTextFile(passwordFile, `${password}\n`, { mode: 0o600 });
      await etcdctl("user", "add", `root:${password}`);
      await etcdctl("user", "grant-role", "root", "root").catch(async () => {
        await etcdctl("role", "add", "root");
        await etcdctl("user", "grant-role", "root", "root");
      });
      await etcdctl("auth", "enable");
      root = { user: "root", passwordFile };
      credentials = [`--user=root:${password}`];
    }
  } catch (error) {
    const logs = await Promise.all(
      members.map((m) => Deno.readTextFile(m.logFile).catch(() => "")),
    );
    return { stop, log: `${error}\n${logs.join("\n")}` };
  }

  const fixture: EtcdFixture = {
    endpoints,
    dataDirs: members.map((m) => m.dataDir),
    dir,
    certificates,
    root,
    pid,
    kill,
    pause: (index) => stopProcess(pid(index)),
    resume: (index) => Deno.kill(pid(index), "SIGCONT"),
    restart: async (index) => {
      await kill(index);
      await start(at(index), "existing");
      await untilHealthy(at(index));
    },
    leader: () => findLeader(members),
    etcdctl,
    metrics: async (index) => await ask(at(index), "/metrics") ?? "",
    log: (index) => Deno.readTextFile(at(index).logFile),
    stop,
    [Symbol.asyncDispose]: stop,
  };
  return { fixture };
}

async function untilHealthy(member: Member): Promise<void> {
  const deadline = performance.now() + READY_MS;
  while (performance.now() < deadline) {
    if (member.process?.isOver() === true) throw new Error(`${member.name} ended`);
    const body = await ask(member, "/health");
    if (body !== undefined && /"health"\s*:\s*"true"/.test(body)) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`${member.name} is not healthy after ${READY_MS} ms`);
}

async function findLeader(members: readonly Member[]): Promise<number> {
  const deadline = performance.now() + 10_000;
  while (performance.now() < deadline) {
    const running = members.filter((m) => m.process !== undefined);
    const answers = await Promise.all(
      running.map(async (m) => {
        const body = await ask(m, "/metrics");
        return body !== undefined && /^etcd_server_is_leader 1$/m.test(body) ? m : undefined;
      }),
    );
    const leaders = answers.filter((m) => m !== undefined);
    // A paused leader does not answer, and one that was just replaced may still claim to lead.
    const [leader] = leaders;
    if (leaders.length === 1 && leader !== undefined) return members.indexOf(leader);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("no member leads after 10 s");
}

async function ask(member: Member, path: string): Promise<string | undefined> {
  try {
    const response = await fetch(`http://127.0.0.1:${member.ports.metrics}${path}`, {
      signal: AbortSignal.timeout(500),
    });
    return await response.text();
  } catch {
    return undefined;
  }
}
