/** Looking changes nothing. */

import { assert, assertEquals } from "@std/assert";
import { requireOk } from "../lab/mod.ts";
import { addressOf, startPodsBed } from "./bed.ts";
import { neighbours, snapshot } from "./snapshot.ts";

Deno.test("diagnose and trace change neither etcd, nor the switch, nor the host, nor a pod", async () => {
  await using bed = await startPodsBed();
  const { lab, host, a, b } = bed;
  const before = await snapshot(lab, { host, pods: [a, b] });
  const nobody = "10.100.0.251";
  for (
    const args of [
      ["diagnose", "pod", "web/a"],
      ["diagnose", "address", addressOf(a, 6), "--to", "web/b"],
      ["diagnose", "pod", "web/a", "--to", "web/c"],
      ["diagnose", "pod", "web/a", "--to", "10.200.0.10:443"],
      ["diagnose", "pod", "web/a", "--to", nobody],
      ["diagnose", "pod", "web/a", "--to", "fd00:100::dead"],
      ["diagnose", "node", "host1"],
      ["diagnose", "network", "vlan100"],
      ["trace", "web/a", "web/b"],
      ["trace", "web/a", "10.200.0.10:443"],
    ]
  ) {
    const { code, stdout, stderr } = await host.admin(args);
    assert([0, 3].includes(code), stderr + stdout);
  }
  const after = await snapshot(lab, { host, pods: [a, b] });
  for (const [name, text] of Object.entries(before)) assertEquals(after[name], text, name);
  const known = await neighbours(a);
  assertEquals(known.filter((one) => one === nobody || one === "fd00:100::dead"), []);
});

Deno.test("trace tells in words where a packet goes, and where it is dropped", async () => {
  await using bed = await startPodsBed();
  const { host, other } = bed;
  const out = requireOk(await host.admin(["trace", "web/a", "web/c"]));
  assert(/^a ping of pod web\/a \(10\.100\.0\.\d+, node host1\) to pod web\/c/.test(out), out);
  assert(out.includes("untagged: its port puts it into VLAN 100"), out);
  assert(out.includes("every packet (priority 0)\n         forwards it as a plain switch"), out);
  assert(out.includes("  out  eth1, tagged VLAN 100\n"), out);
  assert(out.includes("PASSES: "), out);
  assert(out.includes("the other half: on node host2, fabric-admin trace web/a web/c"), out);

  const arriving = requireOk(await other.admin(["trace", "web/a", "web/c"]));
  assert(/ in {3}eth1, tagged VLAN 100\n/.test(arriving), arriving);
  assert(/ out {2}fb\w+, untagged\n/.test(arriving), arriving);

  await host.execOk("ovs-ofctl add-flow br-prod cookie=0x7,tcp,tp_dst=443,actions=drop");
  const dropped = await host.admin(["trace", "web/a", "10.200.0.10:443"]);
  assertEquals([dropped.code, dropped.stderr], [3, ""]);
  assert(dropped.stdout.includes("TCP packets to port number 443 (priority 32768, cookie 0x7)"));
  assert(dropped.stdout.includes("drops it\n  out  nowhere (drop)"), dropped.stdout);
  assertEquals((await host.admin(["trace", "web/a", "10.200.0.10:53", "--udp"])).code, 0);
  const elsewhere = await other.admin(["trace", "web/a", "web/b"]);
  assertEquals([elsewhere.code, elsewhere.stdout], [1, ""]);
  assert(elsewhere.stderr.includes("Neither end is on this node; run it on node host1"));
});
