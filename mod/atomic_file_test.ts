import { assertEquals, assertThrows } from "@std/assert";
import { readTextIfThere, replaceFile } from "./atomic_file.ts";

async function withFolder(action: (folder: string) => void): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    action(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function modeOf(path: string): number {
  return (Deno.statSync(path).mode ?? 0) & 0o777;
}

for (const durable of [false, true]) {
  Deno.test(`replaceFile() makes the folder, and leaves only the file; durable: ${durable}`, () =>
    withFolder((folder) => {
      const path = `${folder}/a/b/file`;
      assertEquals(readTextIfThere(path), undefined);
      replaceFile(path, "one", { unique: "1", durable });
      replaceFile(path, "two", { unique: "2", durable });
      assertEquals(readTextIfThere(path), "two");
      assertEquals([modeOf(path), modeOf(`${folder}/a`)], [0o600, 0o700]);
      assertEquals([...Deno.readDirSync(`${folder}/a/b`)].map(({ name }) => name), ["file"]);
    }));
}

Deno.test("replaceFile() that fails leaves the old file, and nothing beside it", () =>
  withFolder((folder) => {
    const path = `${folder}/file`;
    Deno.mkdirSync(`${path}/not-empty`, { recursive: true });
    assertThrows(() => replaceFile(path, "text", { unique: "1" }));
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["file"]);
    assertThrows(() => readTextIfThere(path));
  }));

Deno.test("replaceFile() takes another mode", () =>
  withFolder((folder) => {
    replaceFile(`${folder}/file`, "", { unique: "1", mode: 0o644 });
    assertEquals(modeOf(`${folder}/file`), 0o644);
  }));
