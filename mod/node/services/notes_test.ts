import { assertEquals } from "@std/assert";
import { readNote, readNotes, writeNote } from "./notes.ts";
import { servedFacts, servedOf } from "./served.ts";

const NOTE = {
  port: "fbu7ic7s7ndgd4l",
  bridge: "br-prod",
  device: "svc100-ulm4",
  network: "pods",
  mac: "0a:58:0a:64:00:b2",
  addresses: ["10.100.0.178", "fd00:100::5"],
};

Deno.test("a note says of a pod what taking it away needs; one that ends is not listed", async () => {
  const runDir = await Deno.makeTempDir();
  try {
    assertEquals(readNotes({ runDir }), []);
    writeNote({ runDir }, NOTE, "1");
    writeNote({ runDir }, { ...NOTE, port: "fbother" }, "1");
    assertEquals(readNote({ runDir }, NOTE.port), NOTE);
    await Deno.rename(`${runDir}/services/fbother`, `${runDir}/services/fbother.ending`);
    assertEquals(readNotes({ runDir }), [NOTE]);
    assertEquals(readNote({ runDir }, "fbother"), undefined);
  } finally {
    await Deno.remove(runDir, { recursive: true });
  }
});

Deno.test("a port's facts are enough to set its network up again", () => {
  const served = {
    name: "pods",
    physicalNetwork: "prod",
    vlan: 100,
    mtu: 9000,
    subnets: [{ cidr: "10.100.0.0/24", gateway: "10.100.0.1" }, { cidr: "fd00:100::/64" }],
    bridge: "br-prod",
  };
  assertEquals(servedOf({ facts: servedFacts(served) }), served);
  assertEquals(servedOf({ facts: { network: "pods" } }), undefined);
});
