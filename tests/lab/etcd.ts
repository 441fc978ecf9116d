/**
 * etcd of a lab: one or three members on the management network, their data in the lab's memory.
 * The hosts use them directly. The test, which is outside, reaches each member by a relay: a port
 * on 127.0.0.1 in front of a unix socket that the member listens on too.
 *
 * @module
 */

import { makeCertificates } from "./certificates.ts";
import type { Holder } from "./holder.ts";
import { type LabEtcdOptions, MANAGEMENT } from "./options.ts";
import { eventually, type Running } from "./process.ts";
import { startRelay } from "./relay.ts";
import { signalByFile } from "./signal.ts";

export interface EtcdFiles {
  readonly caFile: string;
  /** A client's certificate, CN `fabric`. */
  readonly certFile: string;
  readonly keyFile: string;
}

export interface LabEtcd {
  /** Client URLs as the hosts reach them, in the order of the members. */
  readonly endpoints: readonly string[];
  /** The same members for the test itself, on 127.0.0.1. */
  readonly testEndpoints: readonly string[];
  /** With `tls`: the files' texts. `installFabric` puts them on the hosts. */
  readonly certificates: { readonly [K in keyof EtcdFiles]: string } | undefined;
  /** With `tls`: paths for the test itself. */
  readonly testFiles: EtcdFiles | undefined;
  /** With `auth`: the user root. */
  readonly root: { readonly user: string; readonly password: string } | undefined;
  /** Runs etcdctl as root against all members; its standard output. */
  etcdctl(...args: readonly string[]): Promise<string>;
  /** kill -9 of a member; returns when it is gone. */
  kill(member: number): Promise<void>;
  /** SIGSTOP: the kernel still accepts connections, nobody answers. */
  pause(member: number): Promise<void>;
  resume(member: number): Promise<void>;
  /** Starts a killed member on its data. */
  restart(member: number): Promise<void>;
  /** Index of the member that leads; waits for an election for at most 10 s. */
  leader(): Promise<number>;
  /** What a member wrote to its log. */
  log(member: number): Promise<string>;
  /** Closes the test's own ports; the members end with the lab. */
  closeRelays(): void;
}

const DIR = "/run/lab/etcd";

/** Starts the members and returns when all serve. */
export async function startLabEtcd(holder: Holder, options: LabEtcdOptions): Promise<LabEtcd> {
  const { place } = holder;
  const tls = options.tls !== undefined;
  const scheme = tls ? "https" : "http";
  const members = Array.from({ length: options.members ?? 1 }, (_, i) => `etcd${i + 1}`);
  const address = (member: number) => `${MANAGEMENT.v4}${member + 1}`;
  const endpoints = members.map((_, i) => `${scheme}://${address(i)}:2379`);
  const running: (Running | undefined)[] = [];

  await place.execOk(["mkdir", "-p", DIR]);
  if (tls) {
    await makeCertificates(place, DIR, { addresses: members.map((_, i) => address(i)) });
  }

  const argumentsOf = (member: number): string[] => {
    const peer = `http://${address(member)}:2380`;
    const unix = `${tls ? "unixs" : "unix"}://${members[member]}.sock:0`;
    const cluster = members.map((name, i) => `${name}=http://${address(i)}:2380`);
    return [
      options.binary ?? "etcd",
      ...["--name", members[member] ?? "", "--data-dir", `${DIR}/${members[member]}`],
      ...["--listen-client-urls", `${endpoints[member]},${unix}`],
      ...["--advertise-client-urls", endpoints[member] ?? ""],
      ...["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer],
      ...["--initial-cluster", cluster.join(","), "--initial-cluster-state", "new"],
      ...["--heartbeat-interval", "50", "--election-timeout", "500"],
      ...["--bcrypt-cost", "4", "--logger", "zap", "--log-outputs", "stderr"],
      ...tls ? ["--cert-file", "server.pem", "--key-file", "server.key"] : [],
      ...tls ? ["--trusted-ca-file", "ca.pem"] : [],
      ...options.tls === "mutual" ? ["--client-cert-auth"] : [],
      ...options.args ?? [],
    ];
  };
  const log = (member: number) => Deno.readTextFile(holder.path(`${DIR}/${members[member]}.log`));
  const startMember = async (member: number) => {
    // Beside the shell, so that SIGSTOP stops the member only: nsenter would stop with its child.
    const script = `cd ${DIR}; name=$1; shift; rm -f "$name.sock:0"
setpriv --pdeathsig KILL -- "$@" >"$name.log" 2>&1 &
echo $! >"$name.pid"
wait $!`;
    const program = ["sh", "-euc", script, "sh", members[member] ?? "", ...argumentsOf(member)];
    await Deno.remove(holder.path(`${DIR}/${members[member]}.log`)).catch(() => {});
    const process = place.start(program);
    running[member] = process;
    let ended = false;
    process.status.finally(() => ended = true);
    await eventually(`${members[member]} serves`, async () => {
      const text = await log(member).catch(() => "");
      if (ended) throw new Error(`etcd ended: ${process.output()}${text.slice(-2000)}`);
      // Once for each of its two listeners.
      return text.split('"serving client traffic').length > 2;
    }, { timeoutMs: 20_000 });
  };
  const signal = (member: number, name: string) =>
    signalByFile(place, `${DIR}/${members[member]}.pid`, name);
  const text = (file: string) => Deno.readTextFile(holder.path(`${DIR}/${file}`));

  let root: LabEtcd["root"];
  const environment = () => ({
    ETCDCTL_API: "3",
    ETCDCTL_ENDPOINTS: endpoints.join(","),
    ...(tls
      ? {
        ETCDCTL_CACERT: `${DIR}/ca.pem`,
        ETCDCTL_CERT: `${DIR}/client.pem`,
        ETCDCTL_KEY: `${DIR}/client.key`,
      }
      : {}),
    ...(root === undefined ? {} : { ETCDCTL_USER: `${root.user}:${root.password}` }),
  });
  const etcdctl = (...args: readonly string[]) =>
    place.execOk(["etcdctl", ...args], { env: environment() });

  await Promise.all(members.map((_, i) => startMember(i)));
  if (options.auth === true) {
    const password = crypto.randomUUID();
    await etcdctl("role", "add", "root");
    await place.execOk(["etcdctl", "user", "add", "root", "--interactive=false"], {
      input: `${password}\n`,
      env: environment(),
    });
    await etcdctl("user", "grant-role", "root", "root");
    await etcdctl("auth", "enable");
    root = { user: "root", password };
  }
  const relays = members.map((name) => startRelay(holder.path(`${DIR}/${name}.sock:0`)));
  return {
    endpoints,
    testEndpoints: relays.map(({ port }) => `${scheme}://127.0.0.1:${port}`),
    certificates: tls
      ? {
        caFile: await text("ca.pem"),
        certFile: await text("client.pem"),
        keyFile: await text("client.key"),
      }
      : undefined,
    testFiles: tls
      ? {
        caFile: holder.path(`${DIR}/ca.pem`),
        certFile: holder.path(`${DIR}/client.pem`),
        keyFile: holder.path(`${DIR}/client.key`),
      }
      : undefined,
    root,
    etcdctl,
    kill: async (member) => {
      await signal(member, "KILL");
      await running[member]?.status;
    },
    pause: (member) => signal(member, "STOP"),
    resume: (member) => signal(member, "CONT"),
    restart: startMember,
    leader: () =>
      eventually("a member of etcd leads", async () => {
        const answers = await place.exec(
          ["etcdctl", "endpoint", "status", "-w", "json", "--command-timeout=1s"],
          { env: environment() },
        );
        return findLeader(answers.stdout, endpoints);
      }, { everyMs: 50 }),
    log,
    closeRelays: () => relays.forEach((r) => r.close()),
  };
}

/** The member that says it leads and that a majority follows; `false` while there is none. */
function findLeader(statuses: string, endpoints: readonly string[]): number | false {
  // The ids exceed what a number can hold, so they are read as text.
  const pattern = /"Endpoint":"([^"]+)".*?"member_id":(\d+).*?"leader":(\d+)/g;
  const answers = [...statuses.matchAll(pattern)].map(([, endpoint, id, leader]) => ({
    endpoint,
    id,
    leader,
  }));
  const found = answers.find(({ id }) =>
    answers.filter(({ leader }) => leader === id).length > endpoints.length / 2
  );
  return found?.endpoint === undefined ? false : endpoints.indexOf(found.endpoint);
}
