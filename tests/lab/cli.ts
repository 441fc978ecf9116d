/**
 * `scripts/lab`: a lab for people. `up` leaves a process in the background that holds it; what
 * `enter` needs to know lies in a file under /run.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { stringify } from "yaml";
import { FABRIC_BINARY, type Lab, startLab } from "./mod.ts";
import { manifest } from "./manifest.ts";
import { eventually } from "./process.ts";
import { announceLab, isStanding, LABS, readStanding, readStandings } from "./standing.ts";

const HELP = `Usage: scripts/lab COMMAND [--name NAME]

Simulated hosts with Open vSwitch, a switch, a router, servers and etcd on this machine.

  up [--hosts N] [--etcd 1|3]     start a lab (default: 2 hosts, one member of etcd)
  enter PLACE [COMMAND...]        a shell, or one command, in a place of it
  status                          which labs stand, and their places
  down                            end the lab; without --name all labs of this command

--name NAME    for several labs side by side (default: lab)
`;

/** Runs one command; the exit status. */
export async function main(args: readonly string[]): Promise<number> {
  const options = parseArgs(args, {
    string: ["name", "hosts", "etcd"],
    boolean: ["help"],
    stopEarly: args[0] === "enter",
  });
  // `enter` takes no options of ours after the place: they belong to the command.
  const [command, ...rest] = options._.map(String);
  const name = text(options["name"]);
  if (options["help"] === true || command === undefined) {
    say(HELP);
    return command === undefined && options["help"] !== true ? 2 : 0;
  }
  switch (command) {
    case "up":
      return await up(name ?? "lab", args);
    case "hold":
      return await hold(name ?? "lab", {
        hosts: Number(text(options["hosts"]) ?? 2),
        members: text(options["etcd"]) === "3" ? 3 : 1,
      });
    case "enter":
      return await enter(rest);
    case "status":
      return await status();
    case "down":
      return await down(name);
    default:
      say(`scripts/lab: there is no command ${command}; see scripts/lab --help\n`);
      return 2;
  }
}

async function up(name: string, args: readonly string[]): Promise<number> {
  if (await readStanding(name) !== undefined) {
    say(`scripts/lab: ${name} stands already; scripts/lab status shows it\n`);
    return 1;
  }
  await Deno.mkdir(LABS, { recursive: true, mode: 0o700 });
  const log = `${LABS}/${name}.log`;
  const start = 'log=$1; shift; setsid "$@" >"$log" 2>&1 </dev/null & echo $!';
  const held = [Deno.execPath(), "run", "-A", import.meta.filename ?? "", "hold", ...args.slice(1)];
  const { stdout } = await new Deno.Command("sh", {
    args: ["-c", start, "sh", log, ...held],
    stdin: "null",
    stderr: "inherit",
  }).output();
  const pid = Number(new TextDecoder().decode(stdout));
  const state = await eventually("the lab stands", async () => {
    const found = await readStanding(name);
    if (found !== undefined) return found;
    const alive = await Deno.stat(`/proc/${pid}`).then(() => true, () => false);
    return alive ? undefined : "ended" as const;
  }, { timeoutMs: 60_000 });
  if (state === "ended") {
    say(`scripts/lab: the lab does not start:\n${await Deno.readTextFile(log)}`);
    return 1;
  }
  say(state.about);
  return 0;
}

/** Starts a lab and holds it until this process is told to end. */
async function hold(
  name: string,
  options: { readonly hosts: number; readonly members: 1 | 3 },
): Promise<number> {
  const ended = new Promise<void>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) Deno.addSignalListener(signal, resolve);
  });
  await using lab = await startLab({ hosts: options.hosts, etcd: { members: options.members } });
  const fabric = await prepare(lab);
  const servers = [
    await lab.addServer({ vlan: 100, addresses: ["10.100.0.10/24", "fd00:100::10/64"] }),
    await lab.addServer({ vlan: 200, addresses: ["10.200.0.10/24", "fd00:200::10/64"] }),
  ];
  const about = describe(name, lab, fabric);
  await using _standing = await announceLab(lab, { name, servers, about });
  await ended;
  return 0;
}

/** Installs the executable on every host and declares the networks; one line about it. */
async function prepare(lab: Lab): Promise<string> {
  if (!await Deno.stat(FABRIC_BINARY).then(() => true, () => false)) {
    return "is not installed: run scripts/compile first, then start the lab again";
  }
  const networks = manifest(lab.plan);
  const text = networks.map((object) => stringify(object)).join("---\n");
  await Promise.all(lab.hosts.map(async (host) => {
    await host.installFabric({ config: { defaultNetwork: "vlan100" } });
    await host.writeFile("/etc/fabric/networks.yaml", text);
  }));
  const file = "/etc/fabric/networks.yaml";
  const { code, stderr } = await lab.host(0).admin(["apply", "-f", file]);
  return code === 0
    ? `is installed on the hosts; the networks are those of ${file}`
    : `is installed on the hosts, but cannot apply ${file}: ${stderr.trim()}`;
}

function describe(name: string, lab: Lab, fabric: string): string {
  const option = name === "lab" ? "" : ` --name ${name}`;
  const [host] = lab.hosts;
  return `hosts   ${
    lab.hosts.map((h) => h.name).join(" ")
  }, each with bridge br-prod and uplink eth1
servers server1 10.100.0.10 and fd00:100::10 in VLAN 100, server2 10.200.0.10 and fd00:200::10 in 200
router  10.100.0.1 and 10.200.0.1 (fd00:100::1, fd00:200::1)
etcd    ${lab.etcd.endpoints.join(" ")}, on the management network
fabric  ${fabric}

Look around:
  scripts/lab enter${option} ${host?.name}                      a shell on a host
  scripts/lab enter${option} ${host?.name} ovs-vsctl show
  scripts/lab enter${option} server1 ping -c3 10.200.0.10   through the router
  scripts/lab status
  scripts/lab down${option}
`;
}

async function enter(args: readonly string[]): Promise<number> {
  const options = parseArgs(args, { string: ["name"], stopEarly: true });
  const [place, ...command] = options._.map(String);
  const name = text(options["name"]) ?? "lab";
  const state = await readStanding(name);
  if (state === undefined) {
    say(`scripts/lab: ${name} does not stand; scripts/lab up starts it\n`);
    return 1;
  }
  const [program, ...prefix] = state.places[place ?? ""] ?? [];
  if (program === undefined) {
    say(`scripts/lab: give one of ${Object.keys(state.places).join(", ")}\n`);
    return 2;
  }
  const shell = ["bash", "--norc", "--noprofile"];
  const child = new Deno.Command(program, {
    args: [...prefix, ...(command.length === 0 ? shell : command)],
    env: { PS1: `[${place}] \\w # `, PATH: `/opt/cni/bin:${Deno.env.get("PATH") ?? ""}` },
    stdin: "inherit",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn();
  // Ctrl-C is for the command; its end is ours.
  Deno.addSignalListener("SIGINT", () => {});
  const { code } = await child.status;
  return code;
}

async function status(): Promise<number> {
  const states = await readStandings();
  if (states.length === 0) say("no lab stands\n");
  for (const { name, pid, places } of states) {
    say(`${name}  pid ${pid}  places: ${Object.keys(places).join(" ")}\n`);
  }
  return 0;
}

async function down(name: string | undefined): Promise<number> {
  const states = (await readStandings()).filter((state) =>
    name === undefined || state.name === name
  );
  if (states.length === 0) {
    say(name === undefined ? "no lab stands\n" : `scripts/lab: ${name} does not stand\n`);
    return name === undefined ? 0 : 1;
  }
  for (const state of states) {
    Deno.kill(state.pid, "SIGTERM");
    await eventually(`${state.name} ends`, async () => !await isStanding(state));
    await Deno.remove(`${LABS}/${state.name}.log`).catch(() => {});
    say(`${state.name} is gone\n`);
  }
  return 0;
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function say(message: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(message));
}

if (import.meta.main) Deno.exit(await main(Deno.args));
