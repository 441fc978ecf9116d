/**
 * Completes `.toolchain/` (called by `scripts/toolchain`, which finds deno):
 *
 * - `denort`: the Deno runtime that a compiled program carries. Where Deno may download its own,
 *   nothing is needed. Where only package registries are reachable, the runtime is recovered from
 *   a package that ships a program made by `deno compile`, and used only if its SHA-256 is the
 *   pinned one. Of that package nothing but the Deno runtime (MIT) is taken.
 * - `denort.origin`: which of the two, as `fabric version` tells.
 * - esbuild, which `deno bundle` takes from npm into Deno's cache: put there and verified.
 *
 * Everything is written beside its place and renamed, so that two runs may work side by side.
 *
 * @module
 */

import { recoverDenort, stripSymbols } from "./denort.ts";

const TOOLCHAIN = new URL("../.toolchain/", import.meta.url).pathname;
const CACHE = new URL("../.cache/", import.meta.url).pathname;

/** A package that contains a program made by `deno compile` of exactly this version. */
const PROGRAM = { name: "@chelonia/cli-x64-linux", version: "3.4.0", file: "chel" } as const;
/** The runtime inside it, 107,594,120 bytes, as Deno made it. */
const DENORT_SHA256 = "723d45cca4f68bd66652da1e0d45562b0700317c1535981035f50f078785a131";
/** The same without its symbol table, 83,914,720 bytes. */
const STRIPPED_SHA256 = "9ad6921de2e1211d4ea76c1487a5854a5e8b4e8e9548ac259cdd29bc22b52363";

/** What `deno bundle` of this version runs. */
const ESBUILD = {
  name: "@esbuild/linux-x64",
  version: "0.25.5",
  file: "bin/esbuild",
  sha256: "3331e0b23c99d93d9a39e436a4838de40ca1c95ac3bcbd9874ba169d8545b634",
} as const;

/** An unreachable host that does not even refuse must not hold up a closed network for long. */
const OFFICIAL_TIMEOUT_MS = 60_000;

/** Content of `denort.origin` where Deno downloads its own runtime. */
const OFFICIAL = "official";

/** `.toolchain/denort`, verified; undefined where Deno downloads its own runtime. */
export async function pinnedDenort(): Promise<string | undefined> {
  if (await denortOrigin() === OFFICIAL) return undefined;
  const path = `${TOOLCHAIN}denort`;
  if (await exists(path) && await sha256(await Deno.readFile(path)) === STRIPPED_SHA256) {
    return path;
  }
  throw new Error(`${path} is damaged; remove ${TOOLCHAIN} and run scripts/toolchain`);
}

/** Whose runtime a program compiled here carries. */
export async function denortOrigin(): Promise<string> {
  return (await Deno.readTextFile(`${TOOLCHAIN}denort.origin`)).trim();
}

/** SHA-256 in hexadecimal. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/** Writes a file so that it is there whole or not at all. */
export async function writeWhole(
  path: string,
  { content, mode }: { readonly content: Uint8Array | string; readonly mode?: number },
): Promise<void> {
  const temporary = await Deno.makeTempFile({ dir: path.slice(0, path.lastIndexOf("/")) });
  try {
    if (typeof content === "string") await Deno.writeTextFile(temporary, content);
    else await Deno.writeFile(temporary, content);
    await Deno.chmod(temporary, mode ?? 0o644);
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary);
    throw error;
  }
}

async function complete(registries: boolean): Promise<void> {
  await Deno.mkdir(TOOLCHAIN, { recursive: true });
  await Deno.mkdir(CACHE, { recursive: true });
  await ensureEsbuild();
  const known = await exists(`${TOOLCHAIN}denort.origin`);
  if (known && !registries) {
    await pinnedDenort();
  } else if (!registries && await officialWorks()) {
    await writeWhole(`${TOOLCHAIN}denort.origin`, { content: `${OFFICIAL}\n` });
  } else {
    await recover();
  }
  await writeWhole(`${TOOLCHAIN}ready`, { content: `${await denortOrigin()}\n` });
}

/** Compiles an empty program, for which Deno downloads its runtime unless it has it. */
async function officialWorks(): Promise<boolean> {
  await using work = await workFolder();
  await Deno.writeTextFile(`${work.path}/probe.ts`, "");
  try {
    const output = await new Deno.Command(Deno.execPath(), {
      args: ["compile", "--quiet", "--no-config", "--no-lock", "-o", "probe", "probe.ts"],
      cwd: work.path,
      stdout: "piped",
      stderr: "piped",
      signal: AbortSignal.timeout(OFFICIAL_TIMEOUT_MS),
    }).output();
    if (output.success) return true;
    const reason = new TextDecoder().decode(output.stderr).match(/error sending[^\n]*/)?.[0];
    say(`deno cannot download its own runtime here${reason === undefined ? "" : `: ${reason}`}`);
  } catch (error) {
    say(`deno cannot download its own runtime here: ${error}`);
  }
  return false;
}

async function recover(): Promise<void> {
  const source = `${PROGRAM.name}@${PROGRAM.version}`;
  say(`recovering the Deno runtime from npm ${source}`);
  await using work = await workFolder();
  const program = await Deno.readFile(await fetchPackage(PROGRAM, work.path));
  const denort = recoverDenort(program);
  const found = await sha256(denort);
  if (found !== DENORT_SHA256) {
    throw new Error(
      `the runtime in ${source} has SHA-256 ${found}, not ${DENORT_SHA256}: not used`,
    );
  }
  const stripped = stripSymbols(denort);
  const result = await sha256(stripped);
  if (result !== STRIPPED_SHA256) {
    throw new Error(`the stripped runtime has SHA-256 ${result}, not ${STRIPPED_SHA256}`);
  }
  await writeWhole(`${TOOLCHAIN}denort`, { content: stripped, mode: 0o755 });
  await writeWhole(`${TOOLCHAIN}denort.origin`, { content: `recovered from ${source}\n` });
}

/**
 * Puts esbuild where `deno bundle` would put it (Deno's cache, which may be another one tomorrow,
 * so compile asks for it each time); what stands there is verified.
 */
export async function ensureEsbuild(): Promise<void> {
  const path = `${await denoDir()}/dl/esbuild-${ESBUILD.version}/esbuild-linux-x64`;
  if (!await exists(path)) {
    say(`fetching the bundler from npm ${ESBUILD.name}@${ESBUILD.version}`);
    await using work = await workFolder();
    const content = await Deno.readFile(await fetchPackage(ESBUILD, work.path));
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    if (await sha256(content) === ESBUILD.sha256) await writeWhole(path, { content, mode: 0o755 });
    else throw new Error(`${ESBUILD.name}@${ESBUILD.version} is not the pinned one: not used`);
  }
  const found = await sha256(await Deno.readFile(path));
  if (found !== ESBUILD.sha256) {
    throw new Error(`${path} has SHA-256 ${found}, not ${ESBUILD.sha256}; remove it`);
  }
}

/** Fetches one npm package with Deno's own client into a cache of its own; the file's path. */
async function fetchPackage(
  { name, version, file }: {
    readonly name: string;
    readonly version: string;
    readonly file: string;
  },
  folder: string,
): Promise<string> {
  const output = await new Deno.Command(Deno.execPath(), {
    args: ["cache", "--quiet", "--no-config", "--no-lock", `npm:${name}@${version}`],
    env: { DENO_DIR: `${folder}/deno` },
    stdout: "piped",
    stderr: "inherit",
  }).output();
  if (!output.success) throw new Error(`npm package ${name}@${version} could not be fetched`);
  const npm = `${folder}/deno/npm`;
  for await (const registry of Deno.readDir(npm)) {
    const path = `${npm}/${registry.name}/${name}/${version}/${file}`;
    if (await exists(path)) return path;
  }
  throw new Error(`npm package ${name}@${version} has no file ${file}`);
}

async function denoDir(): Promise<string> {
  const output = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  const info: unknown = JSON.parse(new TextDecoder().decode(output.stdout));
  if (typeof info === "object" && info !== null && "denoDir" in info) {
    if (typeof info.denoDir === "string") return info.denoDir;
  }
  throw new Error("deno info does not tell where deno's cache is");
}

async function workFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.makeTempDir({ dir: CACHE });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

function say(text: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`toolchain: ${text}\n`));
}

if (import.meta.main) {
  try {
    await complete(Deno.args.includes("--registries"));
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    Deno.exit(1);
  }
}
