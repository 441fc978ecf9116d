/** `scripts/compile`: the same commit gives the same bytes, wherever and however often it is compiled. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { recoverDenort, stripSymbols } from "../../scripts/denort.ts";
import { sha256 } from "../../scripts/toolchain.ts";
import { call, RELEASE } from "../executable.ts";

const ROOT = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");

interface Checkout {
  readonly path: string;
  /** Runs scripts/compile; the SHA-256 that it wrote. */
  compile(): Promise<string>;
}

/** The commit that is checked out, once more, with the toolchain of this checkout. */
async function checkOut(path: string): Promise<Checkout> {
  const cloned = await call("/usr/bin/git", { args: ["clone", "--quiet", ROOT, path] });
  assertEquals(cloned.code, 0, cloned.stderr);
  const copied = await call("/usr/bin/cp", { args: ["-a", `${ROOT}/.toolchain`, path] });
  assertEquals(copied.code, 0, copied.stderr);
  return {
    path,
    compile: async () => {
      const env = { ...Deno.env.toObject(), TMPDIR: path };
      const { code, stderr } = await call(`${path}/scripts/compile`, { env });
      assertEquals(code, 0, stderr);
      return await Deno.readTextFile(`${path}/dist/fabric.sha256`);
    },
  };
}

Deno.test("the same commit gives the same bytes in another folder, at another time, side by side", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const one = await checkOut(`${folder}/one`);
    const other = await checkOut(`${folder}/some/where/else/two`);
    const first = await one.compile();
    assertEquals(await other.compile(), first);
    assertEquals(await Promise.all([one.compile(), one.compile()]), [first, first]);
    const { code } = await call("/usr/bin/sha256sum", {
      args: ["--check", "--quiet", "fabric.sha256"],
      cwd: `${other.path}/dist`,
    });
    assertEquals(code, 0);
    const { stdout } = await call(`${one.path}/dist/fabric`, { args: ["version", "-o", "json"] });
    const commit = await call("/usr/bin/git", { args: ["rev-parse", "HEAD"], cwd: one.path });
    assertEquals(Object(JSON.parse(stdout)).commit, commit.stdout.trim());
    const leak = await call("/usr/bin/grep", {
      args: ["-c", "-a", folder, `${one.path}/dist/fabric`],
    });
    assertEquals(leak.stdout.trim(), "0", "the executable names the folder that it was made in");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("compile never uses a recovered runtime that has other bytes than the pinned ones", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const { path } = await checkOut(`${folder}/one`);
    await Deno.writeTextFile(`${path}/.toolchain/denort.origin`, "recovered from somewhere\n");
    await Deno.writeTextFile(`${path}/.toolchain/denort`, "other bytes");
    const { code, stderr } = await call(`${path}/scripts/compile`, { env: Deno.env.toObject() });
    assertEquals(code, 1);
    assert(stderr.includes(".toolchain/denort is damaged; remove "), stderr);
    await assertRejects(() => Deno.stat(`${path}/dist/fabric`), Deno.errors.NotFound);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the runtime inside the executable is the pinned one, and can be recovered again", async () => {
  const inside = recoverDenort(await Deno.readFile(RELEASE));
  const origin = await Deno.readTextFile(`${ROOT}/.toolchain/denort.origin`);
  if (origin.startsWith("official")) {
    assert(stripSymbols(inside).length < inside.length);
  } else {
    assertEquals(
      await sha256(inside),
      await sha256(await Deno.readFile(`${ROOT}/.toolchain/denort`)),
    );
  }
});

Deno.test("compile refuses an argument that it does not know", async () => {
  const { code, stderr } = await call(`${ROOT}/scripts/compile`, {
    args: ["--fault-point"],
    env: Deno.env.toObject(),
  });
  assertEquals(code, 2);
  assert(stderr.includes("unknown argument --fault-point; use --fault-points"), stderr);
});
