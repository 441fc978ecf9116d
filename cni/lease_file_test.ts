import { assertEquals } from "@std/assert";
import { LEASE_SHARED_MS } from "../mod/ipam/context.ts";
import { fileLeaseCache } from "./lease_file.ts";

Deno.test("fileLeaseCache() shares a lease with the node's next call, for a while", async () => {
  const runDir = await Deno.makeTempDir();
  try {
    const errors: unknown[] = [];
    const open = () =>
      fileLeaseCache(runDir, { unique: "call", onError: (error) => errors.push(error) });
    assertEquals(open().get(300, 1000), undefined);
    open().set(300, { id: "7", grantedAt: 1000 });
    open().set(600, { id: "8", grantedAt: 2000 });
    assertEquals(open().get(300, 1000), "7");
    assertEquals(open().get(300, 999 + LEASE_SHARED_MS), "7");
    assertEquals(open().get(300, 1000 + LEASE_SHARED_MS), undefined);
    // The clock was set back.
    assertEquals(open().get(300, 999), undefined);
    open().forget(300);
    assertEquals([open().get(300, 1000), open().get(600, 2000)], [undefined, "8"]);
    assertEquals(errors, []);
  } finally {
    await Deno.remove(runDir, { recursive: true });
  }
});

Deno.test("fileLeaseCache() does without its file", async () => {
  const runDir = await Deno.makeTempDir();
  try {
    const errors: unknown[] = [];
    await Deno.writeTextFile(`${runDir}/leases.json`, `{"300": {"id": 7}}`);
    const damaged = fileLeaseCache(runDir, { unique: "call", onError: (e) => errors.push(e) });
    assertEquals([damaged.get(300, 1000), errors], [undefined, []]);
    await Deno.remove(`${runDir}/leases.json`);
    await Deno.mkdir(`${runDir}/leases.json`);
    const blocked = fileLeaseCache(runDir, { unique: "call", onError: (e) => errors.push(e) });
    blocked.set(300, { id: "7", grantedAt: 1000 });
    assertEquals([blocked.get(300, 1000), errors.length], ["7", 1]);
  } finally {
    await Deno.remove(runDir, { recursive: true });
  }
});
