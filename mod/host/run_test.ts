import { assertEquals, assertRejects } from "@std/assert";
import { FabricError } from "../error.ts";
import { formatCommand, inNetns, run, type RunRecord, stderrOf, withLog } from "./run.ts";

Deno.test("run() returns what the program printed, and gives it input and environment", async () => {
  const output = await run(["sh", "-c", 'cat; echo "$X" >&2'], { stdin: "in", env: { X: "y" } });
  assertEquals(output, { stdout: "in", stderr: "y\n" });
});

Deno.test("run() keeps our environment from the program when it is told to", async () => {
  const env = { PATH: "/usr/bin:/bin", X: "y" };
  assertEquals((await run(["env"], { env, clearEnv: true })).stdout, "PATH=/usr/bin:/bin\nX=y\n");
});

Deno.test("run() tells command, exit code and stderr of a program that failed", async () => {
  const error = await assertRejects(
    () => run(["sh", "-c", "echo one >&2; echo two >&2; exit 3"]),
    FabricError,
    "sh failed: one; two",
  );
  assertEquals(error.kind, "host");
  assertEquals(error.details["exitCode"], 3);
  assertEquals(error.details["command"], "sh -c 'echo one >&2; echo two >&2; exit 3'");
  assertEquals(stderrOf(error), "one; two");
});

Deno.test("run() says that a program is missing", async () => {
  await assertRejects(
    () => run(["no-such-program-here"]),
    FabricError,
    "program no-such-program-here is not installed",
  );
});

Deno.test("run() kills a program that takes too long", async () => {
  const start = performance.now();
  await assertRejects(
    () => run(["sleep", "20"], { timeoutMs: 100 }),
    FabricError,
    "killed after 100 ms",
  );
  assertEquals(performance.now() - start < 2_000, true);
});

Deno.test("run() takes input in pieces, as they come", async () => {
  const order: string[] = [];
  const pieces = async function* (): AsyncIterable<string> {
    yield "a\n";
    await new Promise((resolve) => setTimeout(resolve, 20));
    order.push("later");
    yield "b\n";
  };
  assertEquals((await run(["cat"], { stdin: pieces() })).stdout, "a\nb\n");
  assertEquals(order, ["later"]);
});

Deno.test("run() tells lines as they come, and all of them at the end", async () => {
  const go = Promise.withResolvers<void>();
  const lines: string[] = [];
  const input = async function* (): AsyncIterable<string> {
    await go.promise;
    yield "b\nc";
  };
  const { stdout } = await run(["sh", "-c", "echo a; echo x >&2; cat"], {
    stdin: input(),
    onLine: (line) => {
      lines.push(line);
      go.resolve();
    },
  });
  assertEquals([lines, stdout], [["a", "b"], "a\nb\nc"]);
});

Deno.test("run() throws what its input throws, and ends the program", async () => {
  const pieces = async function* (): AsyncIterable<string> {
    yield "a\n";
    await Promise.resolve();
    throw new FabricError("unavailable", "the port did not come up");
  };
  const error = await assertRejects(() => run(["cat"], { stdin: pieces() }), FabricError);
  assertEquals(error.kind, "unavailable");
});

Deno.test("run() does not wait for input that a failed program will never read", async () => {
  const later = Promise.withResolvers<void>();
  const pieces = async function* (): AsyncIterable<string> {
    yield "a\n";
    await later.promise;
    yield "b\n";
  };
  await assertRejects(() => run(["false"], { stdin: pieces() }), FabricError, "exit code 1");
  later.resolve();
});

Deno.test("withLog() tells commands that can be repeated by hand", async () => {
  const records: RunRecord[] = [];
  const logged = withLog(run, (record) => records.push(record));
  await logged(["cat"], { stdin: "x y\n" });
  const pieces = async function* (): AsyncIterable<string> {
    await Promise.resolve();
    yield "1\n";
    yield "2\n";
  };
  await logged(["cat"], { stdin: pieces() });
  await assertRejects(() => logged(["sh", "-c", "exit 4"]));
  assertEquals(records.map(({ command, exitCode }) => [command, exitCode]), [
    ["cat <<'EOF'\nx y\nEOF", 0],
    ["cat <<'EOF'\n1\n2\nEOF", 0],
    ["sh -c 'exit 4'", 4],
  ]);
});

Deno.test("formatCommand() quotes for a shell", () => {
  assertEquals(formatCommand(["echo", "it's", "a=b", ""]), "echo 'it'\\''s' a=b ''");
});

Deno.test("inNetns() runs a program in a namespace", async () => {
  const output = await inNetns(run, "/proc/self/ns/net")(["echo", "x"]);
  assertEquals(output.stdout, "x\n");
});
