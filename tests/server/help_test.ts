/** The help of fabric-ctl. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { RoleIo } from "../../mod/role.ts";
import { main } from "../../server/main.ts";

async function ctl(...args: readonly string[]) {
  let stdout = "";
  let stderr = "";
  const io: RoleIo = {
    env: () => undefined,
    readStdin: () => Promise.resolve(""),
    writeStdout: (text) => void (stdout += text),
    writeStderr: (text) => void (stderr += text),
  };
  return { code: await main(args, io), stdout, stderr };
}

const COMMANDS = [
  ["token", "create"],
  ["token", "list"],
  ["token", "revoke"],
  ["account", "create"],
  ["account", "list"],
  ["account", "password"],
  ["account", "delete"],
  ["audit", "export"],
  ["audit", "verify"],
  ["audit", "sweep"],
] as const;

Deno.test("every command about access tells its flags and shows examples", async () => {
  const { stdout: all } = await ctl("help");
  for (const command of COMMANDS) {
    const name = command.join(" ");
    assert(all.includes(name), name);
    for (const asked of [[...command, "--help"], ["help", ...command]]) {
      const { code, stdout } = await ctl(...asked);
      assertEquals(code, 0);
      assertMatch(stdout, /Flags:[^]*Examples:\n {2}(?:pass show .*)?fabric-ctl/);
      assert(stdout.includes(`fabric-ctl ${name}`), stdout);
    }
  }
});

Deno.test("a flag that is misspelt, a role that is none and a missing name say what would be right", async () => {
  for (
    const [args, told] of [
      [["token", "create", "x", "--rol", "viewer"], /--rol.*did you mean --role/],
      [["token", "create", "x", "--role", "boss"], /boss.*viewer, operator, admin/],
      [["token", "create", "x"], /--role is missing/],
      [["token", "create", "--role", "viewer"], /name/],
      [["token", "create", "x", "--role", "viewer", "--days", "0"], /--days "0".*1 to 3650/],
      [
        ["token", "create", "x", "--role", "viewer", "--tenant", "cards"],
        /--tenant "cards".*labels/,
      ],
      [["tokens", "list"], /Unknown command "tokens list".*did you mean token list/],
      [["account", "create", "x", "--role", "viewer", "--password", "secret"], /Unknown flag/],
    ] as const
  ) {
    const { code, stderr } = await ctl(...args);
    assertEquals([args, code], [args, 2], stderr);
    assertMatch(stderr, told);
    assert(!stderr.includes("secret"));
  }
});
