import { assert, assertEquals } from "@std/assert";
import { META_ERA } from "../../mod/ipam/keys.ts";
import { openStore } from "../../mod/etcd/open.ts";
import { codesOf, populate, startBeds } from "./bed.ts";
import { startBusy } from "./busy.ts";

const ROUNDS = 8;

Deno.test("check beside ADDs, DELs, edits and reservations finds nothing", async () => {
  await using beds = await startBeds();
  await using bed = await beds.bed();
  await populate(bed);
  const busy = startBusy(bed.context, { clients: 8, name: "busy" });
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const { findings } = await bed.check();
      assertEquals(findings.map(({ kind, object, detail }) => [kind.code, object, detail]), []);
    }
  } finally {
    await busy.stop();
  }
  for (const what of ["add", "del", "edit", "reserve"]) assert((busy.done[what] ?? 0) > 5, what);
  assertEquals(codesOf(await bed.check()), []);
});

Deno.test("check whose revision is compacted away meanwhile finds nothing that is not so", async () => {
  await using beds = await startBeds();
  await using bed = await beds.bed();
  await populate(bed);
  const busy = startBusy(bed.context, { clients: 8, name: "busy", edits: false });
  let compactions = 0;
  let running = true;
  const compactor = (async () => {
    await using store = await openStore({ endpoints: bed.etcd.endpoints }, {
      transport: "gateway",
    });
    while (running) {
      const { header } = await store.range({ key: META_ERA });
      // Refused where nothing was written since the last one.
      await bed.etcd.etcdctl("compact", String(header.revision)).then(
        () => compactions++,
        () => {},
      );
    }
  })();
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const { findings } = await bed.check();
      assertEquals(findings.map(({ kind, object, detail }) => [kind.code, object, detail]), []);
    }
  } finally {
    running = false;
    await compactor;
    await busy.stop();
  }
  assert(compactions > 3);
});
