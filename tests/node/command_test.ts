/** `fabric-admin check` and `repair` on a node, as an administrator uses them. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import * as v from "valibot";
import { hostIfname } from "../../mod/host/ifname.ts";
import { listNodeFindings } from "../../mod/ipam/node_findings.ts";
import { confFor, startBed } from "../e2e/bed.ts";
import { addPod } from "../e2e/by_hand.ts";
import { openLabStore } from "../e2e/leftovers.ts";

const Report = v.object({
  looked: v.string(),
  findings: v.array(v.object({ code: v.string(), plan: v.optional(v.array(v.string())) })),
});

Deno.test("check and repair on a node by the command line", async () => {
  await using lab = await startBed({ hosts: 2 });
  const host = lab.host(0);
  await using store = await openLabStore(lab);
  const conf = confFor("vlan100");
  const pod = await addPod(host, { conf });
  const peer = await addPod(lab.host(1), { conf });
  const [target = ""] = peer.result.ips.map(({ address }) => address.replace(/\/.*/, ""));
  const port = await hostIfname(pod.containerId, "eth0");
  const check = async (...args: readonly string[]) => await host.admin(["check", ...args]);

  const all = await check("all");
  assertEquals(all.code, 0, all.stdout + all.stderr);
  assertMatch(
    all.stdout,
    /^no damage \([\d,]+ keys read, at revision \d+, 1 attachment of this node\)/,
  );
  const told = await check("node", "--report");
  assertEquals([told.code, told.stderr], [0, ""]);
  assertEquals((await Array.fromAsync(listNodeFindings(store)))[0]?.counts.error, 0);

  await host.ovs.vsctl("set", "port", port, "tag=200");
  await pod.execOk("ip link set eth0 mtu 1300");
  const json = await check("node", "-o", "json");
  assertEquals(json.code, 3);
  const report = v.parse(Report, JSON.parse(json.stdout));
  assertEquals(report.findings.map(({ code }) => code), ["F-P-07", "F-V-06"]);
  const onlyPods = await check("pods");
  assertEquals(onlyPods.code, 3);
  assert(!onlyPods.stdout.includes("F-V-06"));
  assertEquals((await check("node", "--report")).code, 3);
  const [kept] = await Array.fromAsync(listNodeFindings(store));
  assertEquals(kept?.findings.map(({ code }) => code), ["F-P-07", "F-V-06"]);
  assertEquals([kept?.cluster, kept?.node, kept?.sources], ["local", "host1", ["node", "pods"]]);

  const dry = await host.admin(["repair", "node", "--dry-run"]);
  assertEquals(dry.code, 3);
  assertStringIncludes(dry.stdout, `make port ${port} an access port of VLAN 100`);
  const repaired = await host.admin(["repair", "node", "--yes", "--undo-file", "/run/a.undo"]);
  assertEquals(repaired.code, 0, repaired.stdout + repaired.stderr);
  assertStringIncludes(repaired.stdout, "2 of 2 mended");
  assertStringIncludes(repaired.stdout, "After it: no damage");
  assertEquals((await check("wire")).code, 0);
  assert(await pod.reaches(target, { withinMs: 8_000 }));

  const undone = await host.admin(["repair", "--undo", "/run/a.undo", "--yes"]);
  assertEquals(undone.code, 0);
  // What was changed on the node is told as commands, for a person to judge.
  assertStringIncludes(undone.stdout, `ovs-vsctl set port ${port} tag=200`);
  assertStringIncludes(undone.stdout, "ip link set dev eth0 mtu 1300");

  const other = await host.admin(["check", "networks", "--report"]);
  assertEquals(other.code, 2);
  await host.writeFile("/run/none.yaml", `etcd: {endpoints: [${lab.etcd.endpoints[0]}]}`);
  const none = await host.admin(["check", "node", "--config", "/run/none.yaml"]);
  assertEquals(none.code, 1);
  assertStringIncludes(none.stderr, "its configuration names no bridge");
});
