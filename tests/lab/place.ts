/**
 * A place where a test runs programs: a host, a sandbox or container on it, a server, the router,
 * the switch. All have the same verbs.
 *
 * @module
 */

import { eventually, execute, requireOk, start } from "./process.ts";
import type { ExecOptions, ExecResult, Running } from "./process.ts";

export interface PingOptions {
  /** Default 1. */
  readonly count?: number;
  /** Seconds between two; default 0.2. */
  readonly interval?: number;
  /** Milliseconds to wait for each answer. Default 1000. */
  readonly waitMs?: number;
  /** Bytes of payload (the packet is 28 longer in IPv4, 48 in IPv6), never fragmented. */
  readonly size?: number;
}

export interface PingResult {
  readonly sent: number;
  readonly received: number;
  /** One figure for each answer. */
  readonly roundTripsMs: readonly number[];
}

/** Packets seen by tcpdump, one line each. */
export interface Capture extends AsyncDisposable {
  lines(): readonly string[];
  /** Waits for a line that matches. */
  until(pattern: RegExp, timeoutMs?: number): Promise<string>;
  /** Ends it and returns all lines. */
  stop(): Promise<readonly string[]>;
}

/** Where programs run; namespaces of network, mounts, processes and host name are those of it. */
export interface Place {
  readonly name: string;
  /** The command that enters it now; the program and its arguments follow. */
  enter(): readonly string[];
  exec(argv: string | readonly string[], options?: ExecOptions): Promise<ExecResult>;
  /** Standard output; throws unless the exit code is 0. A string is a script for `sh -eu`. */
  execOk(argv: string | readonly string[], options?: ExecOptions): Promise<string>;
  /** Starts a program that runs beside the test. */
  start(argv: string | readonly string[], options?: ExecOptions): Running;
  /** One `ping`. */
  ping(target: string, options?: PingOptions): Promise<PingResult>;
  /** True as soon as `target` answers a ping; false when it has not within `withinMs` (3,000). */
  reaches(target: string, options?: { readonly withinMs?: number }): Promise<boolean>;
  /** A TCP server that sends back what it gets; returns when it listens. */
  serveTcp(port: number, options?: { readonly greeting?: string }): Promise<Running>;
  /** Connects, sends one line, and returns all that comes back until the line is echoed. */
  askTcp(target: string, port: number, line?: string): Promise<string>;
  /** Starts tcpdump; returns when it captures. */
  capture(device: string, filter?: string): Promise<Capture>;
  /** Addresses of a device, as `10.0.0.5/24`. */
  addresses(device: string): Promise<readonly string[]>;
}

/**
 * A place that `enter` enters (nsenter and its arguments; asked each time, since a host that was
 * switched off comes back with other namespaces). What runs there dies with the command that
 * entered, and with the lab.
 */
export function makePlace(name: string, enter: () => readonly string[]): Place {
  const command = (argv: string | readonly string[]): readonly string[] => [
    ...enter(),
    "setpriv",
    "--pdeathsig",
    "KILL",
    "--",
    ...(typeof argv === "string" ? ["sh", "-euc", argv] : argv),
  ];
  const exec: Place["exec"] = (argv, options) => execute(command(argv), options);
  const execOk: Place["execOk"] = async (argv, options) => requireOk(await exec(argv, options));
  const startHere: Place["start"] = (argv, options) => start(command(argv), options);

  const ping: Place["ping"] = async (target, options = {}) => {
    const count = options.count ?? 1;
    const waitMs = options.waitMs ?? 1000;
    const size = options.size === undefined ? [] : ["-s", `${options.size}`, "-M", "do"];
    const interval = options.interval ?? 0.2;
    const result = await exec(
      [
        "ping",
        "-n",
        "-c",
        `${count}`,
        "-i",
        `${interval}`,
        "-W",
        `${waitMs / 1000}`,
        ...size,
        target,
      ],
      { timeoutMs: count * interval * 1000 + waitMs + 10_000 },
    );
    const roundTripsMs = [...result.stdout.matchAll(/ time=([0-9.]+) ms/g)].map((m) =>
      Number(m[1])
    );
    return { sent: count, received: roundTripsMs.length, roundTripsMs };
  };

  const reaches: Place["reaches"] = async (target, options = {}) => {
    const deadline = performance.now() + (options.withinMs ?? 3000);
    do {
      if ((await ping(target, { waitMs: 300 })).received > 0) return true;
    } while (performance.now() < deadline);
    return false;
  };

  const serveTcp: Place["serveTcp"] = async (port, options = {}) => {
    const serve = options.greeting === undefined
      ? "EXEC:cat"
      : `SYSTEM:echo ${options.greeting}; cat`;
    const server = startHere(["socat", "-d", "-d", `TCP6-LISTEN:${port},fork,reuseaddr`, serve]);
    await server.until(/listening on/);
    return server;
  };

  const askTcp: Place["askTcp"] = async (target, port, line = "hello") => {
    const address = target.includes(":") ? `TCP6:[${target}]` : `TCP4:${target}`;
    const client = startHere(["socat", "-", `${address}:${port},connect-timeout=3`]);
    try {
      await client.write(`${line}\n`);
      await client.until(new RegExp(`^${RegExp.escape(line)}\n`, "m"), 5000);
      return client.output();
    } finally {
      await client.stop();
    }
  };

  const capture: Place["capture"] = async (device, filter = "") => {
    const dump = startHere([
      "tcpdump",
      "-i",
      device,
      "-n",
      "-e",
      "-l",
      "-U",
      "--immediate-mode",
      // As root: a change of user would undo setpriv's --pdeathsig.
      "-Z",
      "root",
      filter,
    ]);
    await dump.until(/listening on .*\n/);
    const lines = () => dump.output().split("\n").filter((line) => /^\d\d:\d\d:\d\d\./.test(line));
    return {
      lines,
      until: (pattern, timeoutMs) =>
        eventually(
          `${name}: a packet like ${pattern} on ${device}`,
          () => Promise.resolve(lines().find((line) => pattern.test(line))),
          timeoutMs === undefined ? {} : { timeoutMs },
        ),
      stop: async () => {
        await dump.stop();
        return lines();
      },
      [Symbol.asyncDispose]: () => dump[Symbol.asyncDispose](),
    };
  };

  const addresses: Place["addresses"] = async (device) => {
    const text = await execOk(["ip", "-o", "address", "show", "dev", device, "scope", "global"]);
    return [...text.matchAll(/ inet6? (\S+)/g)].map((m) => m[1] ?? "");
  };

  return {
    name,
    enter,
    exec,
    execOk,
    start: startHere,
    ping,
    reaches,
    serveTcp,
    askTcp,
    capture,
    addresses,
  };
}
