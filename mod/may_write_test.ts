import { assertEquals, assertInstanceOf, assertStringIncludes, assertThrows } from "@std/assert";
import { asFabricError, describeError, FabricError } from "./error.ts";
import { openLog } from "./log.ts";
import { asWriteFault, refuseUnwritableState } from "./may_write.ts";

/** What the executable may do, as `deno compile` was told. */
const permissions: Deno.PermissionOptions = {
  read: true,
  write: ["/run", "/var/lib/fabric", "/var/log/fabric"],
};

Deno.test({
  name: "asWriteFault() names the setting, its path and what would be right",
  permissions,
  fn() {
    for (const file of ["/data/fabric.log", "/dev/stderr", "/proc/self/comm"]) {
      let fault: unknown;
      const log = openLog({
        category: ["fabric"],
        level: "info",
        maxBytes: 4096,
        file,
        now: () => 0,
        onError: (error) => fault = asWriteFault(error, { field: "log.file", path: file }),
      });
      log.write("info", "x");
      assertEquals(
        describeError(asFabricError(fault)),
        `Cannot use log.file "${file}": fabric may not write there; ` +
          "use one below /run, /var/lib/fabric or /var/log/fabric",
      );
    }
  },
});

Deno.test("asWriteFault() leaves what the disk says as it is", () => {
  const full = new Deno.errors.PermissionDenied("no");
  assertEquals(asWriteFault(full, { field: "log.file", path: "/a" }), full);
});

Deno.test({
  name: "refuseUnwritableState() lets pass what may be written, and names what may not",
  permissions,
  fn() {
    const good = { stateDir: "/var/lib/fabric", runDir: "/run/fabric", log: { file: "/x" } };
    refuseUnwritableState(good);
    const wrong = { stateDir: "/data", runDir: "/var/lib/fabric2" };
    for (const [field, path] of Object.entries(wrong)) {
      const error = assertThrows(() => refuseUnwritableState({ ...good, [field]: path }));
      assertInstanceOf(error, FabricError);
      assertEquals([error.kind, error.field, error.value], ["invalid", field, path]);
      assertStringIncludes(error.message, field);
    }
  },
});
