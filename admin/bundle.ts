/**
 * `bundle`: an archive for whoever helps, with the secrets removed.
 *
 * @module
 */

import { openScene } from "../mod/diagnose/scene.ts";
import { DEFAULT_CONFIG_FILE } from "../mod/config.ts";
import { asFabricError, FabricError } from "../mod/error.ts";
import { createRedactor } from "../mod/redact.ts";
import { versionInfo } from "../mod/version.ts";
import { archiveOf, type ArchiveOptions, collect } from "./bundle/archive.ts";
import { nodeName, nodeParts } from "./bundle/node_parts.ts";
import type { Part, Sources } from "./bundle/part.ts";
import { readSecrets } from "./bundle/secrets.ts";
import { storeParts } from "./bundle/store_parts.ts";
import { switchParts } from "./bundle/switch_parts.ts";
import type { Call, Command } from "./command.ts";
import type { AdminContext } from "./context.ts";
import { nodeRun } from "./node_run.ts";
import { startProgress } from "./progress.ts";

const DEFAULT_MIB = 64;

async function run(context: AdminContext, { args, flags }: Call): Promise<void> {
  const configFile = flags.text("config") ?? context.io.env("FABRIC_CONFIG") ?? DEFAULT_CONFIG_FILE;
  const now = context.now();
  const maxMib = flags.number("max-size", { min: 1, max: 1024 }) ?? DEFAULT_MIB;
  let fault: FabricError | undefined;
  const config = await context.config().catch((error) => {
    // A configuration that cannot be used is the very case for an archive.
    fault = asFabricError(error);
    return undefined;
  });
  const nodes = nodeRun();
  await using scene = config === undefined
    ? undefined
    : openScene({ config, run: nodes, openStore: () => context.store() });
  const sources: Sources = { context, config, configFile, run: nodes, scene };
  const stamp = new Date(now).toISOString().replace(/[-:]|\.\d+/g, "");
  const folder = `fabric-bundle-${nodeName(sources)}-${stamp}`;
  const path = args[0] ?? `${folder}.tar.gz`;
  using progress = startProgress(context.io);
  const options: ArchiveOptions = {
    folder,
    now,
    maxBytes: maxMib * 1024 * 1024,
    redact: createRedactor(config === undefined ? [] : readSecrets(config)),
    head: headOf(config, { now, fault }),
    onPart: (name) => progress.show(`collecting ${name}`),
  };
  await using file = await createFile(path);
  // What is read from the store last, tells of it as it was when the rest was read.
  const parts: readonly Part[] = [
    ...nodeParts(sources),
    ...switchParts(sources),
    ...storeParts(sources),
  ];
  const collected = await collect(parts, options);
  const archive = await archiveOf(collected, options);
  await file.write(archive);
  progress.clear();
  if (fault !== undefined) context.warn(`the configuration cannot be used: ${fault.message}`);
  const { faults } = collected;
  if (faults > 0) context.warn(`${faults} parts are missing or cut; README.txt says which and why`);
  context.write(
    `${path}: ${parts.length - faults} parts, ${
      Math.ceil(archive.length / 1024)
    } KiB; look into it before ` +
      "you send it: names and addresses are in it\n",
  );
}

function headOf(
  config: Sources["config"],
  { now, fault }: { readonly now: number; readonly fault: FabricError | undefined },
): readonly string[] {
  const { version, commit } = versionInfo();
  return [
    `Support archive of fabric ${version} (${commit}), ${new Date(now).toISOString()}`,
    config === undefined
      ? `The configuration cannot be used: ${fault?.message ?? "unknown why"}`
      : `Node ${config.cluster}/${config.node}, zone ${config.zone}`,
    "",
    "Secrets are removed: the contents of etcd's password and key files and its token, in",
    "whatever way they are written, and whatever looks like a secret. Names of pods, nodes and",
    "networks, addresses and MACs are in it.",
  ];
}

interface BundleFile extends AsyncDisposable {
  /** Writes it whole. */
  write(archive: Uint8Array): Promise<void>;
}

/** A new file that only its owner can read; it goes unless it was written whole. */
async function createFile(path: string): Promise<BundleFile> {
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path, { write: true, createNew: true, mode: 0o600 });
  } catch (cause) {
    const there = cause instanceof Deno.errors.AlreadyExists;
    throw new FabricError(
      "invalid",
      `Cannot write ${path}: ${there ? "it exists" : String(cause)}`,
      {
        field: "FILE",
        value: path,
        remedy: "name another file",
        cause,
      },
    );
  }
  let whole = false;
  let open = true;
  return {
    async write(archive) {
      for (let at = 0; at < archive.length;) at += await file.write(archive.subarray(at));
      await file.sync();
      file.close();
      open = false;
      whole = true;
    },
    async [Symbol.asyncDispose]() {
      if (open) file.close();
      if (!whole) await Deno.remove(path).catch(() => {});
    },
  };
}

/** `bundle`. */
export const BUNDLE: Command = {
  name: "bundle",
  summary: "Write a support archive of this node, with the secrets removed",
  args: "[FILE]",
  count: { min: 0, max: 1 },
  group: "health",
  flags: [{
    name: "max-size",
    value: "MIB",
    text: `Size of all files before compression; default: ${DEFAULT_MIB}`,
  }],
  notes: [
    "Configuration, logs, the switch's database and flows, devices and routes of host and pods, a",
    "summary of the store, findings of check, and a diagnosis of the node, as tar.gz. It sends",
    "what diagnose sends, and changes nothing. Names and addresses stay in it.",
  ],
  examples: [
    ["bundle", "to a file of the folder that is named after node and time"],
    ["bundle /tmp/case-4711.tar.gz --max-size 16", "to this file, smaller"],
  ],
  run,
};
