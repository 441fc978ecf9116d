import { assert, assertEquals, assertRejects } from "@std/assert";
import { FabricError } from "../../mod/error.ts";
import {
  hasLeakFilter,
  linkExists,
  plumb,
  type PlumbOptions,
  type PlumbSettings,
  type PodInterface,
  readPod,
  readRate,
  shaperOf,
  sourceTableOf,
  unplumb,
} from "../../mod/host/mod.ts";
import { type Netns, startNetns, until } from "../ovs_fixture.ts";

const POD: PodInterface = {
  ifname: "eth0",
  mac: "02:00:0a:00:00:05",
  mtu: 1400,
  addresses: ["10.0.0.5/24", "2001:db8::5/64"],
  gateways: ["10.0.0.1", "2001:db8::1"],
  defaultRoute: "first",
  routes: [],
  sourceTable: sourceTableOf("eth0"),
};

/** As a datapath in user space wants it. */
const NETDEV: PlumbSettings = {
  leakFilter: true,
  txOffload: false,
  ingress: undefined,
  egress: undefined,
};

function options(pod: Netns, more: Partial<PlumbOptions> = {}): PlumbOptions {
  return {
    host: "fbplumb",
    ifname: "eth0",
    netns: pod.path,
    settings: Promise.resolve(NETDEV),
    connected: Promise.resolve(),
    onLinked: () => {},
    ...more,
  };
}

async function nothingLeft(host: Netns): Promise<void> {
  assertEquals(await linkExists(host.run, "fbplumb"), false);
  assertEquals(await hasLeakFilter(host.run, "fbplumb"), false);
}

Deno.test("plumb() makes devices, filter, limits and the pod's side; unplumb() takes all back", async () => {
  await using host = await startNetns();
  await using pod = await startNetns();
  const planned = Promise.withResolvers<PodInterface>();
  const connected = Promise.withResolvers<void>();
  const linked = Promise.withResolvers<void>();
  const rates = { ingress: shaperOf(50_000_000), egress: shaperOf(20_000_000) };
  const settings = Promise.resolve({ ...NETDEV, ...rates });
  const plumbing = plumb(
    host.run,
    planned.promise,
    options(pod, { connected: connected.promise, onLinked: () => linked.resolve(), settings }),
  );
  await linked.promise;
  assertEquals(await linkExists(host.run, "fbplumb"), true);
  planned.resolve(POD);
  await until(
    "the pod has its address",
    async () => (await pod.exec("ip addr")).includes("10.0.0.5"),
  );
  connected.resolve();
  assertEquals(await plumbing, { defaultRoute: true });
  const state = await readPod(host.run, { netns: pod.path, ifname: "eth0" });
  assertEquals([state?.mac, state?.mtu, state?.addresses], [POD.mac, 1400, [...POD.addresses]]);
  assertEquals(await hasLeakFilter(host.run, "fbplumb"), true);
  assertEquals(await readRate(host.run, "fbplumb"), 50_000_000);
  assertEquals(await readRate(pod.run, "eth0"), 20_000_000);
  assert((await pod.exec("ethtool -k eth0")).includes("tx-checksumming: off"));
  const sourceTable = sourceTableOf("eth0");
  await unplumb(host.run, { host: "fbplumb", netns: pod.path, sourceTable });
  await nothingLeft(host);
  await unplumb(host.run, { host: "fbplumb", netns: pod.path, sourceTable });
  await unplumb(host.run, { host: "fbplumb", netns: "/nonexistent/netns", sourceTable });
});

Deno.test("plumb() leaves filter and offload alone where the datapath is the kernel's", async () => {
  await using host = await startNetns();
  await using pod = await startNetns();
  await plumb(
    host.run,
    Promise.resolve(POD),
    options(pod, { settings: Promise.resolve({ ...NETDEV, leakFilter: false, txOffload: true }) }),
  );
  assertEquals(await hasLeakFilter(host.run, "fbplumb"), false);
  assert((await pod.exec("ethtool -k eth0")).includes("tx-checksumming: on"));
  await unplumb(host.run, { host: "fbplumb" });
});

Deno.test("plumb() fails with what the settings failed with, and can be taken back", async () => {
  await using host = await startNetns();
  await using pod = await startNetns();
  const settings = Promise.reject(new FabricError("unavailable", "ovsdb-server is down"));
  settings.catch(() => {});
  const plumbing = plumb(host.run, Promise.resolve(POD), options(pod, { settings }));
  const error = await assertRejects(() => plumbing, FabricError);
  assertEquals([error.kind, error.message], ["unavailable", "ovsdb-server is down"]);
  await unplumb(host.run, { host: "fbplumb" });
  await nothingLeft(host);
});

Deno.test("unplumb() takes the rules of a further interface out of a namespace that lives on", async () => {
  await using host = await startNetns();
  await using pod = await startNetns();
  await plumb(host.run, Promise.resolve({ ...POD, defaultRoute: false }), options(pod));
  const rules = () => pod.exec("ip rule; ip -6 rule");
  assert((await rules()).includes("from 10.0.0.5"));
  await unplumb(host.run, {
    host: "fbplumb",
    netns: pod.path,
    sourceTable: sourceTableOf("eth0"),
  });
  assert(!/from (10|2001)/.test(await rules()), await rules());
});

Deno.test("plumb() tells what it met, and touches nothing of it", async () => {
  await using host = await startNetns();
  await using pod = await startNetns();
  const attempt = (more: Partial<PlumbOptions>) =>
    assertRejects(
      () => plumb(host.run, Promise.resolve(POD), options(pod, more)),
      FabricError,
    );
  const missing = await attempt({ netns: "/nonexistent/netns" });
  assertEquals([missing.kind, missing.details["reason"]], ["not-found", "netns"]);
  await plumb(host.run, Promise.resolve(POD), options(pod));
  const same = await attempt({ host: "fbother" });
  assertEquals([same.kind, same.details["reason"]], ["conflict", "ifname"]);
  assertEquals(await linkExists(host.run, "fbother"), false);
  const taken = await attempt({ ifname: "eth1" });
  assertEquals([taken.kind, taken.details["reason"]], ["conflict", "host-ifname"]);
  assertEquals(await linkExists(pod.run, "eth0"), true);
  await unplumb(host.run, { host: "fbplumb" });
});

Deno.test("plumb() fails with what the plan or the port failed with, when nothing runs any more", async () => {
  await using host = await startNetns();
  await using pod = await startNetns();
  for (const late of [false, true]) {
    const error = new FabricError("exhausted", "no address is free");
    const failing = Promise.withResolvers<never>();
    failing.promise.catch(() => {});
    const plan = late ? Promise.resolve(POD) : failing.promise;
    const plumbing = plumb(
      host.run,
      plan,
      options(pod, { connected: failing.promise, onLinked: () => failing.reject(error) }),
    );
    assertEquals(await assertRejects(() => plumbing, FabricError), error);
    await unplumb(host.run, { host: "fbplumb" });
    await nothingLeft(host);
  }
});

Deno.test("plumb() announces nothing without its filter", async () => {
  await using host = await startNetns();
  await using pod = await startNetns();
  // A table of that name in the way: nft cannot hook a chain of another kind into it.
  await host.exec("nft 'add table netdev fabric; add chain netdev fabric fbplumb'");
  const error = await assertRejects(
    () => plumb(host.run, Promise.resolve(POD), options(pod)),
    FabricError,
  );
  assertEquals(error.kind, "host");
  await unplumb(host.run, { host: "fbplumb" });
});
