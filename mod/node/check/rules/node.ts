/**
 * The node as such: its daemons, clock and name, what it remembers, and what is installed.
 *
 * @module
 */

import { readTextIfThere } from "../../../atomic_file.ts";
import { NODE_KINDS } from "../../../ipam/check/kinds/node.ts";
import { isSameStore, storeChanged } from "../../../ipam/known.ts";
import { nodeKey } from "../../../ipam/keys.ts";
import { ORDER } from "../../../ipam/repair/action.ts";
import { SCHEMA } from "../../../ipam/stored.ts";
import { knownStoreFile, readKnownStore, rememberStore } from "../../known_store.ts";
import { release } from "../../../ipam/release.ts";
import { delPort } from "../../../ovsdb/port.ts";
import { finishEntry } from "../../spool_entry.ts";
import { openSpool } from "../../spool.ts";
import { moveFile, type NodeJudge } from "../judge.ts";

/** A clock that is further off than this is told of: as much as the history allows for. */
const MAX_SKEW_MS = 5_000;
/** A spooled DEL that is older waits in vain: the node's next call says it. */
const SPOOL_PATIENCE_MS = 60_000;

export async function checkNodeItself(judge: NodeJudge): Promise<void> {
  checkDaemons(judge);
  await checkClock(judge);
  checkNames(judge);
  checkStore(judge);
  checkSpool(judge);
  checkInstalled(judge);
  checkRights(judge);
}

function nodeName({ context }: NodeJudge): string {
  return `node ${context.config.cluster}/${context.config.node}`;
}

function checkDaemons(judge: NodeJudge): void {
  const { switchFault, flows } = judge.look;
  const { socket } = judge.context.config.ovsdb;
  if (switchFault !== undefined) {
    return judge.report(NODE_KINDS.ovsdbDown, {
      object: nodeName(judge),
      detail: switchFault,
      evidence: [{ what: "file", name: socket, says: "nobody answers" }],
    });
  }
  if (flows.size === 0 || [...flows.values()].some((it) => it !== undefined)) return;
  judge.report(NODE_KINDS.vswitchdDown, {
    object: nodeName(judge),
    detail: "ovs-vswitchd answers for none of its bridges",
    evidence: [{ what: "process", name: "ovs-vswitchd", says: "does not tell its flows" }],
  });
}

async function checkClock(judge: NodeJudge): Promise<void> {
  const clock = await judge.context.clock();
  if (clock === undefined || Math.abs(clock.aheadMs) <= MAX_SKEW_MS) return;
  const seconds = (Math.abs(clock.aheadMs) / 1000).toFixed(0);
  judge.report(NODE_KINDS.clock, {
    object: nodeName(judge),
    detail: `its clock is ${clock.aheadMs > 0 ? "ahead of" : "behind"} etcd's by some seconds`,
    evidence: [{ what: "process", name: clock.endpoint, says: `${seconds} s apart` }],
  });
}

function checkNames(judge: NodeJudge): void {
  const { context, look } = judge;
  const { config } = context;
  const { records, identity } = look;
  const key = nodeKey(config.cluster, config.node);
  if (records.newerSchema !== undefined) {
    judge.report(NODE_KINDS.olderThanSchema, {
      object: nodeName(judge),
      detail: `the store has schema ${records.newerSchema}, fabric here reads ${SCHEMA}`,
      evidence: [{ what: "key", name: "meta/schema", says: `schema ${records.newerSchema}` }],
    });
  }
  const others = [
    records.node?.status?.machineId,
    ...[...records.attachments.values()].map(({ record }) => record.machineId),
  ].filter((id) => id !== undefined && id !== "" && id !== identity.machineId);
  if (others.length > 0) {
    judge.report(NODE_KINDS.otherMachine, {
      object: nodeName(judge),
      detail: `it is machine ${identity.machineId}, and records are of machine ${others[0]}`,
      evidence: [{ what: "key", name: key, says: `machine ${others[0]}` }],
    });
  }
  if (records.zone === undefined) {
    judge.report(NODE_KINDS.zoneUnknown, {
      object: nodeName(judge),
      detail: `its configuration names zone ${config.zone}, which has no record`,
      evidence: [{ what: "file", name: context.configFile, says: `zone ${config.zone}` }],
    });
  }
  const recorded = records.node?.spec.zone;
  if (recorded !== undefined && recorded !== config.zone) {
    judge.report(NODE_KINDS.zoneDiffers, {
      object: nodeName(judge),
      detail: `its configuration names zone ${config.zone}, its record ${recorded}`,
      evidence: [{ what: "key", name: key, says: `zone ${recorded}` }],
    });
  }
  const unmapped = (records.zone?.spec.physicalNetworks ?? []).filter((name) =>
    config.physicalNetworks[name] === undefined
  );
  if (unmapped.length > 0) {
    judge.report(NODE_KINDS.unmapped, {
      object: nodeName(judge),
      detail: `zone ${config.zone} has ${unmapped.join(", ")}, its configuration does not`,
      evidence: [{
        what: "file",
        name: context.configFile,
        says: `physicalNetworks ${Object.keys(config.physicalNetworks).join(", ") || "none"}`,
      }],
    });
  }
}

/** What the node remembers of the store (rule 10). */
function checkStore(judge: NodeJudge): void {
  const { config, id } = judge.context;
  const { records: { header }, known } = judge.look;
  const name = knownStoreFile(config.stateDir);
  if (known === undefined) {
    const text = readTextIfThere(name);
    // A node that never saw a store, or one that saw its first in this moment.
    if (text === undefined || readKnownStore(config.stateDir) !== undefined) return;
    return judge.report(NODE_KINDS.knownStore, {
      object: nodeName(judge),
      detail: `${name} cannot be read`,
      evidence: [{ what: "file", name, says: `${text.length} characters, no JSON of ours` }],
      fix: {
        steps: [`write ${name} from the store that answers: revision ${header.revision}`],
        order: ORDER.base,
        undo: [`rm ${name}`],
        verify: () => Promise.resolve(readKnownStore(config.stateDir) === undefined),
        change: () =>
          Promise.resolve(
            rememberStore(config.stateDir, header, { before: undefined, unique: id }),
          ),
      },
    });
  }
  const seen = known.changed ?? (isSameStore(known, header) ? undefined : header);
  if (seen === undefined) return;
  judge.report(NODE_KINDS.storeReplaced, {
    object: nodeName(judge),
    detail: storeChanged(known, seen).message,
    evidence: [{ what: "file", name, says: `revision ${known.revision}` }],
  });
}

function checkSpool(judge: NodeJudge): void {
  const { context: { config, ipam }, look } = judge;
  for (const { path, entry } of look.spool) {
    const name = path.slice(path.lastIndexOf("/") + 1);
    if (entry === undefined) {
      const aside = `${config.stateDir}/spool-broken/${name}`;
      judge.report(NODE_KINDS.spoolBroken, {
        object: `spool entry ${name}`,
        detail: "it cannot be read",
        evidence: [{ what: "file", name: path, says: "no entry of the spool" }],
        fix: {
          steps: [`move it to ${aside}`],
          order: ORDER.base,
          undo: [`mv ${aside} ${path}`],
          verify: () => Promise.resolve(readTextIfThere(path) !== undefined),
          change: () => Promise.resolve(moveFile(path, aside)),
        },
      });
      continue;
    }
    const age = ipam.now() - Date.parse(entry.at);
    if (judge.switch === undefined || age < SPOOL_PATIENCE_MS) continue;
    judge.report(NODE_KINDS.spoolWaiting, {
      object: `spool entry ${name}`,
      detail: `the DEL of container ${entry.ref.containerId}, ${entry.ref.ifname}, was not said`,
      evidence: [{ what: "file", name: path, says: `waits since ${entry.at}` }],
      port: entry.port,
      fix: {
        steps: [`say it: release what container ${entry.ref.containerId} had`],
        order: ORDER.truth,
        undo: [],
        verify: () => Promise.resolve(readTextIfThere(path) !== undefined),
        change: () =>
          openSpool(config.stateDir).finish(name, async (it) => {
            await finishEntry(it, {
              removePort: () => judge.withSwitch((db) => delPort(db, it.port)),
              endRecord: () => release(ipam, it.ref, { endedBy: "del" }),
            });
          }),
      },
    });
  }
}

const CONF = /\.(conf|conflist|json)$/;

interface ConfFile {
  readonly path: string;
  readonly ours: boolean;
  readonly readable: boolean;
}

function readConfs(confDir: string): readonly ConfFile[] {
  let names: readonly string[];
  try {
    names = [...Deno.readDirSync(confDir)].map(({ name }) => name).filter((it) => CONF.test(it));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
  return names.toSorted().map((name) => {
    const path = `${confDir}/${name}`;
    const text = readTextIfThere(path) ?? "";
    const types = typesOf(text);
    const ours = types?.includes("fabric") ?? text.includes('"fabric"');
    return { path, ours, readable: types !== undefined };
  });
}

/** The plugins that a network configuration calls; undefined where it is no JSON. */
function typesOf(text: string): readonly string[] | undefined {
  try {
    const conf: unknown = JSON.parse(text);
    return [...JSON.stringify(conf).matchAll(/"type":"([^"]*)"/g)].map(([, type = ""]) => type);
  } catch {
    return undefined;
  }
}

function checkInstalled(judge: NodeJudge): void {
  const { binDir, confDir } = judge.context.folders;
  const program = `${binDir}/fabric`;
  const mode = statOf(program);
  if (mode === undefined || !mode.isFile || ((mode.mode ?? 0) & 0o100) === 0) {
    judge.report(NODE_KINDS.pluginMissing, {
      object: nodeName(judge),
      detail: mode === undefined ? `${program} is missing` : `${program} cannot be executed`,
      evidence: [{
        what: "file",
        name: program,
        says: mode === undefined ? "missing" : "no program",
      }],
    });
  }
  const confs = readConfs(confDir);
  const own = confs.find(({ ours, readable }) => ours && readable);
  if (own === undefined) {
    const broken = confs.find(({ ours }) => ours);
    judge.report(NODE_KINDS.conflistMissing, {
      object: nodeName(judge),
      detail: broken === undefined
        ? `no file in ${confDir} calls fabric`
        : `${broken.path} cannot be read`,
      evidence: [{ what: "file", name: broken?.path ?? confDir, says: "no plugin fabric" }],
    });
    return;
  }
  const [first] = confs;
  if (first === undefined || first.ours) return;
  judge.report(NODE_KINDS.conflistHidden, {
    object: nodeName(judge),
    detail: `${first.path} comes before ${own.path}`,
    evidence: [{ what: "file", name: first.path, says: "configures another plugin" }],
  });
}

function statOf(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** What others may write must not be what root runs or believes. */
function checkRights(judge: NodeJudge): void {
  const { config, configFile, folders: { binDir, confDir } } = judge.context;
  const folderOf = (path: string): string => path.slice(0, path.lastIndexOf("/")) || "/";
  const paths = [
    binDir,
    `${binDir}/fabric`,
    confDir,
    ...readConfs(confDir).filter(({ ours }) => ours).map(({ path }) => path),
    folderOf(configFile),
    configFile,
    config.stateDir,
    config.runDir,
  ];
  const open = [...new Set(paths)].filter((path) => ((statOf(path)?.mode ?? 0) & 0o022) !== 0);
  if (open.length === 0) return;
  const modeOf = (path: string): string => ((statOf(path)?.mode ?? 0) & 0o7777).toString(8);
  judge.report(NODE_KINDS.writable, {
    object: nodeName(judge),
    detail: `others than root may write to ${open.join(", ")}`,
    evidence: open.map((name) => ({ what: "file", name, says: `mode ${modeOf(name)}` })),
    fix: {
      steps: open.map((path) => `chmod go-w ${path}`),
      order: ORDER.base,
      undo: open.map((path) => `chmod ${modeOf(path)} ${path}`),
      verify: () => Promise.resolve(open.some((path) => ((statOf(path)?.mode ?? 0) & 0o022) !== 0)),
      change: () => {
        for (const path of open) {
          const mode = statOf(path)?.mode;
          if (mode !== null && mode !== undefined) Deno.chmodSync(path, mode & 0o7755);
        }
        return Promise.resolve();
      },
    },
  });
}
