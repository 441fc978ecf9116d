/**
 * Whether the sandbox of an attachment is still here, and the interface where it was put.
 *
 * @module
 */

import { observeHost } from "../../../host/observe.ts";
import { observePod } from "../../../host/observe_pod.ts";
import type { Evidence } from "../../../ipam/check/finding.ts";
import { POD_KINDS } from "../../../ipam/check/kinds/pods.ts";
import { release } from "../../../ipam/release.ts";
import { ORDER } from "../../../ipam/repair/action.ts";
import { delPort } from "../../../ovsdb/port.ts";
import type { RecordedAttachment } from "../../records.ts";
import { readRevisions } from "../../records.ts";
import type { Fix, NodeJudge } from "../judge.ts";
import { plumbAgain } from "../plug.ts";
import { attachmentName, type Expected, type Unit } from "../unit.ts";

/** A recorded interface. */
export interface Recorded extends Unit {
  readonly attachment: RecordedAttachment;
  readonly expected: Expected;
}

/** True where the sandbox and its interface are here; else it says why not. */
export function checkSandbox(judge: NodeJudge, unit: Recorded): boolean {
  const { attachment: { record }, pod, link } = unit;
  const { machineId, bootId } = judge.look.identity;
  if (record.machineId !== "" && record.machineId !== machineId) return false;
  if (record.bootId !== "" && record.bootId !== bootId) {
    ended(judge, unit, "boot");
    return false;
  }
  if (pod === undefined) return false;
  if (pod.state !== "there") {
    // Without the switch nobody knows whether this is the host's own namespace.
    if (link === undefined && judge.switch === undefined) return false;
    if (link === undefined) ended(judge, unit, "namespace");
    else {elsewhere(
        judge,
        unit,
        `${record.netns || "its namespace"} is no pod's namespace any more`,
      );}
    return false;
  }
  const inside = pod.pod.links.find(({ name }) => name === record.ifname);
  if (inside === undefined && link === undefined) {
    interfaceMissing(judge, unit);
    return false;
  }
  if (inside === undefined) {
    const moved = pod.pod.links.find(({ peer }) => peer === link?.ifindex);
    elsewhere(
      judge,
      unit,
      moved === undefined
        ? `its namespace has no interface ${record.ifname}`
        : `its interface ${record.ifname} is called ${moved.name} there`,
    );
    return false;
  }
  if (link === undefined || (link.peer !== undefined && link.peer !== inside.ifindex)) {
    elsewhere(judge, unit, `interface ${record.ifname} is not the other end of ${unit.name}`);
    return false;
  }
  return true;
}

function placesOf({ attachment, link, name }: Recorded): readonly Evidence[] {
  const { key, revision, record } = attachment;
  return [
    { what: "key", name: key, revision, says: `namespace ${record.netns || "not recorded"}` },
    {
      what: "interface",
      name,
      says: link === undefined ? "missing" : `there, number ${link.ifindex}`,
    },
  ];
}

function elsewhere(judge: NodeJudge, unit: Recorded, detail: string): void {
  judge.report(POD_KINDS.interfaceElsewhere, {
    object: attachmentName(unit.attachment.record),
    detail,
    evidence: placesOf(unit),
    port: unit.name,
  });
}

function ended(judge: NodeJudge, unit: Recorded, by: "boot" | "namespace"): void {
  const { attachment: { record, key, revision }, name } = unit;
  const addresses = record.addresses.map(({ address }) => address).join(", ");
  const detail = by === "boot"
    ? `its sandbox ended with boot ${record.bootId} of this host`
    : `neither namespace ${record.netns} nor device ${name} is here`;
  const fix: Fix = {
    steps: [`end the attachment, and release ${addresses} as a DEL does`],
    order: ORDER.truth,
    undo: [`the addresses may be another's by now; it was ${key} with ${addresses}`],
    verify: async () => {
      const { run, ipam } = judge.context;
      if ((await readRevisions(ipam.store, [key])).get(key) !== revision) return false;
      if (by === "boot") return true;
      const { links } = await observeHost(run);
      const look = await observePod(run, { netns: record.netns, ifname: record.ifname });
      return !links.has(name) && look.state === "gone";
    },
    change: async () => {
      if (unit.port !== undefined) await judge.withSwitch((db) => delPort(db, name));
      await release(judge.context.ipam, record, { endedBy: "repair" });
    },
  };
  judge.report(by === "boot" ? POD_KINDS.earlierBoot : POD_KINDS.gone, {
    object: attachmentName(record),
    detail,
    evidence: placesOf(unit),
    port: name,
    fix,
  });
}

function interfaceMissing(judge: NodeJudge, unit: Recorded): void {
  const { attachment: { record, key, revision }, name, expected } = unit;
  const able = expected.plan !== undefined && expected.needs !== undefined;
  judge.report(POD_KINDS.interfaceMissing, {
    object: attachmentName(record),
    detail: `its namespace lives and has no interface ${record.ifname}`,
    evidence: placesOf(unit),
    port: name,
    ...(able
      ? {
        fix: {
          steps: [
            `make ${name} and ${record.ifname} anew, with ` +
            record.addresses.map(({ address }) => address).join(", "),
            `plug ${name} into ${expected.bridge} in VLAN ${record.vlan}`,
          ],
          order: ORDER.derived,
          undo: [`ip link del ${name}`],
          verify: async () => {
            const { run, ipam } = judge.context;
            if ((await readRevisions(ipam.store, [key])).get(key) !== revision) return false;
            const { links } = await observeHost(run);
            const look = await observePod(run, { netns: record.netns, ifname: record.ifname });
            return !links.has(name) && look.state === "there" &&
              look.pod.links.every((it) => it.name !== record.ifname);
          },
          change: () => plumbAgain(judge.context, { name, expected }),
        },
      }
      : { remedy: "By hand: put its network and bridge back first, then run repair again." }),
  });
}
