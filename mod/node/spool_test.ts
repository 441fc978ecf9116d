import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { FabricError } from "../error.ts";
import { openSpool, type SpoolEntry } from "./spool.ts";

function entryOf(port: string): SpoolEntry {
  const ref = { cluster: "c", node: "host1", containerId: `of-${port}`, ifname: "eth0" };
  return { v: 1, ref, port, portRemains: false, recordRemains: true, at: "2026-01-01T00:00:00Z" };
}

async function withStateDir(action: (stateDir: string) => Promise<void>): Promise<void> {
  const stateDir = await Deno.makeTempDir();
  try {
    await action(stateDir);
  } finally {
    await Deno.remove(stateDir, { recursive: true });
  }
}

const nothing = () => Promise.resolve();

Deno.test("a spool keeps entries by time, and tells those of a port", () =>
  withStateDir((stateDir) => {
    const spool = openSpool(stateDir);
    assertEquals(spool.names(), []);
    spool.put(entryOf("fb2"), "01B");
    spool.put(entryOf("fb1"), "01A");
    assertEquals(spool.names(), ["01A-fb1.json", "01B-fb2.json"]);
    assertEquals(spool.names("fb2"), ["01B-fb2.json"]);
    assertEquals(Deno.statSync(`${stateDir}/spool/01A-fb1.json`).mode! & 0o777, 0o600);
    return Promise.resolve();
  }));

Deno.test("a spool's entry is finished once, and stays when that fails", () =>
  withStateDir(async (stateDir) => {
    const spool = openSpool(stateDir);
    spool.put(entryOf("fb1"), "01A");
    const [name = ""] = spool.names();
    const away = new FabricError("unavailable", "etcd is away");
    assertEquals(await assertRejects(() => spool.finish(name, () => Promise.reject(away))), away);
    const seen: SpoolEntry[] = [];
    const finish = (entry: SpoolEntry) => Promise.resolve(void seen.push(entry));
    assertEquals(await spool.finish(name, finish), true);
    assertEquals(await spool.finish(name, finish), false);
    assertEquals([seen, spool.names()], [[entryOf("fb1")], []]);
  }));

Deno.test("a spool's entry that another finishes is waited for, or left to that one", () =>
  withStateDir(async (stateDir) => {
    const spool = openSpool(stateDir);
    spool.put(entryOf("fb1"), "01A");
    const [name = ""] = spool.names();
    const { promise, resolve } = Promise.withResolvers<void>();
    const first = spool.finish(name, () => promise);
    assertEquals(await spool.finish(name, nothing), false);
    const error = await assertRejects(
      () => spool.finish(name, nothing, { waitMs: 30 }),
      FabricError,
    );
    assertEquals(error.kind, "try-again");
    const second = spool.finish(name, nothing, { waitMs: 10_000 });
    resolve();
    assertEquals([await first, await second], [true, false]);
  }));

Deno.test("a spool tells of an entry that is none, and of a folder that takes none", () =>
  withStateDir(async (stateDir) => {
    const spool = openSpool(stateDir);
    Deno.mkdirSync(`${stateDir}/spool`);
    Deno.writeTextFileSync(`${stateDir}/spool/01A-fb1.json`, "{");
    const error = await assertRejects(() => spool.finish("01A-fb1.json", nothing), FabricError);
    assert(error.message.includes("01A-fb1.json") && error.remedy !== undefined);
    assertEquals(spool.names().length, 1);

    Deno.removeSync(`${stateDir}/spool`, { recursive: true });
    Deno.writeTextFileSync(`${stateDir}/spool`, "");
    const full = assertThrows(() => spool.put(entryOf("fb1"), "01A"), FabricError);
    assert(full.message.includes("of-fb1"));
  }));
