/**
 * Open vSwitch in one place of the lab: an ovsdb-server and an ovs-vswitchd of its own.
 *
 * @module
 */

import { eventually } from "./process.ts";
import type { Place } from "./place.ts";
import { signalByFile } from "./signal.ts";

export type Daemon = "ovsdb-server" | "ovs-vswitchd";

export interface OpenVSwitch {
  /** Runs ovs-vsctl (it waits for vswitchd for at most 10 s); its standard output. */
  vsctl(...args: readonly string[]): Promise<string>;
  /** Runs ovs-ofctl; its standard output. */
  ofctl(...args: readonly string[]): Promise<string>;
  /** Runs ovs-appctl against vswitchd; its standard output. */
  appctl(...args: readonly string[]): Promise<string>;
  /** Starts a daemon that does not run; returns when it answers. */
  start(daemon: Daemon): Promise<void>;
  /** kill -9; returns when it is gone. */
  kill(daemon: Daemon): Promise<void>;
  /** SIGSTOP: it is there and does not answer. */
  freeze(daemon: Daemon): Promise<void>;
  thaw(daemon: Daemon): Promise<void>;
  /** Ends vswitchd in order and starts it again, as a package upgrade does. */
  restartVswitchd(): Promise<void>;
}

export interface OpenVSwitchOptions {
  /** Folder of sockets and pid files. */
  readonly runDir: string;
  /** Folder of conf.db; it is made when it is missing and kept when it is there. */
  readonly dbDir: string;
  readonly logDir: string;
  readonly userspaceTso: boolean;
  /** Arguments of the first ovs-vsctl, before vswitchd starts: bridges and their ports. */
  readonly setup: readonly string[];
}

/** Starts both daemons in `place`. */
export async function startOpenVSwitch(
  place: Place,
  options: OpenVSwitchOptions,
): Promise<OpenVSwitch> {
  const { runDir, dbDir, logDir } = options;
  const env = {
    OVS_RUNDIR: runDir,
    OVS_DBDIR: dbDir,
    OVS_LOGDIR: logDir,
    OVS_SYSCONFDIR: "/etc",
  };
  const tool = (name: string, args: readonly string[]) =>
    place.execOk([name, "--timeout=10", ...args], { env });
  const scripts: Record<Daemon, string> = {
    "ovsdb-server": `ovsdb-server "$OVS_DBDIR/conf.db" --remote=punix:"$OVS_RUNDIR/db.sock" \
      --remote=db:Open_vSwitch,Open_vSwitch,manager_options \
      --pidfile --detach --log-file -vconsole:off -vsyslog:off`,
    "ovs-vswitchd": `ovs-vswitchd unix:"$OVS_RUNDIR/db.sock" \
      --pidfile --detach --log-file -vconsole:off -vsyslog:off
    ovs-vsctl --timeout=10 set Open_vSwitch . external_ids:lab-started=true`,
  };
  const signal = (daemon: Daemon, name: string) =>
    signalByFile(place, `${runDir}/${daemon}.pid`, name);
  const untilGone = (daemon: Daemon) =>
    eventually(`${daemon} ends`, async () => {
      const gone = `! kill -0 "$(cat "${runDir}/${daemon}.pid")" 2>/dev/null`;
      return (await place.exec(gone)).code === 0;
    }, { everyMs: 5 });
  const start = async (daemon: Daemon) => {
    await place.execOk(scripts[daemon], { env });
  };

  const settings = [
    "external_ids:hostname=" + place.name,
    "other_config:n-handler-threads=1",
    "other_config:n-revalidator-threads=1",
    `other_config:userspace-tso-enable=${options.userspaceTso}`,
  ].join(" ");
  await place.execOk(
    `mkdir -p "$OVS_RUNDIR" "$OVS_DBDIR" "$OVS_LOGDIR"
    [ -e "$OVS_DBDIR/conf.db" ] || ovsdb-tool create "$OVS_DBDIR/conf.db"
    ${scripts["ovsdb-server"]}
    ovs-vsctl --no-wait init -- set Open_vSwitch . ${settings} ${options.setup.join(" ")}
    ${scripts["ovs-vswitchd"]}`,
    { env },
  );
  return {
    vsctl: (...args) => tool("ovs-vsctl", args),
    ofctl: (...args) => tool("ovs-ofctl", args),
    appctl: (...args) => tool("ovs-appctl", args),
    start,
    kill: async (daemon) => {
      await signal(daemon, "KILL");
      await untilGone(daemon);
    },
    freeze: (daemon) => signal(daemon, "STOP"),
    thaw: (daemon) => signal(daemon, "CONT"),
    restartVswitchd: async () => {
      await tool("ovs-appctl", ["exit"]);
      await untilGone("ovs-vswitchd");
      await start("ovs-vswitchd");
    },
  };
}
