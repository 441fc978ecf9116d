/** podman starts, stops, restarts and ends pods. */

import { assert, assertEquals } from "@std/assert";
import type { EquippedHost } from "../lab/mod.ts";
import { conflistsFor, startBed } from "./bed.ts";
import { checkCitizens, type Runtime } from "./citizens.ts";
import { verbsCalled } from "./plugin_log.ts";
import {
  assertNothingLeft,
  assertRecorded,
  attachments,
  historyAddresses,
  readInterface,
} from "./records.ts";

const CONFLISTS = conflistsFor({ vlan100: "vlan100", vlan200: "vlan200" });

async function podmanRuntime(host: EquippedHost): Promise<Runtime> {
  const podman = await host.podman();
  return { run: (name, network) => podman.run(name, { networks: [network] }) };
}

Deno.test("podman makes pods citizens of their VLAN", async (t) => {
  await using lab = await startBed({ hosts: 2, install: () => ({ conflists: CONFLISTS }) });
  await checkCitizens(t, lab, podmanRuntime);
  const { ADD, DEL } = await verbsCalled(lab.host(0));
  assertEquals([ADD, DEL], [2, 2]);
});

Deno.test("podman stop gives the addresses back, start takes others, restart works", async () => {
  await using lab = await startBed({ hosts: 1, install: () => ({ conflists: CONFLISTS }) });
  const host = lab.host(0);
  const podman = await host.podman();
  const web = await podman.run("web", { networks: ["vlan100"] });
  const had = [...(await readInterface(web)).addresses];
  assert(await web.reaches("10.100.0.1"));

  await web.halt();
  await assertNothingLeft(host);
  await web.startAgain();
  had.push(...(await readInterface(web)).addresses);
  // The former ones cool.
  assertEquals(new Set(had).size, 4);
  await assertRecorded(host, web, { network: "vlan100" });
  assert(await web.reaches("10.100.0.1"));
  assert(await web.reaches("fd00:100::1"));

  await web.restart();
  await assertRecorded(host, web, { network: "vlan100" });
  assert(await web.reaches("fd00:100::1"));
  assertEquals((await attachments(host)).length, 1);
  had.push(...(await readInterface(web)).addresses);

  await web.remove();
  await assertNothingLeft(host);
  // All of its lives are on record.
  assertEquals(
    await historyAddresses(host, "--container", web.containerId),
    had.map((address) => address.replace(/\/.*/, "")).sort(),
  );
});
