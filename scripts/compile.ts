/**
 * Makes the executable. Each role is bundled into one file first: 40 small modules cost 9 ms at
 * every start, one bundled file 0.4 ms. `main.ts` is bundled with its four role imports left as
 * they are, and a configuration maps those names to the bundles, so a call loads one role's file.
 *
 * The test build (`--fault-points`) differs in one mapping and one variable that it may read.
 *
 * @module
 */

import config from "../deno.json" with { type: "json" };
import { type BuildInfo } from "../mod/build_info.ts";
import { permissionFlags } from "../mod/permissions.ts";
import { buildConsole } from "./console.ts";
import { denortOrigin, ensureEsbuild, pinnedDenort, sha256, writeWhole } from "./toolchain.ts";

const ROOT = new URL("..", import.meta.url).pathname;
const BUILD = `${ROOT}.build/`;
const DIST = `${ROOT}dist/`;

/** Import names of the roles, and the sources that `deno.json` maps them to. */
const ROLE_IMPORTS = Object.entries(config.imports).filter(([name]) =>
  ["fabric/cni", "fabric/server", "fabric/admin", "fabric/command"].includes(name)
);

/** Packages in files of their own, because they are imported only when they are needed. */
const LAZY_PACKAGES = ["yaml"] as const;

/** What bundles leave as imports, and `roles.json` maps to files. */
const SEPARATE = [...ROLE_IMPORTS.map(([name]) => name), ...LAZY_PACKAGES];

interface Variant {
  readonly name: "fabric" | "fabric-faults";
  readonly fault: string;
  readonly flags: readonly string[];
}

const RELEASE: Variant = {
  name: "fabric",
  fault: "./mod/fault_off.ts",
  flags: permissionFlags(),
};

const FAULTS: Variant = {
  name: "fabric-faults",
  fault: "./mod/fault_on.ts",
  flags: permissionFlags().map((flag) =>
    flag.startsWith("--allow-env=") ? `${flag},FABRIC_FAULT` : flag
  ),
};

async function compile(variant: Variant, info: BuildInfo): Promise<void> {
  await Deno.mkdir(DIST, { recursive: true });
  await Deno.mkdir(BUILD, { recursive: true });
  await removeStale();
  const work = await Deno.makeTempDir({ dir: BUILD });
  try {
    await ensureEsbuild();
    await buildConsole(work);
    await bundle(variant, { info, work });
    await settle(work, info);
    const denort = await pinnedDenort();
    await deno(["compile", ...variant.flags, ...COMPILE_FLAGS, `${work}/main.js`], {
      cwd: work,
      env: denort === undefined ? {} : { DENORT_BIN: denort },
    });
    const program = await Deno.readFile(`${work}/fabric`);
    const path = `${DIST}${variant.name}`;
    await writeWhole(`${path}.sha256`, { content: `${await sha256(program)}  ${variant.name}\n` });
    await Deno.rename(`${work}/fabric`, path);
    await keepBundles(variant, work);
    say(
      `${path.slice(ROOT.length)}: ${Math.round(program.length / 1e6)} MB, denort ${info.denort}`,
    );
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

/** Removes what a compile left that was killed; those that run beside this one are young. */
async function removeStale(): Promise<void> {
  const hourAgo = Date.now() - 3_600_000;
  for await (const { name } of Deno.readDir(BUILD)) {
    if (name === RELEASE.name || name === FAULTS.name) continue;
    const info = await Deno.stat(`${BUILD}${name}`).catch(() => undefined);
    const changed = info?.mtime?.getTime() ?? hourAgo;
    if (changed < hourAgo) {
      await Deno.remove(`${BUILD}${name}`, { recursive: true }).catch(() => {});
    }
  }
}

/**
 * `--no-code-cache`: Deno would keep V8's code cache under $TMPDIR, where a local user could plant
 * code for root. `--no-config`, here and below: the nearest `deno.json` would win over our mapping.
 * `--min-semi-space-size`: V8 begins with half a MB for new objects and would collect garbage twice
 * in the 30 ms of a CNI call, 2 to 4 ms each; with 8 MB it never does.
 */
const COMPILE_FLAGS = [
  "--quiet",
  "--no-check",
  "--no-code-cache",
  "--no-lock",
  "--no-config",
  "--import-map=roles.json",
  "--v8-flags=--min-semi-space-size=8",
  "--output=fabric",
];

async function bundle(
  variant: Variant,
  { info, work }: { readonly info: BuildInfo; readonly work: string },
): Promise<void> {
  await Deno.writeTextFile(
    `${work}/build_info.ts`,
    `export const BUILD = ${JSON.stringify(info)};\n`,
  );
  const sources = `${work}/sources.json`;
  await Deno.writeTextFile(sources, JSON.stringify({ imports: sourceImports(variant) }, null, 2));
  // Of a package given as its own entry, Deno bundles the command in its `bin`.
  const packages = await Promise.all(LAZY_PACKAGES.map(async (name) => {
    const entry = `${work}/${name}_entry.ts`;
    await Deno.writeTextFile(entry, `export * from "${config.imports[name]}";\n`);
    return [name, entry] as const;
  }));
  const separate = [...ROLE_IMPORTS, ...packages];
  const bundles = [["main.js", "./main.ts"] as const, ...separate.map(bundleOf)];
  await Promise.all(bundles.map(([output, source]) =>
    deno([
      "bundle",
      "--quiet",
      ...(isMinified(output) ? ["--minify"] : []),
      "--sourcemap=external",
      "--platform=browser",
      "--frozen",
      "--no-config",
      `--import-map=${sources}`,
      `--lock=${ROOT}deno.lock`,
      ...SEPARATE.map((name) => `--external=${name}`),
      ...outputFlags(`${work}/${output}`),
      source,
    ], { cwd: ROOT })
  ));
  for (const [output] of bundles) {
    if (!isMinified(output)) await tidy(`${work}/${output}`, variant);
  }
  await nameChunks(`${work}/cni`);
  const imports = Object.fromEntries(separate.map((one) => [one[0], `./${bundleOf(one)[0]}`]));
  await Deno.writeTextFile(`${work}/roles.json`, JSON.stringify({ imports }));
}

/**
 * A bundle in a folder of its own (`cni/main.js`) is cut at its dynamic imports: the plugin reads
 * what an ADD does not need (other verbs, the configuration's checks) only when it is needed.
 */
function outputFlags(output: string): readonly string[] {
  const folder = /^(.*\/cni)\/main\.js$/.exec(output)?.[1];
  return folder === undefined ? [`--output=${output}`] : ["--code-splitting", `--outdir=${folder}`];
}

/**
 * Only what lives for a moment is made small, for its start. The minifier (esbuild, in Deno 2.9.4) puts
 * the value of a `using` that is named once into the place of its name, and forgets to dispose of it:
 * a call's process ends soon after, but a server would keep what it opened, and a repair its locks.
 */
function isMinified(output: string): boolean {
  return output === "main.js" || output === "command.js" || output.startsWith("cni/");
}

/**
 * What the minifier would have done to a bundle that it has not seen: paths of packages begin at the
 * package, wherever the checkout and Deno's cache are, and the release has no fault point.
 */
async function tidy(file: string, variant: Variant): Promise<void> {
  const text = (await Deno.readTextFile(file))
    .replaceAll(/[^\s"'`]*\/npm\/[\w-]+(?:\.[\w-]+)+(?::\d+)?\//g, "npm/")
    .replaceAll(/^\/\/ \.build\/[0-9a-f]+\//gm, "// .build/");
  const released = variant === FAULTS
    ? text
    : text.replaceAll(/^\s*faultPoint\d*\((?:"[^"\n]*"|`[^`\n]*`)\);$/gm, "");
  await Deno.writeTextFile(file, released);
}

/** Gives the bundles the commit's time, which the executable keeps: same commit, same bytes. */
async function settle(work: string, info: BuildInfo): Promise<void> {
  const time = info.date === "unknown" ? 0 : new Date(info.date);
  for await (const { name, isDirectory } of Deno.readDir(work)) {
    if (isDirectory) await settle(`${work}/${name}`, info);
    await Deno.utime(`${work}/${name}`, time, time);
  }
}

/** File name of a bundle, and its source. */
function bundleOf([name, source]: readonly [string, string]): readonly [string, string] {
  const file = name.replace("fabric/", "");
  return [file === "cni" ? "cni/main.js" : `${file}.js`, source];
}

/** The imports of `deno.json` as seen from the build folder, with this build's own two. */
function sourceImports(variant: Variant): Readonly<Record<string, string>> {
  const imports: Record<string, string> = {};
  for (const [name, target] of Object.entries(config.imports)) {
    imports[name] = target.startsWith("./") ? `../../${target.slice(2)}` : target;
  }
  return {
    ...imports,
    "fabric/fault": `../../${variant.fault.slice(2)}`,
    "fabric/build": "./build_info.ts",
    "fabric/console": "./console_assets.ts",
  };
}

/** Leaves bundles and source maps in `.build/<name>/`, for tests and to read a stack trace. */
async function keepBundles(variant: Variant, work: string): Promise<void> {
  const kept = `${BUILD}${variant.name}`;
  await Deno.mkdir(kept, { recursive: true });
  for await (const { name } of Deno.readDir(work)) {
    if (name === "build_info.ts" || name.startsWith("console_")) continue;
    await Deno.remove(`${kept}/${name}`, { recursive: true }).catch(() => {});
    await Deno.rename(`${work}/${name}`, `${kept}/${name}`);
  }
}

/** Version, commit and the commit's date; unknown outside a git checkout. */
async function buildInfo(): Promise<BuildInfo> {
  const commit = await git("rev-parse", "HEAD");
  const seconds = Number(await git("log", "-1", "--format=%ct"));
  const clean = await git("status", "--porcelain") === "";
  return {
    version: config.version,
    commit: commit === undefined ? "unknown" : clean ? commit : `${commit}-dirty`,
    date: commit === undefined
      ? "unknown"
      : new Date(seconds * 1000).toISOString().replace(".000Z", "Z"),
    denort: await denortOrigin(),
  };
}

async function git(...args: string[]): Promise<string | undefined> {
  try {
    const output = await new Deno.Command("git", { args, cwd: ROOT, stderr: "null" }).output();
    return output.success ? new TextDecoder().decode(output.stdout).trim() : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Ours, without a runtime that somebody set by hand: the executable says whose it carries. */
const { DENORT_BIN: _ignored, ...INHERITED } = Deno.env.toObject();

async function deno(
  args: readonly string[],
  options: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
): Promise<void> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: options.cwd,
    clearEnv: true,
    env: { ...INHERITED, ...options.env },
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn().status;
  if (!success) throw new Error(`deno ${args[0]} failed`);
}

function say(text: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`${text}\n`));
}

if (import.meta.main) {
  const unknown = Deno.args.find((argument) => argument !== "--fault-points");
  if (unknown !== undefined) {
    say(`compile: unknown argument ${unknown}; use --fault-points`);
    Deno.exit(2);
  }
  try {
    await compile(Deno.args.length > 0 ? FAULTS : RELEASE, await buildInfo());
  } catch (error) {
    say(`compile: ${error instanceof Error ? error.message : error}`);
    Deno.exit(1);
  }
}

/**
 * The bundler names a chunk by a hash that depends on the folder it works in. The names here depend
 * on the chunks' contents alone, so that the same commit gives the same bytes anywhere.
 */
async function nameChunks(folder: string): Promise<void> {
  const texts = new Map<string, string>();
  for await (const { name } of Deno.readDir(folder)) {
    if (name.endsWith(".js")) texts.set(name, await Deno.readTextFile(`${folder}/${name}`));
  }
  const nameless = (text: string): string => text.replaceAll(/-[A-Z0-9]{8}\.js/g, ".js");
  const hashed = [...texts.keys()].filter((name) => nameless(name) !== name);
  const sortKey = (name: string): string => `${nameless(name)} ${nameless(texts.get(name) ?? "")}`;
  hashed.sort((a, b) => sortKey(a) < sortKey(b) ? -1 : 1);
  const names = new Map(hashed.map((name, i) => [name, nameless(name).replace(".js", `-${i}.js`)]));
  for (const [name, text] of texts) {
    let renamed = text;
    for (const [from, to] of names) renamed = renamed.replaceAll(from, to);
    await Deno.remove(`${folder}/${name}`);
    await Deno.writeTextFile(`${folder}/${names.get(name) ?? name}`, renamed);
    const map = `${folder}/${name}.map`;
    await Deno.rename(map, `${folder}/${names.get(name) ?? name}.map`).catch(() => {});
  }
}
