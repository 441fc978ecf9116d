import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { FabricError } from "./error.ts";
import { readSecretFile } from "./secret_file.ts";

Deno.test("readSecretFile() reads a file of mode 0600 and refuses one that others can read", async () => {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, `pass\u00e9${"x".repeat(20_000)}`);
    await Deno.chmod(path, 0o600);
    assertEquals(readSecretFile(path, "f"), `pass\u00e9${"x".repeat(20_000)}`);
    for (const mode of [0o640, 0o604, 0o620]) {
      await Deno.chmod(path, mode);
      const error = assertThrows(() => readSecretFile(path, "f"), FabricError);
      assertEquals([error.kind, error.field], ["invalid", "f"]);
      assert(error.message.includes(mode.toString(8)) && !error.message.includes("pass"));
      assertEquals(error.remedy, `run: chmod 600 ${path}`);
    }
  } finally {
    await Deno.remove(path);
  }
  assertThrows(() => readSecretFile(path, "f"), FabricError, "does not exist");
});

Deno.test("readSecretFile() takes root's file by its group from who is not root", async () => {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, "from a Secret");
    const read = async (mode: number, { owner, user }: { owner: number; user: number }) => {
      await Deno.chown(path, owner, 65532);
      await Deno.chmod(path, mode);
      return readSecretFile(path, "f", { user });
    };
    assertEquals(await read(0o440, { owner: 0, user: 65532 }), "from a Secret");
    for (
      const [mode, owner, user] of [[0o640, 65532, 65532], [0o444, 0, 65532], [
        0o440,
        0,
        0,
      ]] as const
    ) {
      await assertRejects(() => read(mode, { owner, user }), FabricError, "has mode");
    }
  } finally {
    await Deno.remove(path);
  }
});
