import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { formatCsv, parseCsv } from "../../mod/ipam/import/csv.ts";
import { FabricError } from "../../mod/error.ts";
import { parseAddress } from "../../mod/ip/address.ts";
import { parseRange } from "../../mod/ip/range.ts";
import { allocate } from "../../mod/ipam/allocate.ts";
import { applyImport, revertImport } from "../../mod/ipam/import/apply.ts";
import {
  formatJournal,
  type ImportJournal,
  parseImportJournal,
} from "../../mod/ipam/import/journal.ts";
import { planAddresses } from "../../mod/ipam/import/plan.ts";
import type { InputRow } from "../../mod/ipam/import/row.ts";
import { META_EDIT } from "../../mod/ipam/keys.ts";
import { reserve } from "../../mod/ipam/reserve.ts";
import { type Bed, codesOf, startBeds } from "../check/bed.ts";
import { seeded } from "../check/sample.ts";
import { assertIndexed } from "../free_index.ts";
import { addRequest, applyNetwork } from "../ipam_fixture.ts";
import { killAfter } from "../killed.ts";

const CHILD = new URL("./import_child.ts", import.meta.url).pathname;

async function start(bed: Bed): Promise<void> {
  const subnets = [{ cidr: "10.0.0.0/22", gateway: "10.0.0.1" }, { cidr: "2001:db8::/64" }];
  await applyNetwork(bed.context, "pods", { vlan: 100, coolingSeconds: 0, subnets });
}

function row(line: number, cells: Readonly<Record<string, string>>): InputRow {
  return { place: `a.csv:${line}`, cells: { network: "pods", ...cells } };
}

/** 200 reservations, and the addresses of 30 slots. */
function manyRows(): readonly InputRow[] {
  return [
    ...Array.from(
      { length: 200 },
      (_, i) => row(i + 2, { address: `10.0.1.${i + 10}`, reason: `server ${i}` }),
    ),
    ...Array.from({ length: 30 }, (_, i) =>
      row(i + 300, {
        address: `10.0.2.${i + 10}`,
        workload: "statefulset/trade/orders",
        slot: `${i}`,
      })),
  ];
}

async function plan(bed: Bed, rows: readonly InputRow[]): Promise<ImportJournal> {
  const { steps, faults } = await planAddresses(bed.context, rows, { cluster: "local" });
  assertEquals(faults, []);
  const { header } = await bed.store.range({ key: META_EDIT });
  return { clusterId: header.clusterId, steps };
}

/** Names and states of all addresses. */
async function addresses(bed: Bed): Promise<readonly string[]> {
  return (await bed.keys("addresses/")).map(({ key, value }) => {
    const { state, reason, owner } = JSON.parse(value);
    return `${key} ${state} ${reason ?? owner?.slot}`;
  });
}

Deno.test("an import that is killed anywhere goes on, and one that is taken back leaves nothing", async () => {
  await using beds = await startBeds();
  const random = seeded(5);
  const folder = await Deno.makeTempDir();
  try {
    for (let round = 0; round < 2; round++) {
      await using bed = await beds.bed();
      await start(bed);
      await using whole = await beds.bed();
      await start(whole);
      await Array.fromAsync(applyImport(whole.context, await plan(whole, manyRows())));
      const expected = await addresses(whole);
      const file = `${folder}/${round}.journal`;
      const journal = await plan(bed, manyRows());
      await Deno.writeTextFile(file, formatJournal(journal, "2026-11-22T10:00:00Z"));
      const kill = async (what: string): Promise<void> => {
        for (let kills = 0; kills < 3; kills++) {
          const args = [bed.etcd.endpoints[0] ?? "", bed.prefix, file, what];
          await killAfter(CHILD, {
            args,
            lines: 1 + Math.floor(random() * 30),
            delay: random() * 3,
          });
          assertEquals(codesOf(await bed.check()), []);
        }
      };
      await kill("apply");
      const read = parseImportJournal(await Deno.readTextFile(file), file);
      await Array.fromAsync(applyImport(bed.context, read));
      assertEquals(await addresses(bed), expected);
      await kill("revert");
      await Array.fromAsync(revertImport(bed.context, read));
      assertEquals(await addresses(bed), []);
      assertEquals(await bed.keys("owners/"), []);
      assertEquals(codesOf(await bed.check()), []);
      await assertIndexed(bed.store, "pods", { clean: false });
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("an import stops at an address that somebody took meanwhile, and takes nothing of theirs back", async () => {
  await using beds = await startBeds();
  await using bed = await beds.bed();
  await start(bed);
  const { context } = bed;
  const rows = manyRows();
  const journal = await plan(bed, rows);
  await allocate(context, addRequest("a", { addresses: [parseAddress("10.0.1.100")] }));
  await reserve(context, { network: "pods", range: parseRange("10.0.1.50"), reason: "server 40" });
  const error = await assertRejects(
    () => Array.fromAsync(applyImport(context, journal)),
    FabricError,
  );
  assertEquals(error.kind, "conflict");
  assert(error.message.startsWith("a.csv:42: 10.0.1.50 was taken meanwhile"), error.message);
  await Array.fromAsync(revertImport(context, journal));
  assertEquals((await addresses(bed)).length, 3);
  assertEquals(codesOf(await bed.check()), []);
});

Deno.test("a journal of another etcd, or one that was cut off, is refused", async () => {
  await using beds = await startBeds();
  await using bed = await beds.bed();
  await start(bed);
  const journal = await plan(bed, manyRows());
  const text = formatJournal(journal, "2026-11-22T10:00:00Z");
  for (const wrong of ["", "{}", text.slice(0, text.length / 2), text.slice(0, -30)]) {
    const error = await assertRejects(
      async () => await Promise.resolve(parseImportJournal(wrong, "x")),
      FabricError,
    );
    assertEquals(error.kind, "invalid");
  }
  const other = { ...journal, clusterId: "1" };
  await assertRejects(() => Array.fromAsync(applyImport(bed.context, other)), FabricError);
  assertEquals(await addresses(bed), []);
});

Deno.test("formatCsv() writes nothing that a spreadsheet takes for a formula, and parseCsv() reads it back", async () => {
  const columns = ["network", "reason"];
  const cell = fc.string({ unit: "grapheme", maxLength: 12 })
    .map((text) => text.trim().replace(/\r/g, "")).filter((text) => !text.startsWith("'"));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(cell, cell), { maxLength: 6 }), async (rows) => {
      const text = await formatCsv(columns, rows);
      for (const bom of ["", "\ufeff"]) {
        const table = await parseCsv(bom + text, { name: "a", known: columns, ignored: [] });
        assertEquals(
          table.rows.map(({ cells }) => [cells["network"], cells["reason"]]),
          rows.filter(([a, b]) => a !== "" || b !== ""),
        );
      }
    }),
  );
  for (const start of ["=", "+", "-", "@", "\t"]) {
    const text = await formatCsv(["a"], [[`${start}cmd|' /C calc'!A0`]]);
    assert(/\r\n"?'/.test(text), JSON.stringify(text));
  }
});

Deno.test("parseCsv() tells lines as an editor counts them", async () => {
  const options = { name: "a", known: ["network", "reason"], ignored: [] };
  const text = 'network,reason\r\n\r\na,"one\r\ntwo"\r\nb,x\r\n,\r\nc,y';
  const { rows } = await parseCsv(text, options);
  assertEquals(rows.map(({ place }) => place), ["a:3", "a:5", "a:7"]);
});
