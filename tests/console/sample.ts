/**
 * A bank's data centre in a store: what the console's tests look at, and its pictures show.
 *
 * @module
 */

import { appendAudit } from "../../mod/audit/append.ts";
import type { AuditEvent } from "../../mod/audit/record.ts";
import type { Store } from "../../mod/etcd/store.ts";
import { parseAddress } from "../../mod/ip/address.ts";
import { parseRange } from "../../mod/ip/range.ts";
import { allocate } from "../../mod/ipam/allocate.ts";
import type { IpamContext } from "../../mod/ipam/context.ts";
import { PORT_KINDS } from "../../mod/ipam/check/kinds/ports.ts";
import { fixAddresses } from "../../mod/ipam/fix.ts";
import { nodeFindings, putNodeFindings } from "../../mod/ipam/node_findings.ts";
import { release } from "../../mod/ipam/release.ts";
import { reserve } from "../../mod/ipam/reserve.ts";
import type { OwnerRef } from "../../mod/model/identity.ts";
import { applyResource } from "../../mod/ipam/apply.ts";
import { createAccount } from "../../server/auth/accounts.ts";
import { Passwords } from "../../server/auth/password.ts";
import { createToken } from "../../server/auth/tokens.ts";
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
  await writePast(store);
  await reserveSome(context);
  await fixSome(context);
  await Promise.all(NETWORKS.map((one) => startPods(context, one)));
  await endSome(context);
  await writeFindings(store);
}

async function startPods(context: IpamContext, one: SampleNetwork): Promise<void> {
  const [namespace = "", name = ""] = one.workload.split("/");
  for (let i = 0; i < one.pods; i++) {
    // The first of each keep their addresses.
    const owned = i < 6 && one.name !== "storage";
    await allocate(context, {
      ...addRequest(`${one.name}-${String(i).padStart(4, "0")}`),
      networks: [one.name],
      zone: i % 10 < 5 ? "hall-a" : "hall-b",
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
        start: new Date(now - (29 - (i * 5 + n) % 24) * day).toISOString(),
        end: new Date(now - (i % 4) * 3_600_000 - i * 60_000 - 600_000).toISOString(),
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

/** What the last check of two nodes said. */
async function writeFindings(store: Store): Promise<void> {
  const common = { cluster: "local", version: "0.1.0", sources: ["node"], at: ago(40) };
  await putNodeFindings(store, nodeFindings({ ...common, node: "node1", findings: [] }));
  const found = [
    [PORT_KINDS.tag, "port veth1a2b3c of br-prod", "it carries no VLAN although cards is VLAN 130"],
    [
      PORT_KINDS.unrecorded,
      "port veth90c4d1 of br-prod",
      "it works for pod core/ledger-7d9c5b6f4-x2vq9, which has no attachment",
    ],
    [PORT_KINDS.dead, "port veth77aa01 of br-prod", "its device is gone from this node"],
  ] as const;
  await putNodeFindings(
    store,
    nodeFindings({
      ...common,
      node: "node7",
      findings: found.map(([kind, object, detail]) => ({ kind, object, detail, evidence: [] })),
    }),
  );
}

function ago(minutes: number): string {
  return new Date(Date.now() - minutes * 60_000).toISOString();
}

/** Accounts, a token, and what was done with them. */
export async function writePeople(ipam: IpamContext): Promise<void> {
  const context = { ...ipam, passwords: new Passwords() };
  const password = "seven green kettles sing";
  const by = "zhang.wei";
  await createAccount(context, {
    name: "zhang.wei",
    password,
    role: "admin",
    by: "shell",
    mustChange: false,
  });
  await createAccount(context, { name: "li.na", password, role: "operator", by, mustChange: true });
  await createAccount(context, {
    name: "cards-team",
    password,
    role: "operator",
    scope: { tenant: "cards" },
    by,
    mustChange: false,
  });
  const day = 86_400_000;
  await createToken(context, {
    name: "ansible",
    role: "operator",
    lifetimeMs: 90 * day,
    by: "zhang.wei",
  });
  await createToken(context, {
    name: "grafana",
    role: "viewer",
    lifetimeMs: 365 * day,
    by: "zhang.wei",
  });
  const event = { way: "account", from: "10.200.4.17", outcome: "done" } as const;
  const events: readonly AuditEvent[] = [
    {
      ...event,
      at: ago(95),
      who: "zhang.wei",
      requestId: "r-1",
      action: "signIn",
      object: "Session zhang.wei",
    },
    {
      ...event,
      at: ago(93),
      who: "zhang.wei",
      requestId: "r-2",
      action: "patchNetwork",
      object: "Network payments",
      before: { spec: { vlan: 110, description: "Payment gateways" } },
      after: { spec: { vlan: 110, description: "Payment gateways, SWIFT adapters" } },
    },
    {
      ...event,
      at: ago(60),
      who: "cards-team",
      requestId: "r-3",
      action: "patchNetwork",
      object: "Network core-banking",
      outcome: "refused",
      detail: "Network core-banking does not exist for cards-team",
    },
    {
      ...event,
      at: ago(41),
      who: "li.na",
      requestId: "r-4",
      action: "reserve",
      object: "Range core-banking/10.10.0.230-10.10.0.237",
      after: { reason: "F5 load balancer, pair A" },
    },
    {
      ...event,
      at: ago(12),
      who: "token:ansible",
      way: "token",
      requestId: "r-5",
      action: "fix",
      object: "Owner trading/local/StatefulSet.apps/trade/matching/3/eth0",
      before: [],
      after: ["10.20.0.203"],
    },
  ];
  await appendAudit(context.store, events.map((event) => ({ event })));
}
