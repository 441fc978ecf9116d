import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { addRequest, applyNetwork, type IpamFixture, startIpam } from "../../tests/ipam_fixture.ts";
import { FabricError } from "../error.ts";
import { underPrefix } from "../etcd/store.ts";
import { formatAddress, parseAddress } from "../ip/address.ts";
import { allocate } from "./allocate.ts";
import type { AllocateRequest } from "./allocation.ts";
import { fenceNode, releaseEnded, replaceMachine, unfenceNode } from "./fence.ts";
import { fixAddresses } from "./fix.ts";
import { META_SCHEMA } from "./keys.ts";
import { getResource } from "./kinds.ts";
import { migrateSchema } from "./migrate.ts";
import { release } from "./release.ts";

const owner = {
  cluster: "local",
  group: "apps",
  kind: "StatefulSet",
  namespace: "trade",
  name: "orders",
  slot: "0",
  ifname: "eth0",
};
const N1 = { cluster: "local", node: "n1" };

async function start(): Promise<IpamFixture> {
  const fixture = await startIpam();
  const subnets = [{ cidr: "10.0.0.0/24", gateway: "10.0.0.1" }];
  await applyNetwork(fixture.context, "pods", { vlan: 100, subnets });
  return fixture;
}

/** An ADD on a node that is a machine of its own. */
function on(node: string, id: string, options: Partial<AllocateRequest> = {}): AllocateRequest {
  const { attachment } = addRequest(id);
  return addRequest(id, {
    attachment: { ...attachment, node },
    machineId: `machine-of-${node}`,
    ...options,
  });
}

async function refused(run: () => Promise<unknown>): Promise<FabricError> {
  return await assertRejects(run, FabricError);
}

Deno.test("fence: an owner's next ADD takes its address from the dead node, which attaches no more", async () => {
  await using fixture = await start();
  const { context, store } = fixture;
  await fixAddresses(context, { network: "pods", owner, addresses: [parseAddress("10.0.0.5")] });
  await allocate(context, on("n1", "a", { owner }));
  assertEquals(
    (await refused(() => allocate(context, on("n2", "b", { owner })))).kind,
    "try-again",
  );
  assertEquals((await fenceNode(context, N1, { by: "me", reason: "on fire" })).outcome, "changed");
  assertEquals((await fenceNode(context, N1, { by: "other" })).outcome, "unchanged");
  const moved = await allocate(context, on("n2", "b", { owner }));
  assertEquals(moved.addresses.map(({ address }) => formatAddress(address)), ["10.0.0.5"]);
  for (const again of [on("n1", "a", { owner }), on("n1", "c")]) {
    const error = await refused(() => allocate(context, again));
    assertEquals(error.kind, "forbidden");
    assertStringIncludes(error.message, "Node local/n1 was fenced by me: on fire");
    assertStringIncludes(error.remedy ?? "", "unfence local/n1");
  }
  // The node lives after all: its DEL takes nothing from the new holder.
  await release(context, on("n1", "a").attachment, { endedBy: "del" });
  const { holder } = JSON.parse((await store.range(underPrefix("addresses/"))).kvs[0]?.value ?? "");
  assertEquals(holder.node, "n2");
  assertEquals((await unfenceNode(context, N1)).outcome, "changed");
  assertEquals((await unfenceNode(context, N1)).outcome, "unchanged");
  await allocate(context, on("n1", "c"));
});

Deno.test("fence: an ADD of the node that is under way meanwhile does not commit", async () => {
  await using fixture = await start();
  const { context, store } = fixture;
  await allocate(context, on("n1", "a"));
  let fenced = false;
  const slow = {
    ...context,
    store: {
      ...store,
      range: store.range.bind(store),
      grantLease: store.grantLease.bind(store),
      txn: async (request: Parameters<typeof store.txn>[0]) => {
        if (!fenced && (request.success ?? []).some((one) => "put" in one)) {
          fenced = true;
          await fenceNode(context, N1, {});
        }
        return await store.txn(request);
      },
    },
  };
  assertEquals((await refused(() => allocate(slow, on("n1", "b")))).kind, "forbidden");
  assertEquals((await store.range(underPrefix("attachments/"))).kvs.length, 1);
});

Deno.test("an unfence that comes before the commit keeps the owner's address where it is", async () => {
  await using fixture = await start();
  const { context, store } = fixture;
  await allocate(context, on("n1", "a", { owner }));
  await fenceNode(context, N1, {});
  let unfenced = false;
  const slow = {
    ...context,
    store: {
      ...store,
      range: store.range.bind(store),
      grantLease: store.grantLease.bind(store),
      txn: async (request: Parameters<typeof store.txn>[0]) => {
        if (!unfenced && (request.success ?? []).some((one) => "put" in one)) {
          unfenced = true;
          await unfenceNode(context, N1);
        }
        return await store.txn(request);
      },
    },
  };
  assertEquals((await refused(() => allocate(slow, on("n2", "b", { owner })))).kind, "try-again");
});

Deno.test("releaseEnded() frees what a dead node had, and nothing of one that may live", async () => {
  await using fixture = await start();
  const { context, store } = fixture;
  for (const id of ["a", "b"]) await allocate(context, on("n1", id));
  assertEquals(await releaseEnded(context, N1), 0);
  await fenceNode(context, N1, {});
  assertEquals(await releaseEnded(context, N1), 2);
  assertEquals((await store.range(underPrefix("addresses/"))).kvs, []);
  assertEquals(
    (await refused(() => releaseEnded(context, { ...N1, node: "n9" }))).kind,
    "not-found",
  );
});

Deno.test("replace: a second machine of a name is refused until an administrator says so", async () => {
  await using fixture = await start();
  const { context } = fixture;
  await allocate(context, on("n1", "a", { owner }));
  const second = (id: string, options = {}) => on("n1", id, { machineId: "machine-2", ...options });
  const error = await refused(() => allocate(context, second("b")));
  assertEquals(error.kind, "forbidden");
  assertEquals(
    error.message,
    "Node name local/n1 belongs to the machine machine-of-n1, this one is machine-2",
  );
  assertStringIncludes(error.remedy ?? "", "node replace local/n1 --machine-id machine-2");
  await replaceMachine(context, N1, { machineId: "machine-2", by: "me" });
  assertEquals(
    (await replaceMachine(context, N1, { machineId: "machine-2" })).outcome,
    "unchanged",
  );
  // What the first machine had counts as ended, and it attaches nothing more.
  await allocate(context, second("b", { owner }));
  const old = await refused(() => allocate(context, on("n1", "c")));
  assertStringIncludes(old.message, "does not belong to the machine machine-of-n1 any more");
  // And back again.
  await replaceMachine(context, N1, { machineId: "machine-of-n1" });
  await allocate(context, on("n1", "c"));
  assertEquals((await refused(() => allocate(context, second("d")))).kind, "forbidden");
  const node = await getResource(context.store, { kind: "Node", name: "n1", cluster: "local" });
  assertEquals(node.spec.replaced?.map(({ machineId }) => machineId), ["machine-2"]);
});

Deno.test("replace without a machine: the next one has the name, but not the one before", async () => {
  await using fixture = await start();
  const { context } = fixture;
  await allocate(context, on("n1", "a"));
  await replaceMachine(context, N1, {});
  assertEquals((await refused(() => allocate(context, on("n1", "b")))).kind, "forbidden");
  await allocate(context, on("n1", "b", { machineId: "machine-3" }));
  const other = on("n1", "c", { machineId: "machine-4" });
  assertEquals((await refused(() => allocate(context, other))).kind, "forbidden");
});

Deno.test("migrate: waits for every node that is not fenced, and names those that are behind", async () => {
  await using fixture = await start();
  const { context, store } = fixture;
  for (const node of ["n1", "n2"]) await allocate(context, on(node, `c-${node}`));
  assertEquals((await migrateSchema(context, 1)).from, 1);
  const error = await refused(() => migrateSchema(context, 2));
  assertStringIncludes(error.message, "local/n1");
  assertStringIncludes(error.message, "local/n2");
  assertStringIncludes(error.message, "reads 1 schema");
  await fenceNode(context, N1, {});
  await fenceNode(context, { ...N1, node: "n2" }, {});
  const done = await migrateSchema(context, 2);
  assertEquals([done.from, done.to, done.fenced.length], [1, 2, 2]);
  assertEquals((await store.range({ key: META_SCHEMA })).kvs[0]?.value, '{"schema":2}');
  // This version reads 1: it writes nothing there any more.
  assertEquals((await refused(() => allocate(context, on("n3", "x")))).kind, "schema");
  const down = await refused(() => migrateSchema(context, 1));
  assert(down.message.includes("has schema 2 already"));
});
