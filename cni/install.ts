/**
 * `fabric install`: one executable, two links and a network configuration, each whole or not there.
 *
 * The order makes a stop at any moment harmless: the record, then the executable, its links, and
 * last the configuration that makes a runtime call it. Running it again completes it.
 *
 * @module
 */

import { faultPoint } from "fabric/fault";
import { loadConfig } from "../mod/config.ts";
import { asFabricError, describeError, FabricError } from "../mod/error.ts";
import type { RoleIo } from "../mod/role.ts";
import { INSTALL_HELP, type InstallOptions, parseInstall } from "./install_options.ts";
import {
  contentOf,
  contentOfBytes,
  type Installation,
  lockFolder,
  makeFolder,
  type Piece,
  putFile,
  putLink,
  readRecord,
  removeEmptyFolder,
  takeAway,
  writeRecord,
} from "./installation.ts";

/** Runs `fabric install`; exit status 0, 1 when it failed, 2 for a wrong command line. */
export async function runInstall(args: readonly string[], io: RoleIo): Promise<number> {
  let options: InstallOptions | undefined;
  try {
    options = parseInstall(args);
  } catch (error) {
    io.writeStderr(`fabric install: ${describeError(asFabricError(error))}\n`);
    return 2;
  }
  if (options === undefined) {
    io.writeStdout(INSTALL_HELP);
    return 0;
  }
  try {
    if (!Deno.build.standalone) {
      throw new FabricError("invalid", "only the compiled executable can install itself", {
        remedy: "run scripts/compile, then dist/fabric install",
      });
    }
    const { pieces } = await install(options, { executable: Deno.execPath() });
    io.writeStdout(pieces.map(({ path }) => `installed ${path}\n`).join(""));
    const other = firstBefore(options);
    if (other !== undefined) {
      io.writeStderr(
        `fabric install: ${options.confDir}/${other} comes first, and most runtimes use that one; ` +
          `move it away, or use --conf-name\n`,
      );
    }
    return 0;
  } catch (error) {
    io.writeStderr(`fabric install: ${describeError(asFabricError(error))}\n`);
    return 1;
  }
}

/**
 * Installs `executable`.
 *
 * @throws {FabricError} `conflict` when something stands there that install did not put, before
 * anything is changed; `invalid` for a folder that everybody may write to.
 */
export async function install(
  options: InstallOptions,
  { executable }: { readonly executable: string },
): Promise<Installation> {
  const made: string[] = [];
  try {
    made.push(...makeFolder(options.binDir));
    made.push(...makeFolder(options.confDir));
    using _lock = await lockFolder(options.binDir);
    const before = readRecord(options.binDir) ?? { pieces: [], folders: [] };
    return await put(options, { executable, before, made });
  } catch (error) {
    for (const folder of made.toReversed()) removeEmptyFolder(folder);
    throw error;
  }
}

async function put(
  options: InstallOptions,
  { executable, before, made }: {
    readonly executable: string;
    readonly before: Installation;
    readonly made: readonly string[];
  },
): Promise<Installation> {
  const { binDir, confDir, confName } = options;
  const program = { path: `${binDir}/fabric`, bytes: Deno.readFileSync(executable) };
  const links = [`${binDir}/fabric-ctl`, `${binDir}/fabric-admin`];
  const portmap = await wantsPortmap(options);
  const conflist = {
    path: `${confDir}/${confName}`,
    bytes: new TextEncoder().encode(conflistText(options, { portmap })),
  };
  const pieces: readonly Piece[] = [
    { path: program.path, contents: [await contentOfBytes(program.bytes)] },
    ...links.map((path) => ({ path, contents: ["link:fabric"] })),
    { path: conflist.path, contents: [await contentOfBytes(conflist.bytes)] },
  ];
  const accepted = merge(pieces, before);
  if (!options.force) await refuseForeign(accepted, before);
  const folders = [...new Set([...before.folders, ...made])];
  const leftovers = before.pieces.filter(({ path }) =>
    pieces.every((piece) => piece.path !== path)
  );

  writeRecord(binDir, { pieces: [...accepted, ...leftovers], folders });
  faultPoint("install:after-record");
  putFile(program.path, {
    bytes: program.bytes,
    mode: 0o755,
    beforeRename: () => faultPoint("install:before-rename"),
  });
  faultPoint("install:after-program");
  for (const path of links) putLink(path, "fabric");
  faultPoint("install:after-links");
  putFile(conflist.path, { bytes: conflist.bytes, mode: 0o644 });
  faultPoint("install:after-conflist");
  // What an earlier install put elsewhere (another name of the configuration) and nobody changed.
  for (const piece of leftovers) {
    if (piece.contents.includes(await contentOf(piece.path) ?? "")) takeAway(piece.path);
  }
  const installation = { pieces, folders };
  writeRecord(binDir, installation);
  return installation;
}

const PORTMAP = { type: "portmap", capabilities: { portMappings: true } };

/** Pods have hostPorts where the way to Services is on, and the reference plugin lies beside us. */
async function wantsPortmap({ binDir, config }: InstallOptions): Promise<boolean> {
  if (await contentOf(`${binDir}/portmap`) === undefined) return false;
  // It is written by somebody else, and may come later.
  if (await contentOf(config) === undefined) return false;
  return (await loadConfig({ file: config, hostname: () => "" })).services !== undefined;
}

/** The network configuration for the runtime. */
export function conflistText(
  options: Pick<InstallOptions, "networkName" | "config">,
  chained: { readonly portmap?: boolean } = {},
): string {
  const conflist = {
    // containerd up to 1.6 reads this one only, and refuses 1.1.0; newer ones choose from the list.
    cniVersion: "1.0.0",
    cniVersions: ["0.4.0", "1.0.0", "1.1.0"],
    name: options.networkName,
    plugins: [{
      type: "fabric",
      config: options.config,
      capabilities: { ips: true, mac: true, bandwidth: true, dns: true },
    }, ...(chained.portmap === true ? [PORTMAP] : [])],
  };
  return `${JSON.stringify(conflist, null, 2)}\n`;
}

/** The pieces, each with what an earlier install may have put in the same place. */
function merge(pieces: readonly Piece[], before: Installation): readonly Piece[] {
  return pieces.map(({ path, contents }) => {
    const earlier = before.pieces.find((piece) => piece.path === path)?.contents ?? [];
    return { path, contents: [...new Set([...contents, ...earlier])] };
  });
}

async function refuseForeign(pieces: readonly Piece[], before: Installation): Promise<void> {
  for (const { path, contents } of pieces) {
    const found = await contentOf(path);
    if (found === undefined || contents.includes(found)) continue;
    const known = before.pieces.some((piece) => piece.path === path);
    const why = known ? "was changed since fabric install put it" : "was not put by fabric install";
    throw new FabricError("conflict", `${path} ${why}`, {
      field: path,
      remedy: "move it away, or use --force to replace it",
    });
  }
}

/** The configuration that a runtime takes before ours, when there is one. */
function firstBefore({ confDir, confName }: InstallOptions): string | undefined {
  const names = [...Deno.readDirSync(confDir)].map(({ name }) => name);
  return names.filter((name) => /\.(conf|conflist|json)$/.test(name) && name < confName).sort()[0];
}
