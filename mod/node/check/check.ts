/**
 * The check of a node: what is recorded of it against how it is. It changes nothing and needs no
 * lock, and it runs beside ADDs and DELs: an ADD writes to etcd first and then to the host, a DEL
 * the other way round (rule 4), so a first look sees them half done. What seems wrong is looked at
 * again when no call for the interface is under way, and counts only when neither the record nor a
 * turn has moved until that second look was over.
 *
 * @module
 */

import { FabricError } from "../../error.ts";
import type { Finding, Source } from "../../ipam/check/finding.ts";
import { attachmentKey } from "../../ipam/keys.ts";
import { pause } from "../../timer.ts";
import type { NodeContext } from "../context.ts";
import { lookAtNode, type NodeLook } from "../look.ts";
import { readRevisions } from "../records.ts";
import { recordInFacts } from "../port_facts.ts";
import { isTurnTaken } from "../turn.ts";
import { NodeJudge, type Suspicion } from "./judge.ts";
import { checkBridges } from "./rules/bridges.ts";
import { checkNodeItself } from "./rules/node.ts";
import { checkImpostors, checkOrphan, checkRows } from "./rules/orphans.ts";
import { checkPod } from "./rules/pods.ts";
import { checkDevice, checkLeftFilter, checkPort } from "./rules/ports.ts";
import { checkSandbox } from "./rules/sandboxes.ts";
import { checkServices } from "./rules/services.ts";
import { expectedOf, unitsOf } from "./unit.ts";
import { checkWire } from "./wire.ts";

export interface NodeCheckOptions {
  /** Which parts of the node; default all. */
  readonly sources?: readonly Source[];
  readonly onProgress?: (text: string) => void;
  /** Between two looks. Default 500. */
  readonly settleMs?: number;
}

export interface NodeCheckReport {
  readonly findings: readonly Finding[];
  /** Attachments of the node. */
  readonly attachments: number;
  /** What could not be looked at, and so may be damaged. */
  readonly unseen: readonly string[];
}

const NODE_SOURCES: readonly Source[] = ["node", "pods", "wire"];
const SETTLE_MS = 500;
/** How long a check waits for calls that are under way, in all. */
const PATIENCE_MS = 20_000;
const POLL_MS = 50;
const MAX_LOOKS = 8;

/**
 * Checks the node.
 *
 * @throws {FabricError} those of the store, and `host` where the node's programs fail.
 */
export async function checkNode(
  context: NodeContext,
  options: NodeCheckOptions = {},
): Promise<NodeCheckReport> {
  const { sources = NODE_SOURCES, onProgress = () => {}, settleMs = SETTLE_MS } = options;
  const first = await lookAtNode(context, {
    onPod: (done, all) => onProgress(`checking pods: ${done} of ${all}`),
  });
  refuseBlindness(context, first);
  const attachments = first.records.attachments.size;
  const judged = await judgeLook(context, first, { sources, onProgress });
  let open = judged.suspicions;
  const confirmed: Suspicion[] = [];
  const deadline = performance.now() + PATIENCE_MS;
  for (let looks = 1; open.length > 0; looks++) {
    if (looks > MAX_LOOKS || performance.now() > deadline) break;
    onProgress(`looking again at ${open.length}`);
    const ports = portsOf(open);
    await untilQuiet(context, ports, deadline);
    await pause(settleMs);
    // Whole segments are asked from any of their pods.
    const isWide = open.some(({ finding, port }) =>
      port === undefined && finding.kind.source === "wire"
    );
    const look = await lookAtNode(context, isWide ? {} : { ports });
    const again = (await judgeLook(context, look, { sources, onProgress, ports })).suspicions;
    const moved = await movedSince(context, look, ports);
    const before = new Set(open.map(signature));
    // Seen twice, by two looks of which the second one was not disturbed.
    confirmed.push(...again.filter((it) => before.has(signature(it)) && !isMoved(it, moved)));
    open = again.filter((it) =>
      isMoved(it, moved) ||
      (it.port !== undefined && ports.has(it.port) && !before.has(signature(it)))
    );
  }
  return {
    findings: confirmed.map(({ finding }) => finding).sort(byCode),
    attachments,
    unseen: [
      ...first.unseen,
      ...judged.unseen,
      ...open.length === 0 ? [] : [
        `${portsOf(open).size} interfaces changed all the time; check again`,
      ],
    ],
  };
}

/**
 * Whoever looks from a namespace other than the host's sees no device of it, and would take every pod
 * for gone.
 */
function refuseBlindness({ config }: NodeContext, look: NodeLook): void {
  const ours = new Set(Object.values(config.physicalNetworks).map(({ bridge }) => bridge));
  const bridges = (look.switch?.bridges ?? []).filter(({ name }) => ours.has(name));
  // What vswitchd has made, the host has: a bridge's own device has its name.
  const made = bridges.filter(({ name }) =>
    look.flows.size > 0 ? look.flows.get(name) !== undefined : isTakenUp(look, name)
  );
  if (made.length === 0 || made.some(({ name }) => look.host.links.has(name))) return;
  throw new FabricError("host", "The devices of this node's bridges cannot be seen from here", {
    value: made.map(({ name }) => name).join(", "),
    remedy: "run it in the network and mount namespaces of the host, not in a container",
  });
}

/** vswitchd has, or had, the bridge's own device. */
function isTakenUp({ switch: seen }: NodeLook, bridge: string): boolean {
  const port = seen?.ports.find(({ name }) => name === bridge);
  return port?.interfaces.some(({ ofport }) => ofport !== undefined) === true;
}

/** What one look finds. */
async function judgeLook(
  context: NodeContext,
  look: NodeLook,
  options: {
    readonly sources: readonly Source[];
    readonly onProgress: (text: string) => void;
    readonly ports?: ReadonlySet<string>;
  },
): Promise<{ readonly suspicions: readonly Suspicion[]; readonly unseen: ReadonlySet<string> }> {
  const { sources, ports, onProgress } = options;
  const judge = new NodeJudge(context, look);
  await checkNodeItself(judge);
  checkBridges(judge);
  if (look.records.newerSchema === undefined) {
    await checkUnits(judge, ports);
    await checkImpostors(judge);
    checkRows(judge);
    await checkServices(judge);
    if (sources.includes("wire")) {
      onProgress("asking the wire");
      await checkWire(judge, ports);
    }
  }
  const suspicions = judge.suspicions.filter(({ finding }) =>
    sources.includes(finding.kind.source)
  );
  return { suspicions, unseen: judge.unseen };
}

/** Each interface by itself; what one rule has dealt with, those behind it leave alone. */
async function checkUnits(
  judge: NodeJudge,
  ports: ReadonlySet<string> | undefined,
): Promise<void> {
  const { context, look } = judge;
  for (const unit of unitsOf(look)) {
    if (ports !== undefined && !ports.has(unit.name)) continue;
    const { attachment } = unit;
    if (attachment === undefined) {
      await checkOrphan(judge, unit);
      checkLeftFilter(judge, unit);
      continue;
    }
    // Its DEL came; the spool's own finding tells of one that waits.
    if (unit.spooled) continue;
    const recorded = {
      ...unit,
      attachment,
      expected: expectedOf(context, look, attachment.record),
    };
    if (!checkSandbox(judge, recorded)) continue;
    checkPort(judge, recorded);
    checkDevice(judge, recorded);
    checkPod(judge, recorded);
  }
}

function signature({ finding, port }: Suspicion): string {
  return `${finding.kind.code}\n${finding.object}\n${port ?? ""}`;
}

function portsOf(suspicions: readonly Suspicion[]): ReadonlySet<string> {
  return new Set(suspicions.flatMap(({ port }) => port ?? []));
}

function isMoved({ port }: Suspicion, moved: ReadonlySet<string>): boolean {
  return port !== undefined && moved.has(port);
}

function byCode({ kind: a, object: x }: Finding, { kind: b, object: y }: Finding): number {
  return a.code < b.code ? -1 : a.code > b.code ? 1 : x < y ? -1 : x > y ? 1 : 0;
}

/** Waits until no call for any of the interfaces is under way. */
async function untilQuiet(
  { config }: NodeContext,
  ports: ReadonlySet<string>,
  deadline: number,
): Promise<void> {
  for (const port of ports) {
    while (isTurnTaken(config, port) && performance.now() < deadline) await pause(POLL_MS);
  }
}

/** Interfaces for which a call is under way now, or has written since the look. */
async function movedSince(
  { config, ipam }: NodeContext,
  look: NodeLook,
  ports: ReadonlySet<string>,
): Promise<ReadonlySet<string>> {
  const seen = new Map<string, { readonly key: string; readonly revision: number }>();
  for (const port of ports) {
    const attachment = look.records.attachments.get(port);
    const facts = look.switch?.ports.find(({ name }) => name === port)?.facts;
    const record = facts === undefined ? undefined : recordInFacts(facts);
    if (attachment !== undefined) seen.set(port, attachment);
    else if (record !== undefined) seen.set(port, { key: attachmentKey(record), revision: 0 });
  }
  const now = await readRevisions(ipam.store, [...seen.values()].map(({ key }) => key));
  return new Set(
    [...ports].filter((port) => {
      const before = seen.get(port);
      return isTurnTaken(config, port) ||
        (before !== undefined && now.get(before.key) !== before.revision);
    }),
  );
}
