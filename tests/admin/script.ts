/**
 * Scripts of the command line: what is typed, what comes out, on a real etcd.
 *
 * ```text
 * # a comment
 * file site.yaml          a file of the script's folder; its lines follow
 * + kind: Zone
 * add c1 pod=web/shop     an ADD and, by `del c1`, a DEL of a container on node n1
 * put KEY VALUE           writes a key past the library, and `cut KEY` removes one
 * $ get zones             a command, without the program's name; words may be 'quoted'
 * < line                  a line of its standard input
 * > yes                   what a person at a terminal answers when asked
 * % s/old/new/            what a person's editor does with the file, once per time that it opens;
 *                         `% fail`: it fails, `% empty`: it leaves nothing
 * | NAME   AGE            a line of standard output
 * ! error: ...            a line of standard error
 * = 1                     its exit status, where it is not 0
 * ```
 *
 * `$DIR` is the script's folder. `<age>`, `<time>`, `<uid>`, `<rev>`, `<id>`, `<word>` and `<any>`
 * in expected lines stand for what changes; two spaces or more stand for any number of them.
 *
 * @module
 */

/** One command and what it must say. */
export interface Step {
  readonly line: number;
  readonly action: string;
  readonly words: readonly string[];
  readonly stdin: readonly string[];
  /** Empty: nobody is at a terminal. */
  readonly answers: readonly string[];
  /** Empty: there is no editor. */
  readonly edits: readonly string[];
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
  readonly exit: number;
  /** Lines of a file. */
  readonly content: readonly string[];
}

type Draft = {
  -readonly [K in keyof Step]: Step[K] extends readonly string[] ? string[] : Step[K];
};

/** Words of a line: whole ones in double quotes, and single quotes wherever a shell takes them. */
export function splitWords(text: string): string[] {
  return [...text.matchAll(/"([^"]*)"(?=\s|$)|((?:'[^']*'|[^\s'])+)/g)]
    .map(([, quoted, word = ""]) => quoted ?? word.replace(/'([^']*)'/g, "$1"));
}

const ACTIONS = ["$", "file", "add", "del", "config", "put", "cut"];

/** Reads a script. */
export function parseScript(text: string): readonly Step[] {
  const steps: Draft[] = [];
  text.split("\n").forEach((line, index) => {
    const space = line.indexOf(" ");
    const mark = space < 0 ? line : line.slice(0, space);
    const rest = space < 0 ? "" : line.slice(space + 1);
    const step = steps.at(-1);
    if (line.trim() === "" || mark === "#") return;
    if (ACTIONS.includes(mark)) {
      steps.push({
        line: index + 1,
        action: mark,
        words: splitWords(rest),
        stdin: [],
        answers: [],
        edits: [],
        stdout: [],
        stderr: [],
        exit: 0,
        content: [],
      });
    } else if (step === undefined) throw new Error(`line ${index + 1}: nothing to belong to`);
    else if (mark === "+") step.content.push(rest);
    else if (mark === "<") step.stdin.push(rest);
    else if (mark === ">") step.answers.push(rest);
    else if (mark === "%") step.edits.push(rest);
    else if (mark === "|") step.stdout.push(rest);
    else if (mark === "!") step.stderr.push(rest);
    else if (mark === "=") step.exit = Number(rest);
    else throw new Error(`line ${index + 1}: unknown mark "${mark}"`);
  });
  return steps;
}

const PLACEHOLDERS: Readonly<Record<string, string>> = {
  age: "-?\\d+[smhdy](?:\\d+[smhdy])?",
  time: "\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(?:\\.\\d+)?Z",
  uid: "[0-9a-f-]{36}",
  rev: "\\d+",
  id: "[0-9A-HJKMNP-TV-Z]{26}",
  word: "\\S+",
  any: ".*",
};

/** The expected line as a pattern. */
export function patternOf(line: string): RegExp {
  const parts = line.trimEnd().split(/(<(?:age|time|uid|rev|id|word|any)>| {2,})/);
  const source = parts.map((part) => {
    if (/^ {2,}$/.test(part)) return " {2,}";
    const name = /^<(\w+)>$/.exec(part)?.[1];
    const placeholder = name === undefined ? undefined : PLACEHOLDERS[name];
    return placeholder ?? part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  });
  return new RegExp(`^${source.join("")}$`);
}

/** Undefined where the lines are as expected, else the difference for people. */
export function difference(
  what: string,
  actual: string,
  expected: readonly string[],
): string | undefined {
  const lines = actual === "" ? [] : actual.replace(/\n$/, "").split("\n").map((l) => l.trimEnd());
  const same = lines.length === expected.length &&
    lines.every((line, i) => patternOf(expected[i] ?? "").test(line));
  if (same) return undefined;
  const show = (list: readonly string[]): string => list.map((line) => `    ${line}\n`).join("");
  return `${what} is\n${show(lines)}  and should be\n${show(expected)}`;
}
