import { assert, assertEquals } from "@std/assert";
import { getJsonLinesFormatter } from "@logtape/logtape";
import fc from "fast-check";
import { appendLine, openLog } from "./log.ts";
import { LOG_LEVELS } from "./log_default.ts";
import { formatLogLine } from "./log_line.ts";

function testDir(): { readonly path: string } & Disposable {
  const path = Deno.makeTempDirSync({ prefix: "fabric-log-" });
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}

function linesIn(dir: string): string[] {
  const text = [...Deno.readDirSync(dir)].map(({ name }) =>
    Deno.readTextFileSync(`${dir}/${name}`)
  );
  return text.flatMap((file) => file.split("\n")).filter((line) => line !== "");
}

Deno.test("openLog() writes one JSON line per call, in a folder that it makes", () => {
  using dir = testDir();
  const log = openLog({
    file: `${dir.path}/a/b/fabric.log`,
    maxBytes: 4096,
    level: "info",
    category: ["fabric", "cni"],
    now: () => Date.UTC(2026, 0, 2),
    onError: (error) => {
      throw error;
    },
  });
  log.write("info", "ADD", { container: "c1", error: undefined, durations: { all: 1.5 } });
  log.write("debug", "command", { command: "ip" });
  const [line = "", ...more] = linesIn(`${dir.path}/a/b`);
  assertEquals(more, []);
  assertEquals(JSON.parse(line), {
    "@timestamp": "2026-01-02T00:00:00.000Z",
    level: "INFO",
    message: "ADD",
    logger: "fabric.cni",
    properties: { container: "c1", durations: { all: 1.5 } },
  });
  assertEquals([log.enabled("debug"), log.enabled("error")], [false, true]);
});

Deno.test("openLog() tells of a file that it cannot write, and goes on", () => {
  const errors: unknown[] = [];
  const log = openLog({
    file: "/dev/null/fabric.log",
    maxBytes: 4096,
    level: "info",
    category: [],
    now: () => 0,
    onError: (error) => errors.push(error),
  });
  log.write("error", "ADD");
  assertEquals(errors.length, 1);
});

Deno.test("appendLine() keeps the files within their bound", () => {
  using dir = testDir();
  const options = { file: `${dir.path}/f.log`, maxBytes: 1000, keep: 2 };
  for (let n = 0; n < 100; n++) appendLine(options, `${n} ${"x".repeat(90)}\n`);
  const names = [...Deno.readDirSync(dir.path)].map(({ name }) => name).sort();
  assertEquals(names, ["f.log", "f.log.1", "f.log.2"]);
  for (const name of names) assert(Deno.statSync(`${dir.path}/${name}`).size <= 1000);
  assert(linesIn(dir.path).some((line) => line.startsWith("99 ")));
  appendLine(options, `${"y".repeat(5000)}\n`);
  assert(linesIn(dir.path).some((line) => line.length === 5000), "a long line is still a line");
});

Deno.test("formatLogLine() writes what LogTape's formatter writes", () => {
  const format = getJsonLinesFormatter();
  const text = fc.string({ unit: "binary" });
  const record = fc.record({
    timestamp: fc.integer({ min: 0, max: 4e12 }),
    level: fc.constantFrom(...LOG_LEVELS),
    category: fc.array(fc.stringMatching(/^[a-z]+$/)),
    message: text,
    properties: fc.dictionary(text, fc.jsonValue()),
  });
  fc.assert(fc.property(record, (fields) => {
    const { message } = fields;
    assertEquals(
      formatLogLine(fields),
      format({ ...fields, message: [message], rawMessage: message }),
    );
  }));
});

const WRITER = `
import { appendLine } from ${JSON.stringify(new URL("./log.ts", import.meta.url).href)};
const [file, writer, lines] = Deno.args;
for (let n = 0; n < Number(lines); n++) {
  appendLine({ file, maxBytes: 20000, keep: 500 }, JSON.stringify({ writer, n, pad: "z".repeat(n % 300) }) + "\\n");
}
`;

Deno.test("appendLine() loses and tears no line when 32 processes write and rotate", async () => {
  using dir = testDir();
  const script = `${dir.path}/writer.ts`;
  Deno.writeTextFileSync(script, WRITER);
  Deno.mkdirSync(`${dir.path}/log`);
  const config = new URL("../deno.json", import.meta.url).pathname;
  const lines = 200;
  const results = await Promise.all(
    Array.from({ length: 32 }, (_, writer) =>
      new Deno.Command(Deno.execPath(), {
        args: [
          "run",
          "-A",
          "--no-check",
          "--quiet",
          "--config",
          config,
          script,
          `${dir.path}/log/f.log`,
          String(writer),
          String(lines),
        ],
        stderr: "piped",
      }).output()),
  );
  for (const { success, stderr } of results) assert(success, new TextDecoder().decode(stderr));
  const counts = new Map<string, number>();
  for (const line of linesIn(`${dir.path}/log`)) {
    const { writer } = JSON.parse(line);
    counts.set(writer, (counts.get(writer) ?? 0) + 1);
  }
  assertEquals([...counts.values()], new Array(32).fill(lines));
  const files = [...Deno.readDirSync(`${dir.path}/log`)].length;
  assert(files > 10, `only ${files} files: there was no rotation`);
});
