import { assert, assertEquals, assertMatch } from "@std/assert";
import { execute } from "./process.ts";

const LAB = new URL("../../scripts/lab", import.meta.url).pathname;

Deno.test("scripts/lab keeps a lab for people, enters its places and takes it down", async () => {
  const name = `test-${crypto.randomUUID().slice(0, 8)}`;
  const lab = (...args: readonly string[]) => execute([LAB, ...args], { timeoutMs: 90_000 });

  const up = await lab("up", "--hosts", "1", "--name", name);
  assertEquals(up.code, 0, up.stdout + up.stderr);
  try {
    assertMatch(up.stdout, new RegExp(`scripts/lab enter --name ${name} host1`));
    assertEquals((await lab("up", "--name", name)).code, 1);

    const ping = await lab("enter", "--name", name, "server1", "ping", "-c1", "10.200.0.10");
    assertEquals(ping.code, 0, ping.stdout);
    const shell = await execute([LAB, "enter", "--name", name, "host1"], {
      input: "hostname; exit 7\n",
    });
    assertEquals([shell.code, shell.stdout], [7, "host1\n"]);
    assertEquals((await lab("enter", "--name", name, "host9")).code, 2);
    assertMatch((await lab("status")).stdout, new RegExp(`^${name} .*host1.*router`, "m"));
  } finally {
    const down = await lab("down", "--name", name);
    assertEquals(down.code, 0, down.stdout);
  }
  assert(!(await lab("status")).stdout.includes(name));
  assertEquals((await lab("enter", "--name", name, "host1")).code, 1);
});
