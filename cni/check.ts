/**
 * CHECK: record, port and pod as the ADD left them (CNI specification, CHECK). Later plugins of a
 * chain may have added to them; what was there must be there.
 *
 * @module
 */

import { FabricError } from "../mod/error.ts";
import { readRate } from "../mod/host/bandwidth.ts";
import { hostIfname } from "../mod/host/ifname.ts";
import { inNetns, type Run, stderrOf } from "../mod/host/run.ts";
import { readPod } from "../mod/host/pod_read.ts";
import { parseInterfaceAddress } from "../mod/ip/prefix.ts";
import { formatAddress } from "../mod/ip/address.ts";
import { readAttachment } from "../mod/ipam/release.ts";
import type { AttachmentRecord } from "../mod/model/records.ts";
import { verifyPod } from "../mod/node/services/verify.ts";
import { connectOvsdb, getPort, readSwitch, syncVswitchd } from "../mod/ovsdb/mod.ts";
import { attachmentRef, type Call } from "./call.ts";
import { keepServices } from "./keep_services.ts";
import { asking } from "./neighbour.ts";
import type { CheckRequest } from "./request.ts";

/** vswitchd may have been told of something a moment ago. */
const SETTLE_MS = 2_000;

/**
 * Compares what is with what shall be.
 *
 * @throws {FabricError} `conflict`, `details.reason` `check`, naming all differences;
 * `details.differences` has them as a list. `unavailable` when a neighbour does not answer.
 */
export async function check(request: CheckRequest, call: Call): Promise<void> {
  const { containerId, ifname, netns } = request.sandbox;
  const port = await hostIfname(containerId, ifname);
  const record = await call.steps.time("etcd", () => readRecord(request, call));
  if (record === undefined) {
    throw differs([`etcd has no record of container ${containerId}, interface ${ifname}`]);
  }
  const differences = await Promise.all([
    recordDifferences(request, record),
    call.steps.time("ovsdb", () => portDifferences(record, { call, port })),
    call.steps.time("pod", () => podDifferences(request, { call, record, netns })),
    call.steps.time("limit", () => rateDifferences(request, { call, port })),
    call.steps.time("services", () => serviceDifferences(request, { call, port })),
  ]);
  const all = differences.flat();
  if (all.length > 0) throw differs(all);
}

function differs(differences: readonly string[]): FabricError {
  return new FabricError("conflict", `CHECK found: ${differences.join("; ")}`, {
    remedy: "delete the sandbox and make it anew",
    details: { reason: "check", differences },
  });
}

async function readRecord(
  { sandbox }: CheckRequest,
  call: Call,
): Promise<AttachmentRecord | undefined> {
  await using store = await call.openStore();
  const ref = attachmentRef(call.config, sandbox);
  return (await asking("etcd", () => readAttachment(store, ref)))?.record;
}

/** Our interface in the result of the ADD, against the record. */
function recordDifferences(
  { sandbox, previous }: CheckRequest,
  record: AttachmentRecord,
): readonly string[] {
  const index = previous.interfaces.findIndex((entry) =>
    entry.name === sandbox.ifname && (entry.sandbox ?? "") !== ""
  );
  const found = previous.interfaces[index];
  if (found === undefined) return [`prevResult has no interface ${sandbox.ifname}`];
  const addresses = previous.ips.filter((ip) => ip.interface === index).map((ip) => ip.address);
  return [
    ...different("MAC in prevResult", found.mac?.toLowerCase(), record.mac),
    ...record.addresses.filter(({ address }) => !addresses.includes(address))
      .map(({ address }) => `address ${address} of the record is not in prevResult`),
    ...different("namespace", sandbox.netns, record.netns),
  ];
}

async function portDifferences(
  record: AttachmentRecord,
  { call, port }: { readonly call: Call; readonly port: string },
): Promise<readonly string[]> {
  const { config } = call;
  return await asking("ovsdb", async () => {
    await using db = await connectOvsdb({ socket: config.ovsdb.socket });
    await asking("vswitchd", () => syncVswitchd(db, { timeoutMs: SETTLE_MS }));
    const found = await getPort(db, port);
    if (found === undefined) return [`Open vSwitch has no port ${port}`];
    const bridge = config.physicalNetworks[record.physicalNetwork]?.bridge;
    const { ofport, error } = found.state;
    return [
      ...different(`bridge of port ${port}`, found.bridge, bridge),
      ...different(`VLAN of port ${port}`, found.vlan, record.vlan),
      ...(ofport === undefined || ofport < 1
        ? [`port ${port} is not in the datapath: ${error ?? "no reason given"}`]
        : []),
    ];
  });
}

async function podDifferences(
  { previous, sandbox }: CheckRequest,
  { call, record, netns }: {
    readonly call: Call;
    readonly record: AttachmentRecord;
    readonly netns: string;
  },
): Promise<readonly string[]> {
  const { ifname } = sandbox;
  const pod = await readPod(call.run, { netns, ifname });
  if (pod === undefined) return [`the sandbox has no interface ${ifname}`];
  const mtu = previous.interfaces.find(({ name }) => name === ifname)?.mtu;
  const gateways = record.addresses.flatMap(({ gateway }) => gateway ?? []);
  // Our default routes; further ones may have been changed by a later plugin.
  const missing = previous.routes.filter(({ dst, gw }) =>
    (dst === "0.0.0.0/0" || dst === "::/0") && gateways.includes(gw ?? "") &&
    !pod.routes.some(({ destination, gateway }) => destination === dst && gateway === gw)
  );
  return [
    ...(pod.up ? [] : [`interface ${ifname} is down`]),
    ...different(`MAC of ${ifname}`, pod.mac, record.mac),
    ...(typeof mtu === "number" ? different(`MTU of ${ifname}`, pod.mtu, mtu) : []),
    ...record.addresses.map(({ address }) => canonical(address))
      .filter((address) => !pod.addresses.map(canonical).includes(address))
      .map((address) => `interface ${ifname} has no address ${address}`),
    ...missing.map(({ dst, gw }) => `the sandbox has no route to ${dst} by ${gw}`),
  ];
}

/** What is stale of the node is mended first, as STATUS would. */
async function serviceDifferences(
  { sandbox: { ifname, netns } }: CheckRequest,
  { call, port }: { readonly call: Call; readonly port: string },
): Promise<readonly string[]> {
  const { config } = call;
  if (config.services === undefined) return [];
  return await asking("ovsdb", async () => {
    await using db = await connectOvsdb({ socket: config.ovsdb.socket });
    await keepServices(call, db, await readSwitch(db, { services: true }));
    return await verifyPod(call, db, { port, netns, ifname });
  });
}

async function rateDifferences(
  { sandbox, bandwidth }: CheckRequest,
  { call, port }: { readonly call: Call; readonly port: string },
): Promise<readonly string[]> {
  const { ingress, egress } = bandwidth;
  const inside = inNetns(call.run, sandbox.netns);
  // A device that is not there limits nothing; that it is not there, others say.
  const rateOf = (run: Run, device: string): Promise<number | undefined> =>
    readRate(run, device).catch((error) => {
      if (stderrOf(error) === undefined) throw error;
      return undefined;
    });
  const [to, from] = await Promise.all([
    ingress === undefined ? undefined : rateOf(call.run, port),
    egress === undefined ? undefined : rateOf(inside, sandbox.ifname),
  ]);
  return [
    ...different("limit of traffic to the pod (bit/s)", to, ingress),
    ...different("limit of traffic from the pod (bit/s)", from, egress),
  ];
}

function different(what: string, is: unknown, shall: unknown): readonly string[] {
  return is === shall ? [] : [`${what} is ${is ?? "not set"}, not ${shall}`];
}

function canonical(text: string): string {
  const { address, length } = parseInterfaceAddress(text);
  return `${formatAddress(address)}/${length}`;
}
