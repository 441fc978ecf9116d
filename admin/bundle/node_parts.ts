/**
 * Parts about the node: versions, configuration, logs, devices, pods.
 *
 * @module
 */

import { stringify } from "yaml";
import { attachmentsHere } from "../../mod/diagnose/subject.ts";
import { type Argv, inNetns } from "../../mod/host/run.ts";
import { versionInfo } from "../../mod/version.ts";
import { type Part, safeName, type Sources } from "./part.ts";

const CONFLISTS = "/etc/cni/net.d";
const OVS_LOGS = "/var/log/openvswitch";
/** Pods that are looked into. */
const MAX_PODS = 100;
/** Read from the end of a log. */
const LOG_BYTES = 4 * 1024 * 1024;

const VERSIONS = `uname -a
. /etc/os-release 2>/dev/null && echo "$PRETTY_NAME"
ip -V; nft --version; ovs-vsctl --version | head -2; uptime; date -u
for program in ping arping ndisc6 ethtool; do command -v $program || echo "no $program"; done`;

const NETWORK = `for command in "ip -d address" "ip -s link" "ip rule" "ip -6 rule" \
  "ip route show table all" "ip -6 route show table all" "ip neigh" "tc -s qdisc show"; do
  echo "# $command"; $command 2>&1
done`;

/** All of them. */
export function nodeParts(sources: Sources): readonly Part[] {
  const { run, config, configFile, scene } = sources;
  const shell = (script: string) => async (): Promise<string> =>
    (await run(["sh", "-c", `{ ${script}\n} 2>&1; true`])).stdout;
  return [
    {
      name: "version.json",
      about: "this program",
      text: () => Promise.resolve(`${JSON.stringify(versionInfo(), null, 2)}\n`),
    },
    { name: "versions.txt", about: "kernel, Open vSwitch and programs", text: shell(VERSIONS) },
    {
      name: "config.yaml",
      about: "the configuration as it is used, without its comments",
      text: () => config === undefined ? Deno.readTextFile(configFile) : configText(config),
    },
    { name: "cni.txt", about: `what is in ${CONFLISTS}`, text: readConflists },
    ...logParts(config?.log.file ?? "/var/log/fabric/fabric.log"),
    { name: "host/network.txt", about: "devices, addresses, routes", text: shell(NETWORK) },
    { name: "host/nft.txt", about: "filters", text: shell("nft list ruleset") },
    {
      name: "host/files.txt",
      about: "files of ours: owner, mode, size and time",
      text: shell(
        "find /etc/fabric /etc/cni /opt/cni/bin /var/lib/fabric /run/fabric /var/log/fabric " +
          "-printf '%M %u %g %s %TY-%Tm-%TdT%TH:%TM %p\\n' | head -2000",
      ),
    },
    ...(scene === undefined ? [] : [{
      name: "host/pods.txt",
      about: `interfaces, routes and neighbours of the pods, ${MAX_PODS} at most`,
      limitMs: 30_000,
      text: () => podsText(scene),
    }]),
  ];
}

/** Nothing that is read here is a secret by itself: credentials are in files that it names. */
function configText(config: NonNullable<Sources["config"]>): Promise<string> {
  return Promise.resolve(stringify(config));
}

async function readConflists(): Promise<string> {
  const texts: string[] = [];
  for await (const { name, isFile } of Deno.readDir(CONFLISTS)) {
    // Others keep credentials beside them, such as kubeconfigs.
    if (!isFile || !/\.(conf|conflist|json)$/.test(name)) continue;
    texts.push(`# ${name}\n${await Deno.readTextFile(`${CONFLISTS}/${name}`)}`);
  }
  return texts.sort().join("\n");
}

function logParts(file: string): readonly Part[] {
  const files = [
    [file, "logs/fabric.log"],
    [`${file}.1`, "logs/fabric.log.1"],
    [`${OVS_LOGS}/ovs-vswitchd.log`, "logs/ovs-vswitchd.log"],
    [`${OVS_LOGS}/ovsdb-server.log`, "logs/ovsdb-server.log"],
  ] as const;
  return files.map(([path, name]): Part => ({
    name,
    about: `the end of ${path}`,
    keep: "last",
    // None was put aside yet: nothing is missing.
    text: () =>
      readEnd(path).catch((error) => {
        if (path.endsWith(".1") && error instanceof Deno.errors.NotFound) return "";
        throw error;
      }),
  }));
}

async function readEnd(path: string): Promise<string> {
  using file = await Deno.open(path);
  const { size } = await file.stat();
  const start = Math.max(0, size - LOG_BYTES);
  await file.seek(start, Deno.SeekMode.Start);
  const bytes = new Uint8Array(Math.min(size, LOG_BYTES));
  let read = 0;
  while (read < bytes.length) {
    const count = await file.read(bytes.subarray(read));
    if (count === null) break;
    read += count;
  }
  const text = new TextDecoder().decode(bytes.subarray(0, read));
  // The first line is cut.
  return start === 0 ? text : text.slice(text.indexOf("\n") + 1);
}

const INSIDE = "ip -d address; ip rule; ip -6 rule; ip route show table all; " +
  "ip -6 route show table all; ip neigh; nft list ruleset; ss -s";

async function podsText(scene: NonNullable<Sources["scene"]>): Promise<string> {
  const here = await attachmentsHere(scene);
  const namespaces = [...new Set(here.map(({ record }) => record.netns))];
  const script: Argv = ["sh", "-c", `{ ${INSIDE}; } 2>&1; true`];
  const texts: string[] = [];
  for (const netns of namespaces.slice(0, MAX_PODS)) {
    const records = here.filter(({ record }) => record.netns === netns);
    const who = records.map(({ record }) =>
      record.pod === undefined
        ? record.containerId
        : `${record.pod.namespace}/${record.pod.name} ${record.ifname}`
    );
    const text = await inNetns(scene.run, netns)(script).then(
      ({ stdout }) => stdout,
      (error) => `cannot be looked into: ${error instanceof Error ? error.message : error}\n`,
    );
    texts.push(`# ${netns}: ${who.join(", ")}\n${text}`);
  }
  const more = namespaces.length - texts.length;
  return texts.join("\n") + (more > 0 ? `\n# and ${more} more\n` : "");
}

/** The node's name in the archive's own. */
export function nodeName({ config }: Sources): string {
  return safeName(config?.node ?? "node");
}
