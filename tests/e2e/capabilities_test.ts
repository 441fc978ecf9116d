/** The capabilities ips, mac, bandwidth and dns, as runtimes hand them over. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import * as v from "valibot";
import type { Lab, Place } from "../lab/mod.ts";
import { eventually, requireOk } from "../lab/mod.ts";
import { confFor, conflistsFor, declare, networkObject, startBed } from "./bed.ts";
import { addPod, failureOf, resultOf } from "./by_hand.ts";
import { addressOf, assertNothingLeft, assertRecorded, readInterface } from "./records.ts";

function startCapabilitiesBed(): Promise<Lab> {
  return startBed({ hosts: 1, install: () => ({ conflists: conflistsFor({ pods: "vlan100" }) }) });
}

Deno.test("a pod gets the addresses, the MAC and the resolvers that the runtime asks for", async (t) => {
  await using lab = await startCapabilitiesBed();
  const host = lab.host(0);

  await t.step("cnitool, by CAP_ARGS", async () => {
    await using sandbox = await host.sandbox();
    const result = resultOf(
      await host.cnitool("add", {
        network: "pods",
        sandbox,
        capabilities: {
          ips: ["10.100.0.77/24", "fd00:100::77"],
          mac: "02:11:22:33:44:55",
          dns: { servers: ["10.100.0.53"], searches: ["pods.example"], options: ["ndots:2"] },
        },
      }),
    );
    assertEquals(await readInterface(sandbox), {
      mac: "02:11:22:33:44:55",
      mtu: 1500,
      addresses: ["10.100.0.77/24", "fd00:100::77/64"],
    });
    assertEquals(result.dns, {
      nameservers: ["10.100.0.53"],
      search: ["pods.example"],
      options: ["ndots:2"],
    });
    assert(await sandbox.reaches("10.100.0.1"));
    requireOk(await host.cnitool("del", { network: "pods", sandbox }));
  });

  await t.step("podman, by --ip, --ip6 and --mac-address", async () => {
    const podman = await host.podman();
    const pod = await podman.run("fixed", {
      networks: ["pods"],
      flags: [
        ...["--ip", "10.100.0.78", "--ip6", "fd00:100::78"],
        ...["--mac-address", "02:11:22:33:44:56"],
      ],
    });
    await assertRecorded(host, pod, { network: "vlan100" });
    assertEquals(await readInterface(pod), {
      mac: "02:11:22:33:44:56",
      mtu: 1500,
      addresses: ["10.100.0.78/24", "fd00:100::78/64"],
    });
    await pod.remove();
  });

  await t.step("podman writes the network's resolvers", async () => {
    const dns = { nameservers: ["10.100.0.53"], search: ["pods.example"] };
    const network = { vlan: 301, dns, subnets: [{ cidr: "10.31.0.0/24" }] };
    await declare(host, [networkObject("resolving", network)]);
    for (const [file, list] of Object.entries(conflistsFor({ resolving: "resolving" }))) {
      await host.writeFile(`/etc/cni/net.d/5${file}`, JSON.stringify(list));
    }
    const podman = await host.podman();
    const pod = await podman.run("asking", { networks: ["resolving"] });
    assertMatch(await pod.execInside(["cat", "/etc/resolv.conf"]), /nameserver 10\.100\.0\.53/);
    await pod.remove();
  });

  await t.step("the keys may be written in any case", async () => {
    const conf = confFor("vlan100", {
      runtimeConfig: { IPs: ["10.100.0.79"], Mac: "02-11-22-33-44-57", DNS: { Servers: ["::1"] } },
    });
    await using pod = await addPod(host, { conf });
    const { mac, addresses } = await readInterface(pod);
    assertEquals([mac, addresses[0]], ["02:11:22:33:44:57", "10.100.0.79/24"]);
    assertEquals(pod.result.dns, { nameservers: ["::1"] });
    requireOk(await pod.again("DEL"));
  });

  await t.step("what another pod has is refused by its name, and nothing is left", async () => {
    const ask = (runtimeConfig: unknown) => ({ conf: confFor("vlan100", { runtimeConfig }) });
    await using first = await addPod(host, ask({ ips: ["10.100.0.80"], mac: "02:11:22:33:44:58" }));
    await using second = await host.sandbox();
    for (const wanted of [{ ips: ["10.100.0.80"] }, { mac: "02:11:22:33:44:58" }]) {
      const failure = failureOf(await host.fabric("ADD", { sandbox: second, ...ask(wanted) }));
      assertEquals(failure.code, 104, failure.msg);
      const said = `${failure.msg}; ${failure.details}`;
      assert(said.includes(first.containerId.slice(0, 12)), said);
    }
    const outside = failureOf(
      await host.fabric("ADD", { sandbox: second, ...ask({ ips: ["10.99.0.1"] }) }),
    );
    assertMatch(outside.msg, /10\.99\.0\.1/);
    assertEquals(await second.execOk("ip -o link | grep -v ' lo:' || :"), "");
    requireOk(await first.again("DEL"));
    await assertNothingLeft(host);
  });
});

const Counter = v.object({ bytes: v.number() });
const Statistics = v.tuple([v.object({ stats64: v.object({ rx: Counter, tx: Counter }) })]);

/** Bits per second at layer 2. */
const RATE = 20_000_000;

Deno.test("bandwidth holds within 2 % at layer 2, both ways, also after vswitchd's restart", async () => {
  await using lab = await startCapabilitiesBed();
  const host = lab.host(0);
  await using peer = await addPod(host, { conf: confFor("vlan100") });
  await using pod = await host.sandbox();
  const capabilities = {
    // Bursts as containerd hands them over.
    bandwidth: {
      ingressRate: RATE,
      ingressBurst: 4294967295,
      egressRate: RATE,
      egressBurst: 4294967295,
    },
  };
  requireOk(await host.cnitool("add", { network: "pods", sandbox: pod, capabilities }));
  requireOk(await host.cnitool("check", { network: "pods", sandbox: pod, capabilities }));
  await host.ovs.restartVswitchd();
  assert(await pod.reaches(await addressOf(peer, 4)));
  requireOk(await host.cnitool("check", { network: "pods", sandbox: pod, capabilities }));
  const measured = await measureBoth(pod, peer);
  assertEquals(measured.filter((ratio) => ratio < 0.98 || ratio > 1.02), [], `${measured}`);
  requireOk(await host.cnitool("del", { network: "pods", sandbox: pod }));
  requireOk(await peer.again("DEL"));
  await assertNothingLeft(host);
});

/**
 * What reaches the pod and what leaves it, as parts of the rate, by the counters of its device:
 * the best of some windows, since a busy machine may send less than the limit for a while.
 */
async function measureBoth(pod: Place, peer: Place): Promise<readonly number[]> {
  await using _server = peer.start("exec iperf3 -s");
  await eventually(
    "iperf3 listens",
    async () => (await peer.execOk("ss -Hltn sport = :5201")) !== "",
  );
  // UDP, since what TCP makes of a limit on a busy machine is its own affair.
  const load = `iperf3 -u --bidir -t 20 -b ${RATE * 1.3} -c ${await addressOf(peer, 4)}`;
  await using _load = pod.start(`exec ${load}`);
  const read = async () => {
    const text = await pod.execOk(["ip", "-j", "-s", "link", "show", "dev", "eth0"]);
    const [{ stats64: { rx, tx } }] = v.parse(Statistics, JSON.parse(text));
    return { bytes: [rx.bytes, tx.bytes], at: performance.now() };
  };
  let best: readonly number[] = [0, 0];
  let start = await eventually("the load runs", async () => {
    const now = await read();
    return now.bytes.every((count) => count > RATE / 8 / 4) && now;
  });
  for (let window = 0; window < 8 && best.some((ratio) => ratio < 0.98); window++) {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const end = await read();
    const ratios = end.bytes.map((count, i) =>
      (count - (start.bytes[i] ?? 0)) * 8_000 / (end.at - start.at) / RATE
    );
    best = best.map((ratio, i) => Math.max(ratio, ratios[i] ?? 0));
    start = end;
  }
  return best;
}
