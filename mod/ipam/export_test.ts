import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { endHistory, writeHistory } from "../../tests/history_fixture.ts";
import { addRequest, applyNetwork, type IpamFixture, startIpam } from "../../tests/ipam_fixture.ts";
import { FabricError } from "../error.ts";
import { underPrefix } from "../etcd/store.ts";
import { type Address, parseAddress } from "../ip/address.ts";
import { allocate } from "./allocate.ts";
import { exportHistory } from "./export.ts";
import { readExported } from "./exported.ts";
import { networkKey, PREFIXES } from "./keys.ts";
import { release } from "./release.ts";

interface ExportedLine {
  readonly revision: number;
  readonly startRevision: number;
  readonly key: string;
  readonly record: Readonly<Record<string, unknown>>;
}

function addresses(first: string, count: number): readonly Address[] {
  const { family, value } = parseAddress(first);
  return Array.from({ length: count }, (_, i) => ({ family, value: value + BigInt(i) }));
}

async function readLines(file: string): Promise<readonly ExportedLine[]> {
  const text = await Deno.readTextFile(file);
  assert(text === "" || text.endsWith("\n"));
  return text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
}

/** The states in etcd now, in the order of an export. */
async function states(fixture: IpamFixture): Promise<readonly string[]> {
  const { kvs } = await fixture.store.range(underPrefix(PREFIXES.history));
  return inOrder(kvs.map((kv) => ({ revision: kv.modRevision, key: kv.key })));
}

function inOrder(lines: readonly Pick<ExportedLine, "revision" | "key">[]): readonly string[] {
  return [...lines]
    .sort((a, b) => a.revision - b.revision || (a.key < b.key ? -1 : 1))
    .map(({ revision, key }) => `${revision} ${key}`);
}

function asText(lines: readonly ExportedLine[]): readonly string[] {
  return lines.map(({ revision, key }) => `${revision} ${key}`);
}

Deno.test("exportHistory() writes ADD and DEL of both families, ordered by revision", async () => {
  await using fixture = await startIpam();
  const { context, store } = fixture;
  const dir = await Deno.makeTempDir();
  try {
    await applyNetwork(context, "pods", {
      vlan: 100,
      subnets: [{ cidr: "10.0.0.0/24" }, { cidr: "2001:db8::/64" }],
    });
    for (const name of ["c1", "c2", "c3"]) await allocate(context, addRequest(name));
    await release(context, addRequest("c1").attachment, { endedBy: "del" });
    await store.txn({ success: [{ delete: { key: networkKey("pods") } }] });
    const result = await exportHistory(context, { file: `${dir}/h.jsonl` });
    const lines = await readLines(`${dir}/h.jsonl`);
    assertEquals(result.lines, 6);
    assertEquals(asText(lines), await states(fixture));
    assertEquals(lines.map(({ record }) => record["endedBy"]), [
      ...Array(4).fill(undefined),
      "del",
      "del",
    ]);
    assertEquals(lines[4]?.startRevision, lines[5]?.startRevision);
    assert((lines[4]?.startRevision ?? 0) < (lines[0]?.revision ?? 0));
    const exported = await readExported(store);
    assertEquals(exported.revision, result.through);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("exportHistory() goes on where the last complete export ended", async () => {
  await using fixture = await startIpam();
  const { context, store } = fixture;
  const dir = await Deno.makeTempDir();
  try {
    const keys = await writeHistory(
      store,
      addresses("10.0.0.0", 100).map((address) => ({ address })),
    );
    await exportHistory(context, { file: `${dir}/1`, windowSize: 20, runLines: 15 });
    await endHistory(store, keys[3] ?? "", "2026-01-01T00:00:00Z");
    await writeHistory(store, addresses("2001:db8::", 5).map((address) => ({ address })));
    await exportHistory(context, { file: `${dir}/2` });
    await exportHistory(context, { file: `${dir}/2`, resume: true });
    await endHistory(store, keys[4] ?? "", "2026-01-01T00:00:00Z");
    await exportHistory(context, { file: `${dir}/2`, resume: true });
    const first = await readLines(`${dir}/1`);
    const second = await readLines(`${dir}/2`);
    assertEquals([first.length, second.length], [100, 7]);
    const all = asText([...first, ...second]);
    assertEquals(all, inOrder([...first, ...second]));
    // The two that ended stand there twice, once with each state.
    const last = await states(fixture);
    assertEquals(all.filter((line) => !last.includes(line)).length, 2);
    assert(last.every((line) => all.includes(line)));
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("exportHistory() writes what nobody can read as it stands", async () => {
  await using fixture = await startIpam();
  const dir = await Deno.makeTempDir();
  try {
    const key = "history/4/0a000001/BROKEN";
    await fixture.store.txn({ success: [{ put: key, value: "{not json" }] });
    await exportHistory(fixture.context, { file: `${dir}/h` });
    const text = await Deno.readTextFile(`${dir}/h`);
    assertStringIncludes(text, `"key":"${key}","malformed":"{not json"}\n`);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

async function refusal(export_: Promise<unknown>): Promise<FabricError> {
  return await assertRejects(() => export_, FabricError);
}

Deno.test("exportHistory() refuses a file that would have a gap, or is not its own", async () => {
  await using fixture = await startIpam();
  const { context, store } = fixture;
  const dir = await Deno.makeTempDir();
  try {
    const run = (file: string, resume = false) =>
      exportHistory(context, { file: `${dir}/${file}`, resume });
    await writeHistory(store, addresses("10.0.0.0", 3).map((address) => ({ address })));
    await run("a");
    assertStringIncludes((await refusal(run("a"))).message, "exists");
    await writeHistory(store, addresses("10.0.1.0", 3).map((address) => ({ address })));
    await run("b");
    const gap = await refusal(run("a", true));
    assertStringIncludes(gap.message, "another file was exported through revision");
    await Deno.writeTextFile(`${dir}/c`, "something\n");
    assertStringIncludes((await refusal(run("c", true))).message, "c.cursor is missing");
    await Deno.writeTextFile(
      `${dir}/b.cursor`,
      JSON.stringify({ v: 1, clusterId: "1", from: 0, through: 5 }),
    );
    assertStringIncludes((await refusal(run("b", true))).message, "of the etcd cluster 1");
    assertStringIncludes((await refusal(run("no/such/dir"))).message, "Cannot open");
    // The cursor of a file that was moved away says nothing about a new file of its name.
    await Deno.remove(`${dir}/b`);
    await run("b", true);
    assertEquals(await readLines(`${dir}/b`), []);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("exportHistory() cuts off a half-written line and writes it whole", async () => {
  await using fixture = await startIpam();
  const { context, store } = fixture;
  const dir = await Deno.makeTempDir();
  const file = `${dir}/h`;
  try {
    await writeHistory(store, addresses("10.0.0.0", 90).map((address) => ({ address })));
    await exportHistory(context, { file });
    const whole = await Deno.readTextFile(file);
    // As if it had been killed: the run is not complete, and etcd knows nothing of it.
    const { header } = await store.range({ key: "meta/none" });
    await store.txn({ success: [{ delete: { key: "meta/exported" } }] });
    const cursor = JSON.stringify({ v: 1, clusterId: header.clusterId, from: 0 });
    const lineEnd = whole.indexOf("\n", whole.length / 2);
    for (const cut of [0, 1, 30, lineEnd, lineEnd + 1, lineEnd + 20, whole.length - 1]) {
      await Deno.writeTextFile(file, whole.slice(0, cut));
      await Deno.writeTextFile(`${file}.cursor`, cursor);
      await store.txn({ success: [{ delete: { key: "meta/exported" } }] });
      await exportHistory(context, { file, resume: true });
      assertEquals(await Deno.readTextFile(file) === whole, true, `cut at ${cut}`);
    }
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("exportHistory() of two processes into one file: the second is refused", async () => {
  await using fixture = await startIpam();
  const { context, store } = fixture;
  const dir = await Deno.makeTempDir();
  try {
    await writeHistory(store, addresses("10.0.0.0", 30).map((address) => ({ address })));
    let second: Promise<FabricError> | undefined;
    await exportHistory(context, {
      file: `${dir}/h`,
      onProgress: () => {
        second ??= refusal(exportHistory(context, { file: `${dir}/h`, resume: true }));
      },
    });
    assertStringIncludes((await second)?.message ?? "", "Another export writes to");
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("exportHistory() killed at every step and resumed gives each state exactly once", async () => {
  await using fixture = await startIpam();
  const { etcd, store } = fixture;
  const dir = await Deno.makeTempDir();
  const file = `${dir}/h`;
  try {
    const keys = await writeHistory(
      store,
      addresses("10.0.0.0", 3000).map((address) => ({ address })),
    );
    let kills = 0;
    let partial = 0;
    let finished = false;
    // Each run gets one step further before it is killed; meanwhile records end and begin.
    for (let killAt = 1; !finished && killAt < 60; killAt++) {
      const output = await new Deno.Command(Deno.execPath(), {
        args: [
          ...["run", "-A", new URL("../../tests/history_child.ts", import.meta.url).pathname],
          ...["export", etcd.endpoints[0] ?? "", String(killAt), file],
        ],
        stderr: "inherit",
      }).output();
      finished = new TextDecoder().decode(output.stdout) === "done";
      if (!finished) {
        assertEquals(output.signal, "SIGKILL");
        kills++;
        if ((await Deno.stat(file)).size > 0) partial++;
        if (killAt % 4 === 0) await endHistory(store, keys[killAt] ?? "", "2026-01-01T00:00:00Z");
        if (killAt % 5 === 0) await writeHistory(store, [{ address: parseAddress("10.9.9.9") }]);
      }
    }
    assert(finished && kills > 10 && partial > 0, `${kills} kills, ${partial} with lines`);
    const lines = await readLines(file);
    const texts = asText(lines);
    assertEquals(texts, inOrder(lines));
    assertEquals(new Set(texts).size, texts.length);
    const last = await states(fixture);
    assertEquals(last.filter((state) => !texts.includes(state)), []);
    const exported = await readExported(store);
    assert(exported.revision >= (lines.at(-1)?.revision ?? 0));
    assertEquals([...Deno.readDirSync(dir)].map((entry) => entry.name).sort(), ["h", "h.cursor"]);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
