import { assertEquals, assertRejects } from "@std/assert";
import * as v from "valibot";
import { ConfigSchema } from "../config_schema.ts";
import { FabricError } from "../error.ts";
import { readNodeIdentity } from "./identity.ts";

const MACHINE = "0123456789abcdef0123456789abcdef";
const BOOT = "01234567-89ab-cdef-0123-456789abcdef";

async function identityWith(files: Readonly<Record<string, string>>) {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${folder}/${name}`, text);
    }
    const config = v.parse(ConfigSchema, {
      runDir: folder,
      machineIdFile: `${folder}/machine-id`,
      bootIdFile: `${folder}/boot-id`,
    });
    return await readNodeIdentity({
      config,
      run: () => Promise.reject(new Error("no program is asked")),
      id: "call",
      onError: () => {},
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("readNodeIdentity() reads the files of the configuration", async () => {
  const identity = await identityWith({ "machine-id": `${MACHINE}\n`, "boot-id": `${BOOT}\n` });
  assertEquals(identity, { machineId: MACHINE, bootId: BOOT });
});

for (
  const [what, files, field] of [
    ["no file", { "boot-id": BOOT }, "machineIdFile"],
    ["an empty file, as in an image", { "machine-id": "", "boot-id": BOOT }, "machineIdFile"],
    ["another text", { "machine-id": "uninitialized", "boot-id": BOOT }, "machineIdFile"],
    ["no boot id", { "machine-id": MACHINE, "boot-id": "x" }, "bootIdFile"],
  ] as const
) {
  Deno.test(`readNodeIdentity() refuses ${what}`, async () => {
    const error = await assertRejects(() => identityWith(files), FabricError);
    assertEquals([error.kind, error.field], ["host", field]);
  });
}
