import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { POD_TABLE, SERVICE_HOP_MAC, serviceDevices } from "./service_names.ts";

Deno.test("serviceDevices() names the devices of a VLAN, the same for the same network", () => {
  const one = serviceDevices({ physicalNetwork: "prod", vlan: 100 });
  assertEquals(one, serviceDevices({ physicalNetwork: "prod", vlan: 100 }));
  assertMatch(one.host, /^svc100-[a-z2-7]{4}$/);
  assertEquals(one.port, one.host.replace("svc", "svp"));
  assert(one.table > POD_TABLE && one.mark > 0 && one.mark < 2 ** 32);
});

Deno.test("serviceDevices() keeps VLANs and physical networks apart, in names that a device can have", () => {
  const networks = ["prod", "dmz", "a-physical-network-with-a-long-name"];
  const all = networks.flatMap((physicalNetwork) =>
    [0, 1, 100, 4094].map((vlan) => serviceDevices({ physicalNetwork, vlan }))
  );
  for (const what of ["host", "port", "table", "mark"] as const) {
    assertEquals(new Set(all.map((devices) => devices[what])).size, all.length, what);
  }
  for (const { host, port } of all) assert(host.length <= 15 && port.length <= 15);
});

Deno.test("serviceDevices() gives no two VLANs of a physical network the same table or mark", () => {
  const all = Array.from(
    { length: 4095 },
    (_, vlan) => serviceDevices({ physicalNetwork: "prod", vlan }),
  );
  for (const what of ["table", "mark"] as const) {
    assertEquals(new Set(all.map((devices) => devices[what])).size, all.length, what);
  }
  assert(all.every(({ table }) => table < 2 ** 32));
});

Deno.test("serviceDevices() gives two networks the same table only where their names are the same", () => {
  const networks = Array.from({ length: 2_000 }, (_, index) => `network${index}`);
  const names = new Map<number, string>();
  for (const physicalNetwork of networks) {
    for (const vlan of [0, 7, 4094]) {
      const { host, table } = serviceDevices({ physicalNetwork, vlan });
      assertEquals(names.get(table)?.slice(0, 4) ?? host.slice(0, 4), host.slice(0, 4));
      names.set(table, host);
    }
  }
});

Deno.test("the next hop's MAC is one that no bridge may forward", () => {
  assertMatch(SERVICE_HOP_MAC, /^01:80:c2:00:00:0[0-9a-f]$/);
  // Those that switches and hosts know for something else.
  for (const used of ["00", "01", "02", "03", "0e"]) {
    assertNotEquals(SERVICE_HOP_MAC, `01:80:c2:00:00:${used}`);
  }
});
