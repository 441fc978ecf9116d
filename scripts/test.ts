/**
 * Runs everything that must hold: format, lint, types, both builds, all tests. The last line says
 * how many passed and failed; the exit status is 1 when one failed.
 *
 * A skipped test counts as failed, because this machine has all that `scripts/setup` and
 * `scripts/tools` bring. Only what the kernel lacks excuses it: a test whose name says
 * `(needs kernel module NAME)` may be skipped where modprobe does not know NAME.
 *
 * @module
 */

import { parseJunit, type TestResult } from "./junit.ts";

const ROOT = new URL("..", import.meta.url).pathname;
const REPORTS = `${ROOT}.cache/test/`;

/** Folders whose tests stand beside the sources. */
const UNIT_FOLDERS = ["mod", "cni", "admin", "server", "scripts"];

/** A run that hangs must end, too. */
const SUITE_LIMIT_MINUTES = { usual: 30, long: 240 };

interface Suite {
  readonly name: string;
  readonly files: readonly string[];
}

interface Options {
  readonly long: boolean;
  /** Empty: all. */
  readonly suites: readonly string[];
}

interface Step {
  readonly name: string;
  readonly command: readonly string[];
}

const STATIC: readonly Step[] = [
  { name: "fmt", command: [Deno.execPath(), "fmt", "--check"] },
  { name: "lint", command: [Deno.execPath(), "lint"] },
  { name: "check", command: [Deno.execPath(), "check"] },
];

const BUILDS: readonly Step[] = [
  { name: "compile", command: ["scripts/compile"] },
  { name: "compile --fault-points", command: ["scripts/compile", "--fault-points"] },
];

/**
 * Go programs that tests use, as targets of `scripts/tools`, in the order in which they are built:
 * what the first suites need comes first.
 */
const TOOLS = ["cni", "containerd", "kubernetes", "cluster", "helm", "critools", "e2e"] as const;
type Tool = typeof TOOLS[number];

/** What suites need of them; those that are not here need none. */
const NEEDS: Readonly<Record<string, readonly Tool[]>> = {
  lab: ["cni", "containerd"],
  e2e: ["cni", "containerd"],
  kube: ["kubernetes"],
  server: ["kubernetes"],
  cluster: ["cni", "containerd", "kubernetes", "cluster", "helm"],
  conformance: ["cni", "containerd", "kubernetes", "cluster", "critools", "e2e"],
};

/** All of them; those whose tools are built last come last. */
async function findSuites(): Promise<readonly Suite[]> {
  const unit = (await Promise.all(UNIT_FOLDERS.map((folder) => testFiles(folder)))).flat();
  const suites: Suite[] = [];
  const spanning: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(`${ROOT}tests`)) {
    if (isDirectory) {
      const files = await testFiles(`tests/${name}`);
      if (files.length > 0) suites.push({ name, files });
    } else if (name.endsWith("_test.ts")) spanning.push(`tests/${name}`);
  }
  const waits = ({ name }: Suite) => TOOLS.findLastIndex((tool) => NEEDS[name]?.includes(tool));
  suites.sort((one, other) => waits(one) - waits(other) || one.name.localeCompare(other.name));
  return [{ name: "unit", files: [...unit, ...spanning.sort()] }, ...suites];
}

async function testFiles(folder: string): Promise<readonly string[]> {
  const files: string[] = [];
  try {
    for await (const { name, isDirectory } of Deno.readDir(`${ROOT}${folder}`)) {
      if (isDirectory) files.push(...await testFiles(`${folder}/${name}`));
      else if (name.endsWith("_test.ts")) files.push(`${folder}/${name}`);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return files.sort();
}

/** Runs one command and shows its output only if it fails. */
async function runStep({ name, command: [program = "", ...args] }: Step): Promise<TestResult> {
  const start = performance.now();
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args,
    cwd: ROOT,
    stdin: "null",
  }).output();
  const seconds = (performance.now() - start) / 1000;
  say(`${name}: ${success ? "ok" : "FAILED"} (${seconds.toFixed(1)} s)`);
  if (!success) say(new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr));
  return { file: "", name, seconds, outcome: success ? "passed" : "failed" };
}

/**
 * Builds tools one after another while suites run, which come first; says what is built. Each is a
 * result of its own, so that a suite waits for no more than it needs.
 */
function buildTools(suites: readonly Suite[]): ReadonlyMap<Tool, Promise<TestResult>> {
  const steps = new Map<Tool, Promise<TestResult>>();
  let last: Promise<unknown> = Promise.resolve();
  for (const tool of TOOLS) {
    if (suites.every(({ name }) => NEEDS[name]?.includes(tool) !== true)) continue;
    const step = last.then(() => buildTool(tool));
    steps.set(tool, step);
    last = step;
  }
  return steps;
}

async function buildTool(tool: Tool): Promise<TestResult> {
  const start = performance.now();
  const child = new Deno.Command("nice", {
    args: ["-n", "10", "scripts/tools", tool],
    cwd: ROOT,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let said = "";
  let rest = "";
  for await (const part of child.stderr.pipeThrough(new TextDecoderStream())) {
    said += part;
    const lines = (rest + part).split("\n");
    rest = lines.pop() ?? "";
    // Not what Go says of each module.
    for (const line of lines.filter((line) => line.startsWith("tools: "))) say(line);
  }
  const { success } = await child.status;
  if (!success) say(`tools ${tool}: FAILED\n${said}`);
  const seconds = (performance.now() - start) / 1000;
  return { file: "", name: `tools ${tool}`, seconds, outcome: success ? "passed" : "failed" };
}

/** Runs the files of a suite side by side. */
async function runSuite({ name, files }: Suite, { long }: Options): Promise<readonly TestResult[]> {
  say(`\n== ${name}: ${files.length} files`);
  const report = `${REPORTS}${name}.xml`;
  await Deno.remove(report).catch(() => {});
  const minutes = long ? SUITE_LIMIT_MINUTES.long : SUITE_LIMIT_MINUTES.usual;
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", "--no-check", "--parallel", `--junit-path=${report}`, ...files],
    cwd: ROOT,
    env: { FABRIC_TEST_LONG: long ? "1" : "0" },
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
    signal: AbortSignal.timeout(minutes * 60_000),
  }).spawn().status;
  const results = parseJunit(await Deno.readTextFile(report).catch(() => ""));
  // A file that could not be loaded, or a run that was killed, is in no report.
  const silent = files.filter((file) => results.every((result) => result.file !== file));
  const lost = silent.map((file) => `${file}: its tests did not run`);
  if (code !== 0 && lost.length === 0 && results.every(({ outcome }) => outcome !== "failed")) {
    lost.push(`${name}: deno test ended with status ${code}`);
  }
  return [
    ...results,
    ...lost.map((text) => ({ file: "", name: text, seconds: 0, outcome: "failed" as const })),
  ];
}

/** True where the test names a kernel module that this kernel has no way to load. */
async function isExcused({ name }: TestResult): Promise<boolean> {
  const module = name.match(/\(needs kernel module ([A-Za-z0-9_-]+)\)/)?.[1];
  if (module === undefined) return false;
  const { success } = await new Deno.Command("modprobe", {
    args: ["--dry-run", "--quiet", module],
    stdout: "null",
    stderr: "null",
  }).output();
  return !success;
}

async function summarize(results: readonly TestResult[]): Promise<number> {
  const excused: TestResult[] = [];
  const failed: TestResult[] = [];
  for (const result of results) {
    if (result.outcome === "failed") failed.push(result);
    else if (result.outcome === "skipped") {
      (await isExcused(result) ? excused : failed).push(result);
    }
  }
  const line = ({ file, name, outcome }: TestResult) =>
    `  ${file === "" ? name : `${file}: ${name}`}${outcome === "skipped" ? " (skipped)" : ""}`;
  say("");
  if (excused.length > 0) say(`Not possible with this kernel:\n${excused.map(line).join("\n")}`);
  if (failed.length > 0) say(`Failed:\n${failed.map(line).join("\n")}`);
  const passed = results.filter(({ outcome }) => outcome === "passed").length;
  say(`${passed} passed, ${failed.length} failed`);
  return failed.length === 0 ? 0 : 1;
}

async function runAll(options: Options): Promise<number> {
  await Deno.mkdir(REPORTS, { recursive: true });
  const all = await findSuites();
  const unknown = options.suites.filter((name) => all.every((suite) => suite.name !== name));
  if (unknown.length > 0) {
    say(
      `test: no suite ${unknown.join(", ")}; there are ${all.map(({ name }) => name).join(", ")}`,
    );
    say("0 passed, 1 failed");
    return 2;
  }
  const suites = options.suites.length === 0
    ? all
    : all.filter(({ name }) => options.suites.includes(name));
  const tools = buildTools(suites);
  const results = [...await Promise.all(STATIC.map(runStep))];
  for (const step of BUILDS) results.push(await runStep(step));
  for (const suite of suites) {
    await Promise.all((NEEDS[suite.name] ?? []).map((tool) => tools.get(tool)));
    results.push(...await runSuite(suite, options));
  }
  results.push(...await Promise.all(tools.values()));
  return await summarize(results);
}

function say(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}

try {
  const long = Deno.args.includes("--long");
  Deno.exit(await runAll({ long, suites: Deno.args.filter((argument) => argument !== "--long") }));
} catch (error) {
  say(`test: ${error instanceof Error ? error.stack : error}\n0 passed, 1 failed`);
  Deno.exit(1);
}
