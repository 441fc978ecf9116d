/** The plugin's files: a log that many write at once, and disks that are full. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import * as v from "valibot";
import { effort } from "../effort.ts";
import { type EquippedHost, requireOk } from "../lab/mod.ts";
import { confFor, startBed } from "./bed.ts";
import { failureOf, resultOf } from "./by_hand.ts";
import { inFlight } from "./lanes.ts";
import { assertClean, openLabStore } from "./leftovers.ts";
import { readPluginLog } from "./plugin_log.ts";

const CONF = confFor("vlan100");
const LOG = "/var/log/fabric/fabric.log";

const Line = v.looseObject({
  message: v.string(),
  properties: v.looseObject({ container: v.string() }),
});

Deno.test("32 calls at once write whole lines, each once, while the log turns over", async () => {
  await using lab = await startBed({ hosts: 1 });
  const host = lab.host(0);
  const calls = effort(160, 4000);
  await host.fabric("DEL", { containerId: "measure", conf: CONF });
  const bytes = (await host.readFile(LOG)).length;
  // So that it turns over four times, and what was put aside first is just kept.
  const maxBytes = Math.max(4096, Math.ceil(calls * bytes / 4.2));
  await host.execOk(["rm", LOG]);
  await host.installFabric({ config: { log: { maxBytes } } });
  const names = Array.from({ length: calls }, (_, i) => `container-${i}`);
  const answers = await inFlight(
    names,
    32,
    (containerId) => host.fabric("DEL", { containerId, conf: CONF, timeoutMs: 120_000 }),
  );
  for (const answer of answers) assertEquals([answer.code, answer.stderr], [0, ""]);

  const files = (await host.execOk(`ls ${LOG}*`)).trim().split("\n");
  assertEquals(files, [LOG, ...[1, 2, 3, 4].map((n) => `${LOG}.${n}`)]);
  const seen: string[] = [];
  for (const file of files) {
    const text = await host.readFile(file);
    assert(text.length <= maxBytes + 32 * bytes * 2, `${file} has ${text.length} bytes`);
    assert(text.endsWith("\n"));
    for (const line of text.trim().split("\n")) {
      const { message, properties } = v.parse(Line, JSON.parse(line));
      assertEquals(message, "DEL");
      seen.push(properties.container);
    }
  }
  assertEquals(seen.sort(), [...names].sort());
});

/** Puts a small disk at the path, and fills it; the returned function makes room. */
async function fillUp(host: EquippedHost, path: string): Promise<() => Promise<void>> {
  await host.execOk(`mkdir -p ${path}; mount -t tmpfs -o size=64k,nr_inodes=8 tmpfs ${path}
    i=0; while touch ${path}/ballast$i 2>/dev/null; do i=$((i+1)); done
    dd if=/dev/zero of=${path}/ballast0 bs=1k 2>/dev/null || :`);
  return async () => void await host.execOk(`rm ${path}/ballast*`);
}

Deno.test("a full disk stops no ADD, and a DEL only where its word would be lost", async (t) => {
  await using lab = await startBed({ hosts: 1 });
  const host = lab.host(0);
  await using store = await openLabStore(lab);
  await using sandbox = await host.sandbox();
  const call = { sandbox, conf: CONF };
  const startAndEnd = async () => {
    const added = await host.fabric("ADD", call);
    resultOf(added);
    assert(await sandbox.reaches("10.100.0.1"));
    const deleted = await host.fabric("DEL", call);
    requireOk(deleted);
    await assertClean(store, host);
    return [added.stderr, deleted.stderr];
  };

  await t.step("of the log", async () => {
    const makeRoom = await fillUp(host, "/var/log/fabric");
    for (const stderr of await startAndEnd()) {
      assertMatch(stderr, /^fabric: cannot write the log: /);
    }
    await makeRoom();
    assertEquals(await startAndEnd(), ["", ""]);
    assertEquals((await readPluginLog(host)).map(({ message }) => message), ["ADD", "DEL"]);
  });

  await t.step("of the log, in the midst of a line", async () => {
    const folder = "/var/log/fabric";
    // Room for a part of a line, in the page that the file has.
    await host.execOk(`umount ${folder}; mount -t tmpfs -o size=8k tmpfs ${folder}
      head -c 3900 /dev/zero | tr '\\0' ' ' >${LOG}; echo >>${LOG}
      dd if=/dev/zero of=${folder}/ballast bs=1k 2>/dev/null || :`);
    assertMatch((await startAndEnd()).join(), /cannot write the log/);
    await host.execOk(`rm ${folder}/ballast`);
    assertEquals(await startAndEnd(), ["", ""]);
    const lines = (await host.readFile(LOG)).trim().split("\n").slice(-2);
    assertEquals(lines.map((line) => v.parse(Line, JSON.parse(line)).message), ["ADD", "DEL"]);
    await host.execOk(`umount ${folder}`);
  });

  await t.step("of what a node keeps until it boots", async () => {
    await host.execOk("rm -rf /run/fabric");
    const makeRoom = await fillUp(host, "/run/fabric");
    await startAndEnd();
    await makeRoom();
    await startAndEnd();
    await host.execOk("umount /run/fabric");
  });

  await t.step("of what a node keeps", async () => {
    const makeRoom = await fillUp(host, "/var/lib/fabric");
    await startAndEnd();
    resultOf(await host.fabric("ADD", call));
    await lab.etcd.kill(0);
    for (let i = 0; i < 2; i++) {
      const failure = failureOf(await host.fabric("DEL", call));
      assertEquals(failure.code, 115, failure.msg);
      assertMatch(
        failure.msg,
        /^Cannot keep in \/var\/lib\/fabric\/spool that .* ended: .*No space/,
      );
      assertMatch(failure.details ?? "", /make room/);
    }
    // The host is clean all the same; only etcd has to be told.
    assertEquals(await host.execOk("ip -o link | grep ' fb[a-z2-7]*' || :"), "");
    await makeRoom();
    requireOk(await host.fabric("DEL", call));
    await lab.etcd.restart(0);
    requireOk(await host.fabric("DEL", { containerId: "another", conf: CONF }));
    await using newStore = await openLabStore(lab);
    await assertClean(newStore, host);
    resultOf(await host.fabric("ADD", call));
    requireOk(await host.fabric("DEL", call));
    await assertClean(newStore, host);
  });
});
