import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { refused, startDataCentre } from "../../tests/data_centre.ts";
import { network } from "../../tests/documents.ts";
import { addRequest } from "../../tests/ipam_fixture.ts";
import { parseAddress } from "../ip/address.ts";
import { parseRange } from "../ip/range.ts";
import { allocate } from "./allocate.ts";
import { applyResource } from "./apply.ts";
import { release } from "./release.ts";
import { reserve } from "./reserve.ts";
import { networkFree, networkUsage } from "./usage.ts";

const owner = {
  cluster: "local",
  group: "apps",
  kind: "StatefulSet",
  namespace: "trade",
  name: "orders",
  slot: "0",
  ifname: "eth0",
};

Deno.test("networkUsage() counts per subnet what is used, reserved and cooling", async () => {
  await using fixture = await startDataCentre();
  const { context, store } = fixture;
  const subnets = [
    { cidr: "10.0.0.0/28", gateway: "10.0.0.1", ranges: ["10.0.0.4-10.0.0.9"] },
    { cidr: "2001:db8::/64" },
  ];
  const { resource } = await applyResource(context, network("pods", { vlan: 10, subnets }));
  assert(resource.kind === "Network");
  const ask = (text: string) => ({ addresses: [parseAddress(text)] });
  await allocate(context, addRequest("c1", { ...ask("10.0.0.4"), owner }));
  await allocate(context, addRequest("c2", ask("10.0.0.12")));
  await allocate(context, addRequest("c3", ask("10.0.0.5")));
  await release(context, addRequest("c3").attachment, { endedBy: "del" });
  await reserve(context, { network: "pods", range: parseRange("10.0.0.8/31"), reason: "x" });
  const v4 = { subnet: "10.0.0.0/28", family: 4, used: 2, reserved: 2, cooling: 1 } as const;
  const v6 = { subnet: "2001:db8::/64", family: 6, used: 2, reserved: 0, cooling: 1 } as const;
  const capacity = 2n ** 64n - 1n;
  assertEquals(await networkUsage(store, resource), [
    { ...v4, capacity: 6n },
    { ...v6, capacity },
  ]);
  assertEquals(await networkUsage(store, resource, { family: 6 }), [{ ...v6, capacity }]);
  assertEquals((await networkFree(store, resource)).map(({ free }) => free), [2n, capacity - 3n]);
});

Deno.test("a network of very many subnets that hand out nothing is exhausted at once", async () => {
  await using fixture = await startDataCentre();
  const { context } = fixture;
  const subnets = Array.from({ length: 64 }, (_, i) => ({ cidr: `10.0.${i}.0/24`, ranges: [] }));
  await applyResource(context, network("pods", { vlan: 10, subnets }));
  const error = await refused(() => allocate(context, addRequest("c1")), "exhausted");
  assertStringIncludes(error.message, "subnet 10.0.63.0/24: capacity 0, in use 0");
});
