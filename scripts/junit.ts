/**
 * Reads the JUnit XML that `deno test --junit-path` writes.
 *
 * @module
 */

/** One test; its steps are part of it. */
export interface TestResult {
  readonly file: string;
  readonly name: string;
  readonly seconds: number;
  /** `skipped` also when it passed but one of its steps was. */
  readonly outcome: "passed" | "failed" | "skipped";
}

/** All tests of a report, in its order. */
export function parseJunit(xml: string): readonly TestResult[] {
  return [...xml.matchAll(/<testsuite name="([^"]*)"[^>]*>(.*?)<\/testsuite>/gs)]
    .flatMap(([, file, body]) => mergeSteps(parseCases(unescape(file ?? ""), body ?? "")));
}

function parseCases(file: string, body: string): readonly TestResult[] {
  const cases = /<testcase name="([^"]*)"[^>]*? time="([^"]*)"[^>]*>(.*?)<\/testcase>/gs;
  return [...body.matchAll(cases)].map(([, name, time, content]) => ({
    file: file.replace(/^\.\//, ""),
    name: unescape(name ?? ""),
    seconds: Number(time),
    outcome: /<(failure|error)\b/.test(content ?? "")
      ? "failed"
      : /<skipped\b/.test(content ?? "")
      ? "skipped"
      : "passed",
  }));
}

/** Deno lists the step `s` of test `t` as a test `t > s`, behind its test. */
function mergeSteps(results: readonly TestResult[]): readonly TestResult[] {
  const tests = new Map<string, TestResult>();
  for (const result of results) {
    const parent = [...tests.keys()].find((name) => result.name.startsWith(`${name} > `));
    const test = parent === undefined ? undefined : tests.get(parent);
    if (test === undefined) tests.set(result.name, result);
    else if (result.outcome === "skipped" && test.outcome === "passed") {
      tests.set(test.name, { ...test, outcome: "skipped" });
    }
  }
  return [...tests.values()];
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&apos;": "'",
  "&amp;": "&",
};

function unescape(text: string): string {
  return text.replace(/&(lt|gt|quot|apos|amp);/g, (entity) => ENTITIES[entity] ?? entity);
}
