import { assertEquals } from "@std/assert";
import { FabricError, KINDS } from "../mod/error.ts";
import { cniCode, formatError, NEIGHBOURS, REASONS } from "./error_code.ts";

const source = Deno.readTextFileSync(new URL("./error_code.ts", import.meta.url));

Deno.test("cniCode() has a code for every kind, and each is in the table of the documentation", () => {
  const codes = new Set<number>([
    ...KINDS.map((kind) => cniCode(new FabricError(kind, "x"))),
    ...Object.values(REASONS),
    ...Object.values(NEIGHBOURS),
    cniCode(new FabricError("invalid", "x", { field: "CNI_IFNAME" })),
  ]);
  const documented = [...source.matchAll(/^ \* \| (\d+) \|/gm)].map((match) => Number(match[1]));
  assertEquals([...codes].sort((a, b) => a - b), documented);
});

Deno.test("cniCode() uses only the codes that the specification leaves to plugins or defines so", () => {
  const theirs = [1, 2, 3, 4, 5, 6, 7, 11, 50, 51];
  for (const kind of KINDS) {
    const code = cniCode(new FabricError(kind, "x"));
    assertEquals(code >= 100 || theirs.includes(code), true, kind);
  }
});

Deno.test("cniCode() tells apart which neighbour is missing", () => {
  const codes = (["etcd", "ovsdb", "vswitchd"] as const).map((neighbour) =>
    cniCode(new FabricError("unavailable", "x", { details: { neighbour } }))
  );
  assertEquals(codes, [110, 112, 113]);
});

Deno.test("formatError() prints the form of the specification", () => {
  const error = new FabricError("exhausted", "Network a is full", { remedy: "add a subnet" });
  assertEquals(JSON.parse(formatError(error, "0.4.0")), {
    cniVersion: "0.4.0",
    code: 101,
    msg: "Network a is full",
    details: "add a subnet",
  });
});
