import { assertEquals } from "@std/assert";
import { datapathNeeds } from "./datapath.ts";

Deno.test("datapathNeeds() of the kernel's datapath: nothing", () => {
  const nothing = { txOffload: true, leakFilter: false };
  assertEquals(datapathNeeds("system"), nothing);
  assertEquals(datapathNeeds(""), nothing);
});

Deno.test("datapathNeeds() of a datapath in user space: no tx offload, and the leak filter", () => {
  assertEquals(datapathNeeds("netdev"), { txOffload: false, leakFilter: true });
});

Deno.test("datapathNeeds() of a datapath in user space with TSO: the leak filter alone", () => {
  assertEquals(datapathNeeds("netdev", { userspaceTso: true }), {
    txOffload: true,
    leakFilter: true,
  });
});
