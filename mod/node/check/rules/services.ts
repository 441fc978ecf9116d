/**
 * The node's way to Services: there, whole, and nothing of it left over.
 *
 * @module
 */

import type { ServicesConfig } from "../../../config.ts";
import { datapathNeeds } from "../../../host/datapath.ts";
import { POD_TABLE, serviceDevices } from "../../../host/service_names.ts";
import { inNetns } from "../../../host/run.ts";
import { SERVICE_KINDS } from "../../../ipam/check/kinds/services.ts";
import { ORDER } from "../../../ipam/repair/action.ts";
import type { ServicePort } from "../../../ovsdb/mod.ts";
import type { ServiceContext } from "../../services/context.ts";
import { podCookie } from "../../services/cookie.ts";
import { missingLines, networkDamage, tableDamage } from "../../services/damage.ts";
import { countFlows, isLacking } from "../../services/maintain.ts";
import { readNote, readNotes, type ServiceNote } from "../../services/notes.ts";
import { observeServices, type SeenServices } from "../../services/observe.ts";
import { removeServices } from "../../services/remove.ts";
import { changeFlows, deleteFlows, restoreFlows, wantedFlows } from "../../services/restore.ts";
import { podRoutes } from "../../services/rules.ts";
import {
  devicesOf,
  generationOf,
  nodeAddressesOf,
  type ServedNetwork,
  servedNetwork,
  servedOf,
} from "../../services/served.ts";
import { inTurn, type NodeFacts, readNode, readPorts, setUp } from "../../services/setup.ts";
import { insideLines } from "../../services/verify.ts";
import type { NodeJudge } from "../judge.ts";

const SILENT = { enabled: () => false, write: () => {} };

/** What the rules share. */
interface Look {
  readonly context: ServiceContext;
  readonly services: ServicesConfig;
  readonly ports: readonly ServicePort[];
  readonly notes: readonly ServiceNote[];
  readonly node: NodeFacts;
  readonly seen: SeenServices;
}

/** Checks all of it. Where the configuration has no services and nothing is left, it asks for nothing more. */
export async function checkServices(judge: NodeJudge): Promise<void> {
  if (judge.switch === undefined) return;
  const context: ServiceContext = { ...judge.context, log: SILENT };
  const ports = await judge.withSwitch(readPorts);
  const { services } = context.config;
  if (services === undefined) return switchedOff(judge, context, ports);
  const notes = readNotes(context.config);
  if (ports.length === 0 && notes.length === 0) return;
  const [node, seen] = await Promise.all([readNode(context), observeServices(context.run)]);
  const look = { context, services, ports, notes, node, seen };
  const broken = checkNetworks(judge, look);
  const whole = { ...look, notes: notes.filter(({ device }) => !broken.has(device)) };
  await checkFlows(judge, whole, broken);
  checkRules(judge, whole, broken);
  checkPodRoutes(judge, whole);
  checkRoutesLeft(judge, look);
  await checkInsides(judge, whole);
}

function switchedOff(
  judge: NodeJudge,
  context: ServiceContext,
  ports: readonly ServicePort[],
): void {
  if (ports.length === 0) return;
  judge.report(SERVICE_KINDS.switchedOff, {
    object: "the way to Services",
    detail: `the configuration has no services, and there are ports of them`,
    evidence: ports.map(({ name }) => ({ what: "port", name, says: "a port to the node's stack" })),
    fix: {
      steps: ["remove devices, flows, rules and routes of the way to Services"],
      order: ORDER.base,
      undo: ["put services into the node's configuration again"],
      verify: async () => (await judge.withSwitch(readPorts)).length > 0,
      change: () => judge.withSwitch((db) => inTurn(context, () => removeServices(context, db))),
    },
  });
}

/** Networks with pods that have the way, and lack what is made once. Returns their devices. */
function checkNetworks(judge: NodeJudge, look: Look): ReadonlySet<string> {
  const { ports, notes, node, services } = look;
  const broken = new Set<string>();
  for (const device of new Set(notes.map((note) => note.device))) {
    const pods = notes.filter((note) => note.device === device);
    const [first] = pods;
    const port = ports.find((it) => hostOf(it) === device);
    const links = judge.look.host.links;
    const faults = [
      ...(port === undefined ? ["Open vSwitch has no port of it"] : []),
      ...(port !== undefined && port.ofport === undefined ? ["vswitchd has not its port"] : []),
      ...(links.has(device) ? [] : [`there is no device ${device}`]),
      ...(links.get(device)?.up === false ? [`device ${device} is down`] : []),
      ...(port !== undefined && nodeAddressesOf(port).join() !== node.nodeAddresses.join()
        ? [
          `it is for node address ${
            nodeAddressesOf(port).join()
          }, now ${node.nodeAddresses.join()}`,
        ]
        : []),
      ...(port !== undefined && port.facts["services"] !== services.cidrs.join()
        ? [`it is for ranges ${port.facts["services"]}, configured are ${services.cidrs.join()}`]
        : []),
    ];
    if (faults.length === 0 || first === undefined) continue;
    broken.add(device);
    const served = servedBy(judge, port, first);
    judge.report(SERVICE_KINDS.missing, {
      object: `the way to Services of network ${first.network}`,
      detail: `${faults.join("; ")}; ${pods.length} pods need it`,
      evidence: [{ what: "interface", name: device, says: faults.join("; ") }],
      ...(served === undefined ? {} : { fix: setUpAgain(judge, look, served) }),
    });
  }
  return broken;
}

function hostOf(port: ServicePort): string | undefined {
  const served = servedOf(port);
  return served === undefined ? undefined : serviceDevices(served).host;
}

function servedBy(
  judge: NodeJudge,
  port: ServicePort | undefined,
  note: ServiceNote,
): ServedNetwork | undefined {
  const network = judge.look.records.networks.get(note.network);
  if (network !== undefined) return servedNetwork(network, note.bridge);
  return port === undefined ? undefined : servedOf(port);
}

function setUpAgain(judge: NodeJudge, { context }: Look, served: ServedNetwork) {
  return {
    steps: [`set up the way to Services of network ${served.name} again`],
    order: ORDER.base,
    undo: [],
    verify: () => Promise.resolve(true),
    change: async () => {
      const bridge = judge.switch?.bridges.find(({ name }) => name === served.bridge);
      if (bridge === undefined) return false;
      const needs = datapathNeeds(bridge.datapathType, {
        userspaceTso: judge.switch?.userspaceTso === true,
      });
      const { bootId } = judge.look.identity;
      const generation = await generationOf(context.config, served, { bootId, needs });
      await judge.withSwitch((db) =>
        inTurn(context, () => setUp(context, served, { db, needs, generation }))
      );
      return true;
    },
  };
}

async function checkFlows(
  judge: NodeJudge,
  { context, ports, notes }: Look,
  broken: ReadonlySet<string>,
): Promise<void> {
  const bridges = new Set([
    ...ports.flatMap(({ facts }) => facts["bridge"] ?? []),
    ...notes.map(({ bridge }) => bridge),
  ]);
  for (const bridge of bridges) {
    // vswitchd does not answer, which is another finding.
    if (judge.look.flows.get(bridge) === undefined) continue;
    const { byCookie } = await judge.withSwitch((db) => wantedFlows(context, db, bridge));
    const counts = await countFlows(context, bridge);
    const missing = [...byCookie].filter(([cookie, flows]) => isLacking(counts.get(cookie), flows));
    if (missing.length > 0 && broken.size === 0) {
      judge.report(SERVICE_KINDS.flowsMissing, {
        object: `bridge ${bridge}`,
        detail: `flows of ${missing.length} cookies are missing, of ${byCookie.size}`,
        evidence: missing.slice(0, 5).map(([cookie, flows]) => ({
          what: "flow",
          name: `cookie ${cookie}`,
          says: `${counts.get(cookie)?.count ?? 0} of ${flows.length} flows, of port ${
            counts.get(cookie)?.ports || "none"
          }`,
        })),
        fix: {
          steps: [`make the flows of the way to Services on ${bridge} again`],
          order: ORDER.base,
          undo: [],
          verify: () => Promise.resolve(true),
          change: () =>
            judge.withSwitch((db) => inTurn(context, () => restoreFlows(context, db, bridge))),
        },
      });
    }
    // A pod whose port is gone is another finding.
    const known = new Set(notes.map(({ port }) => podCookie(port)));
    const left = [...counts].filter(([cookie]) => !byCookie.has(cookie) && !known.has(cookie));
    if (left.length === 0) continue;
    judge.report(SERVICE_KINDS.flowsLeft, {
      object: `bridge ${bridge}`,
      detail: `flows of ${left.length} cookies belong to no pod or network of this node`,
      evidence: left.slice(0, 5).map(([cookie, count]) => ({
        what: "flow",
        name: `cookie ${cookie}`,
        says: `${count.count} flows`,
      })),
      fix: {
        steps: left.map(([cookie]) => `delete the flows of cookie ${cookie}`),
        order: ORDER.base,
        undo: [],
        verify: async () => {
          const now = await judge.withSwitch((db) => wantedFlows(context, db, bridge));
          return left.every(([cookie]) => !now.byCookie.has(cookie));
        },
        change: () => changeFlows(context, bridge, left.map(([cookie]) => deleteFlows(cookie))),
      },
    });
  }
}

/** What is made once in the node's stack, for networks that have their devices. */
function checkRules(judge: NodeJudge, look: Look, broken: ReadonlySet<string>): void {
  const { ports, node, seen } = look;
  let wrongTable = tableDamage(seen, node);
  for (const port of ports) {
    const served = servedOf(port);
    if (served === undefined) continue;
    const { host } = devicesOf(served);
    if (broken.has(host) || !judge.look.host.links.has(host)) continue;
    const faults = [...wrongTable, ...networkDamage(seen, served, look)];
    if (faults.length === 0) continue;
    judge.report(SERVICE_KINDS.rules, {
      object: `the way to Services of network ${served.name}`,
      detail: faults.slice(0, 3).join("; "),
      evidence: faults.slice(0, 10).map((says) => ({
        what: "interface",
        name: host,
        says,
      })),
      fix: setUpAgain(judge, look, served),
    });
    // One set-up mends the table for all.
    wrongTable = [];
  }
}

function checkPodRoutes(judge: NodeJudge, { context, notes, node, seen }: Look): void {
  for (const note of notes) {
    const wanted = podRoutes(note, node.nodeAddresses);
    const missing = missingLines(seen, wanted);
    if (missing.length === 0) continue;
    judge.report(SERVICE_KINDS.podRoute, {
      object: `port ${note.port}`,
      detail: `the node lacks: ${missing.join("; ")}`,
      evidence: missing.map((says) => ({ what: "interface", name: note.device, says })),
      port: note.port,
      fix: {
        steps: missing.map((line) => `ip ${line}`),
        order: ORDER.derived,
        undo: [],
        verify: () => Promise.resolve(readNote(context.config, note.port) !== undefined),
        change: async () =>
          void await context.run(["ip", "-batch", "-"], { stdin: `${wanted.join("\n")}\n` }),
      },
    });
  }
}

function checkRoutesLeft(judge: NodeJudge, { context, notes, seen }: Look): void {
  const known = new Set(notes.flatMap(({ addresses }) => addresses));
  for (const [address, says] of seen.podRoutes) {
    if (known.has(address)) continue;
    const [device = ""] = says.split(" ");
    judge.report(SERVICE_KINDS.routeLeft, {
      object: `address ${address}`,
      detail: `the node has a route to it by ${device}, and no pod has it`,
      evidence: [{ what: "interface", name: device, says: `route to ${address}` }],
      fix: {
        steps: [`delete the route to ${address}`],
        order: ORDER.derived,
        undo: [],
        verify: () =>
          Promise.resolve(
            !readNotes(context.config).some(({ addresses }) => addresses.includes(address)),
          ),
        change: async () =>
          void await context.run(["sh", "-c", REMOVE_ROUTE, "sh", address, device]),
      },
    });
  }
}

const REMOVE_ROUTE = `ip route del "$1" table ${POD_TABLE}
ip neigh del "$1" dev "$2" 2>/dev/null || :`;

/** In the pods: routes by the next hop, and its neighbour. */
async function checkInsides(judge: NodeJudge, look: Look): Promise<void> {
  const { context: { config, run }, notes, services, node } = look;
  const sources = [...services.cidrs, ...node.nodeAddresses];
  for (const { port, addresses } of notes) {
    const record = judge.look.records.attachments.get(port)?.record;
    if (record === undefined || judge.look.pods.get(port)?.state !== "there") continue;
    const { ifname, netns } = record;
    const wanted = insideLines({ addresses }, { ifname, reached: sources });
    const inside = await observeServices(inNetns(run, netns));
    const missing = missingLines(inside, wanted);
    if (missing.length === 0) continue;
    judge.report(SERVICE_KINDS.inPod, {
      object: `pod of port ${port}`,
      detail: `it lacks: ${missing.join("; ")}`,
      evidence: missing.map((says) => ({ what: "namespace", name: netns, says })),
      port,
      fix: {
        steps: missing.map((line) => `in the pod: ip ${line}`),
        order: ORDER.derived,
        undo: [],
        verify: () => Promise.resolve(readNote(config, port) !== undefined),
        change: async () =>
          void await inNetns(run, netns)(["ip", "-batch", "-"], {
            stdin: `${missing.join("\n")}\n`,
          }),
      },
    });
  }
}
