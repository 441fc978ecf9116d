/**
 * A bank's data centre in a store: what the console's tests look at, and its pictures show.
 *
 * @module
 */

import type { Store } from "../../mod/etcd/store.ts";
import { parseAddress } from "../../mod/ip/address.ts";
import { parseRange } from "../../mod/ip/range.ts";
import { allocate } from "../../mod/ipam/allocate.ts";
import type { IpamContext } from "../../mod/ipam/context.ts";
import { fixAddresses } from "../../mod/ipam/fix.ts";
import { release } from "../../mod/ipam/release.ts";
import { reserve } from "../../mod/ipam/reserve.ts";
import type { OwnerRef } from "../../mod/model/identity.ts";
import { applyResource } from "../../mod/ipam/apply.ts";
import { addRequest } from "../ipam_fixture.ts";
import { network, node, physicalNetwork, zone } from "../documents.ts";
import { writeHistory } from "../history_fixture.ts";

const ZONES = ["hall-a", "hall-b", "branch"] as const;

interface SampleNetwork {
  readonly name: string;
  readonly physicalNetwork: string;
  readonly vlan: number;
  readonly tenant: string;
  readonly description: string;
  readonly subnets: readonly Readonly<Record<string, unknown>>[];
  /** Pods that have an address of it. */
  readonly pods: number;
  readonly workload: string;
}

const NETWORKS: readonly SampleNetwork[] = [
  {
    name: "core-banking",
    physicalNetwork: "prod",
    vlan: 100,
    tenant: "core",
    description: "Ledger and account services",
    subnets: [
      { cidr: "10.10.0.0/24", gateway: "10.10.0.1", exclude: ["10.10.0.240-10.10.0.254"] },
      { cidr: "fd10:100::/64", gateway: "fd10:100::1" },
    ],
    pods: 96,
    workload: "core/ledger",
  },
  {
    name: "payments",
    physicalNetwork: "prod",
    vlan: 110,
    tenant: "payments",
    description: "Payment gateways, SWIFT adapters",
    subnets: [{
      cidr: "10.10.4.0/26",
      gateway: "10.10.4.1",
    }],
    pods: 50,
    workload: "pay/gateway",
  },
  {
    name: "trading",
    physicalNetwork: "prod",
    vlan: 120,
    tenant: "markets",
    description: "Order routing",
    subnets: [{ cidr: "10.20.0.0/22", gateway: "10.20.0.1" }],
    pods: 60,
    workload: "trade/orders",
  },
  {
    name: "cards",
    physicalNetwork: "prod",
    vlan: 130,
    tenant: "cards",
    description: "Card authorisation",
    subnets: [{ cidr: "10.30.0.0/25", gateway: "10.30.0.1" }],
    pods: 22,
    workload: "cards/auth",
  },
  {
    name: "dmz-web",
    physicalNetwork: "dmz",
    vlan: 200,
    tenant: "web",
    description: "Reverse proxies",
    subnets: [{ cidr: "192.168.200.0/27", gateway: "192.168.200.1" }],
    pods: 26,
    workload: "web/proxy",
  },
  {
    name: "dmz-mail",
    physicalNetwork: "dmz",
    vlan: 210,
    tenant: "web",
    description: "Mail relays",
    subnets: [{ cidr: "192.168.210.0/28", gateway: "192.168.210.1" }],
    pods: 2,
    workload: "mail/relay",
  },
  {
    name: "storage",
    physicalNetwork: "san",
    vlan: 300,
    tenant: "platform",
    description: "NFS and object storage",
    subnets: [{ cidr: "10.90.0.0/24" }],
    pods: 12,
    workload: "infra/minio",
  },
];

/** A slot of a workload. */
export function slotOf(workload: string, slot: number, kind = "StatefulSet"): OwnerRef {
  const [namespace = "", name = ""] = workload.split("/");
  return {
    cluster: "local",
    group: "apps",
    kind,
    namespace,
    name,
    slot: String(slot),
    ifname: "eth0",
  };
}

/** Fills the store. */
export async function writeSample({ context, store }: {
  readonly context: IpamContext;
  readonly store: Store;
}): Promise<void> {
  for (const [name, mtu] of [["prod", 9000], ["dmz", 1500], ["san", 9000]] as const) {
    await applyResource(context, physicalNetwork(name, { mtu }));
  }
  for (const name of ZONES) {
    await applyResource(context, zone(name, name === "branch" ? ["prod"] : ["prod", "dmz", "san"]));
  }
  for (let i = 1; i <= 12; i++) {
    await applyResource(
      context,
      node(`node${i}`, { zone: ZONES[Math.min(2, Math.floor((i - 1) / 5))] ?? "hall-a" }),
    );
  }
  for (const one of NETWORKS) {
    const { name, tenant, pods: _pods, workload: _workload, ...spec } = one;
    await applyResource(context, network({ name, labels: { tenant } }, spec));
  }
  await reserveSome(context);
  await fixSome(context);
  await Promise.all(NETWORKS.map((one) => startPods(context, one)));
  await endSome(context);
  await writePast(store);
}

async function startPods(context: IpamContext, one: SampleNetwork): Promise<void> {
  const [namespace = "", name = ""] = one.workload.split("/");
  for (let i = 0; i < one.pods; i++) {
    // The first of each keep their addresses.
    const owned = i < 6 && one.name !== "storage";
    await allocate(context, {
      ...addRequest(`${one.name}-${String(i).padStart(4, "0")}`),
      networks: [one.name],
      zone: "hall-a",
      machineId: `machine-${i % 10 + 1}`,
      attachment: {
        cluster: "local",
        node: `node${i % 10 + 1}`,
        containerId: `${one.name}-${String(i).padStart(4, "0")}`,
        ifname: "eth0",
      },
      pod: { namespace, name: owned ? `${name}-${i}` : `${name}-7d9c5b6f4-${tail(i)}` },
      addresses: [parseAddress(addressAt(one, i))],
      ...(owned ? { owner: slotOf(one.workload, i) } : {}),
    });
  }
}

/** Five characters as replica sets give them. */
function tail(i: number): string {
  return Array.from(
    { length: 5 },
    (_, k) => "bcdfghjklmnpqrstvwxz24567"[(i * 7 + k * 11 + i * k) % 25],
  )
    .join("");
}

async function reserveSome(context: IpamContext): Promise<void> {
  const wanted = [
    ["core-banking", "10.10.0.230-10.10.0.237", "F5 load balancer, pair A"],
    ["payments", "10.10.4.60-10.10.4.61", "HSM cluster"],
    ["trading", "10.20.1.240-10.20.1.247", "Legacy order gateway"],
  ] as const;
  for (const [name, range, reason] of wanted) {
    await reserve(context, { network: name, range: parseRange(range), reason });
  }
}

/** Slots that wait for their pods, and one whose address changes under a running pod. */
async function fixSome(context: IpamContext): Promise<void> {
  for (let slot = 0; slot < 4; slot++) {
    await fixAddresses(context, {
      network: "trading",
      owner: slotOf("trade/matching", slot),
      addresses: [parseAddress(`10.20.0.${200 + slot}`)],
      tenant: "markets",
    });
  }
}

/** Pods that ended a moment ago: their addresses cool. */
async function endSome(context: IpamContext): Promise<void> {
  for (const i of [40, 41, 42, 43, 44]) {
    await release(context, {
      cluster: "local",
      node: `node${i % 10 + 1}`,
      containerId: `core-banking-${String(i).padStart(4, "0")}`,
      ifname: "eth0",
    }, { endedBy: "del" });
  }
}

/** Earlier holders over the last month, so that lives and trends have something to show. */
async function writePast(store: Store): Promise<void> {
  const day = 86_400_000;
  const now = Date.now();
  await writeHistory(
    store,
    NETWORKS.flatMap((one, n) =>
      Array.from({ length: Math.min(one.pods, 40) }, (_, i) => ({
        address: parseAddress(addressAt(one, i)),
        network: { name: one.name, uid: `uid-${one.name}` },
        containerId: `past-${one.name}-${i}`,
        start: new Date(now - (29 - (i * 5 + n) % 20) * day).toISOString(),
        end: new Date(now - (6 - i % 6) * day - i * 60_000).toISOString(),
      }))
    ),
  );
}

function addressAt(one: SampleNetwork, i: number): string {
  const [subnet] = one.subnets;
  const cidr = String(subnet?.["cidr"] ?? "10.0.0.0/24");
  const [a, b, c, d] = (cidr.split("/")[0] ?? "").split(".");
  // With gaps, as life makes them.
  const offset = one.pods > 60 ? i + 2 * Math.floor(i / 9) : i;
  return `${a}.${b}.${c}.${Number(d) + (one.pods < 10 ? 3 : 4) + offset}`;
}
