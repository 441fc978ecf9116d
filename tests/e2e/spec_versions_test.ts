/** Every version of CNI from 0.3.0 on: as results, and with runtimes as far as each accepts it. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { type EquippedHost, requireOk, TOOLS } from "../lab/mod.ts";
import { addPod, failureOf, resultOf } from "./by_hand.ts";
import { confFor, conflistsFor, startBed } from "./bed.ts";
import { addressOf, assertNothingLeft } from "./records.ts";

const VERSIONS = ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const;

Deno.test("each version of CNI gets results in its own form", async (t) => {
  await using lab = await startBed({ hosts: 1 });
  const host = lab.host(0);
  for (const cniVersion of VERSIONS) {
    await t.step(cniVersion, async () => {
      const conf = confFor("vlan100", { cniVersion });
      await using pod = await addPod(host, { conf });
      const { result } = pod;
      const old = cniVersion < "1.0.0";
      assertEquals(result.cniVersion, cniVersion);
      assertEquals(
        result.ips.map(({ version }) => version),
        old ? ["4", "6"] : [undefined, undefined],
      );
      assertEquals(result.ips.map(({ gateway }) => gateway), ["10.100.0.1", "fd00:100::1"]);
      assertEquals(result.ips.map(({ interface: index }) => index), [1, 1]);
      const [outside, inside] = result.interfaces;
      assertMatch(outside?.name ?? "", /^fb/);
      assertEquals([inside?.name, inside?.["sandbox"]], ["eth0", pod.path]);
      assertEquals(inside?.["mtu"], cniVersion === "1.1.0" ? 1500 : undefined);
      assertEquals(result.routes.map(({ dst, gw }) => [dst, gw]), [
        ["0.0.0.0/0", "10.100.0.1"],
        ["::/0", "fd00:100::1"],
      ]);

      const withResult = { conf: { ...conf, prevResult: result } };
      const checked = await pod.again("CHECK", withResult);
      if (cniVersion < "0.4.0") assertEquals(failureOf(checked).code, 1);
      else assertEquals([checked.code, checked.stdout], [0, ""], checked.stdout);
      const status = await host.fabric("STATUS", { conf });
      const gc = await host.fabric("GC", { conf: { ...conf, "cni.dev/valid-attachments": [] } });
      for (const answer of [status, gc]) {
        if (cniVersion === "1.1.0") assertEquals([answer.code, answer.stdout], [0, ""]);
        else assertEquals([failureOf(answer).code, failureOf(answer).cniVersion], [1, cniVersion]);
      }
      // Its namespace lives, so GC kept it.
      assert(await pod.reaches("10.100.0.1"));
      requireOk(await pod.again("DEL", withResult));
      requireOk(await pod.again("DEL", { netns: "" }));
    });
  }

  await t.step("VERSION tells them all, in the version asked for", async () => {
    for (const cniVersion of [...VERSIONS, undefined]) {
      const answer = await host.fabric("VERSION", { conf: { cniVersion } });
      assertEquals(answer.json, {
        cniVersion: cniVersion ?? "1.1.0",
        supportedVersions: [...VERSIONS],
      });
    }
  });

  await t.step("another version is refused with code 1 in a version that we speak", async () => {
    for (const cniVersion of ["0.2.0", "2.0.0", undefined]) {
      await using sandbox = await host.sandbox();
      const answer = await host.fabric("ADD", { sandbox, conf: { cniVersion } });
      assertEquals(failureOf(answer).code, 1);
    }
  });
  await assertNothingLeft(host);
});

Deno.test("conflists of each version work with the runtimes that accept it", async (t) => {
  await using lab = await startBed({ hosts: 3, install: () => ({ conflists: {} }) });
  const [debian, newer, podmans] = [lab.host(0), lab.host(1), lab.host(2)];
  const write = async (host: EquippedHost, version: string | undefined) => {
    const options = version === undefined ? {} : { version };
    for (const list of Object.values(conflistsFor({ versions: "vlan100" }, options))) {
      await host.writeFile("/etc/cni/net.d/10-versions.conflist", JSON.stringify(list));
    }
  };
  const [old, recent, podman] = await Promise.all([
    debian.containerd(),
    newer.containerd({ binaries: `${TOOLS}containerd2` }),
    podmans.podman(),
  ]);
  const runs = {
    "containerd 1.6": [debian, (name: string) => old.run(name)],
    "containerd 2.4": [newer, (name: string) => recent.run(name)],
    "podman": [podmans, (name: string) => podman.run(name, { networks: ["versions"] })],
  } as const;
  const accepts: Readonly<Record<keyof typeof runs, RegExp>> = {
    "containerd 1.6": /^(0\.3|0\.4|1\.0)/,
    "containerd 2.4": /./,
    "podman": /^(0\.3|0\.4|1\.0)/,
  };
  for (const version of [...VERSIONS, undefined]) {
    await t.step(version ?? "the list of versions that install writes", async () => {
      await Promise.all(
        Object.entries(runs).map(async ([runtime, [host, run]]) => {
          await write(host, version);
          const name = `v${(version ?? "all").replaceAll(".", "-")}`;
          const started = run(name);
          const accepted = Object.entries(accepts).some(([known, pattern]) =>
            known === runtime && pattern.test(version ?? "0.4.0")
          );
          if (!accepted) {
            const refused = await started.then(() => "started", (error) => String(error));
            assertMatch(refused, /version/i, runtime);
            return;
          }
          const pod = await started;
          assert(await pod.reaches("10.100.0.1"), runtime);
          await addressOf(pod, 6);
          await pod.remove();
          await assertNothingLeft(host);
        }),
      );
    });
  }

  await t.step("cnitool", async () => {
    for (const version of [...VERSIONS, undefined]) {
      await write(debian, version);
      await using sandbox = await debian.sandbox();
      const call = { network: "versions", sandbox };
      const result = resultOf(await debian.cnitool("add", call));
      assertEquals(result.cniVersion, version ?? "1.1.0");
      const checked = await debian.cnitool("check", call);
      assertEquals(
        checked.code,
        version !== undefined && version < "0.4.0" ? 1 : 0,
        checked.stderr,
      );
      requireOk(await debian.cnitool("del", call));
    }
    await assertNothingLeft(debian);
  });
});
