/**
 * A store with very many addresses, written as ADD writes them but many at a time: every address is
 * used by an attachment of its own, with MAC, history and entry by owner.
 *
 * @module
 */

import { ulid } from "@std/ulid";
import type { Operation, Store } from "../../mod/etcd/store.ts";
import { underPrefix } from "../../mod/etcd/store.ts";
import { type Address, formatAddress } from "../../mod/ip/address.ts";
import { macOfAddress } from "../../mod/ip/mac.ts";
import type { IpamContext } from "../../mod/ipam/context.ts";
import { putInterval } from "../../mod/ipam/free.ts";
import { historyIdentity } from "../../mod/ipam/history_identity.ts";
import {
  addressKey,
  attachmentKey,
  freePrefix,
  historyByOwnerKey,
  historyKey,
  macKey,
} from "../../mod/ipam/keys.ts";
import { getResource } from "../../mod/ipam/kinds.ts";
import { applyKind, applyNetwork } from "../ipam_fixture.ts";

/** Addresses of one /16 that are used; the rest stays free. */
const PER_NETWORK = 65_000;
/** Addresses of one transaction: five keys each. */
const BATCH = 25;
const WRITERS = 16;
const NODES = 500;

const SINCE = "2026-01-01T00:00:00.000Z";

function recordsOf(
  address: Address,
  network: { readonly name: string; readonly uid: string; readonly vlan: number },
): readonly Operation[] {
  const { name, uid, vlan } = network;
  const id = ulid();
  const serial = Number(address.value);
  const containerId = serial.toString(16).padStart(8, "0").repeat(8);
  const pod = {
    namespace: `team-${serial % 97}`,
    name: `web-${serial}-x7k2p`,
    uid: crypto.randomUUID(),
  };
  const ref = { cluster: "local", node: `node-${serial % NODES}`, containerId, ifname: "eth0" };
  const holder = { ...ref, pod };
  const mac = macOfAddress(address);
  const text = formatAddress(address);
  const put = (key: string, value: unknown): Operation => ({
    put: key,
    value: JSON.stringify(value),
  });
  return [
    put(addressKey(name, address), { v: 1, state: "used", id, holder, mac, since: SINCE }),
    put(historyKey(address, id), {
      v: 1,
      id,
      address: text,
      network: { name, uid },
      vlan,
      holder,
      mac,
      start: SINCE,
    }),
    put(historyByOwnerKey(historyIdentity(holder), id), {
      v: 1,
      address: text,
      network: { name, uid },
    }),
    put(attachmentKey(ref), {
      v: 1,
      ...holder,
      confName: "fabric",
      netns: `/var/run/netns/${containerId.slice(0, 12)}`,
      machineId: `machine-${serial % NODES}`,
      bootId: `boot-${serial % NODES}`,
      network: { name, uid },
      physicalNetwork: "prod",
      vlan,
      mac,
      addresses: [{ address: `${text}/16`, id, gateway: undefined }],
      since: SINCE,
    }),
    put(macKey("prod", vlan, mac), { v: 1, network: name, holder: ref }),
  ];
}

async function fillNetwork(
  context: IpamContext,
  input: { readonly index: number; readonly count: number },
): Promise<void> {
  const { store } = context;
  const { index, count } = input;
  const name = `full-${index}`;
  const vlan = 100 + index;
  await applyNetwork(context, name, { vlan, subnets: [{ cidr: `10.${index}.0.0/16` }] });
  const { metadata } = await getResource(store, { kind: "Network", name });
  const network = { name, uid: metadata.uid ?? "", vlan };
  const first = BigInt(10 * 2 ** 24 + index * 2 ** 16 + 1);
  const last = first + BigInt(count) - 1n;
  const end = first + 65_533n;
  let next = first;
  await Promise.all(Array.from({ length: WRITERS }, async () => {
    while (next <= last) {
      const from = next;
      next += BigInt(BATCH);
      const success: Operation[] = [];
      for (let value = from; value < next && value <= last; value++) {
        success.push(...recordsOf({ family: 4, value }, network));
      }
      await store.txn({ success }, { timeoutMs: 60_000 });
    }
  }));
  await store.txn({
    success: [{ delete: underPrefix(freePrefix(name, 4)) }],
  });
  if (last < end) {
    await store.txn({
      success: [putInterval(name, { family: 4, first: last + 1n, last: end }, "bench")],
    });
  }
}

/** Fills networks of a /16 each until so many addresses are used. */
export async function fillStore(context: IpamContext, addresses: number): Promise<void> {
  const { store }: { readonly store: Store } = context;
  await Promise.all(
    Array.from({ length: NODES }, (_, i) => i).map(async (i) => {
      const name = `node-${i}`;
      const node = {
        v: 1,
        apiVersion: "beyondfabric.io/v1alpha1",
        kind: "Node",
        metadata: { name, uid: ulid() },
        spec: { cluster: "local", zone: "z1" },
        status: { machineId: `machine-${i}`, bootId: `boot-${i}` },
      };
      await store.txn({ success: [{ put: `nodes/local/${name}`, value: JSON.stringify(node) }] });
    }),
  );
  await applyKind(context, "PhysicalNetwork", { name: "prod", spec: { mtu: 9000 } });
  for (let index = 0; index * PER_NETWORK < addresses; index++) {
    const count = Math.min(addresses - index * PER_NETWORK, PER_NETWORK);
    await fillNetwork(context, { index, count });
  }
}
