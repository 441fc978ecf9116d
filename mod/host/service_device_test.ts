import { assertEquals } from "@std/assert";
import { familyOfLine } from "./service_device.ts";

Deno.test("familyOfLine() goes by the address, whatever a MAC looks like", () => {
  const four = [
    "neigh replace 10.100.0.5 lladdr 0a:58:0a:64:00:05 dev svc100-ulm4 nud permanent",
    "route replace 10.100.0.0/24 dev svc100-ulm4 table 7",
    "route replace default via 10.100.0.1 dev svc100-ulm4 onlink table 7",
  ];
  const six = [
    "neigh replace fd00::5 lladdr 0a:58:0a:64:00:05 dev svc100-ulm4 nud permanent",
    "route replace default via fe80::1 dev svc100-ulm4 onlink table 7",
  ];
  assertEquals(four.map(familyOfLine), [4, 4, 4]);
  assertEquals(six.map(familyOfLine), [6, 6]);
});
