/**
 * `fabric keep-kubeconfig`: a kubelet renews the token of a service account in a volume that only
 * its Pod sees; the plugin runs outside of Pods, and reads the token from a file on the node. The one
 * process of ours that lives on on a node also holds the door to the API server open.
 *
 * @module
 */

import { readTextIfThere, replaceFile } from "../mod/atomic_file.ts";
import { asFabricError, describeError, FabricError } from "../mod/error.ts";
import { doorPath } from "../mod/kube/knock.ts";
import type { RoleIo } from "../mod/role.ts";
import { pause } from "../mod/timer.ts";
import {
  KEEP_KUBECONFIG_HELP,
  type KeepKubeconfigOptions,
  parseKeepKubeconfig,
} from "./configure_options.ts";
import { checkAuthority, isRefused, keptKubeconfig } from "./kept_kubeconfig.ts";
import { type OpenDoor, openDoor } from "./kube_door.ts";
import { runCommand } from "./run_command.ts";

/** Runs `fabric keep-kubeconfig`; exit status 0, 1 when it failed, 2 for a wrong command line. */
export function runKeepKubeconfig(args: readonly string[], io: RoleIo): Promise<number> {
  const name = "keep-kubeconfig";
  return runCommand({ name, help: KEEP_KUBECONFIG_HELP, parse: parseKeepKubeconfig, args, io }, {
    run: async (options) => {
      const end = new AbortController();
      const stop = (): void => end.abort();
      Deno.addSignalListener("SIGTERM", stop);
      try {
        await keepKubeconfig(options, { io, signal: end.signal });
      } finally {
        Deno.removeSignalListener("SIGTERM", stop);
      }
    },
  });
}

/**
 * Writes the kubeconfig, and again when token or authority are others than before, or it is gone;
 * holds the door open. What another such process wrote meanwhile, and the door that it opened, stay as
 * long as they are good: in an upgrade the Pod that comes and the Pod that goes both run for a moment, and
 * the token of the one that goes ends with it, whichever of them that is. What fails
 * once the kubeconfig stands is told and tried again: the old token is good for a while, and the plugin
 * does without a door.
 *
 * @throws {FabricError} `invalid`: it cannot be written the first time.
 */
export async function keepKubeconfig(
  options: KeepKubeconfigOptions,
  { io, signal }: { readonly io: RoleIo; readonly signal: AbortSignal },
): Promise<void> {
  let mine = write(options, { io, last: undefined });
  if (options.once) return;
  let door: OpenDoor | undefined;
  const complain = (what: string): void => io.writeStderr(`fabric keep-kubeconfig: ${what}\n`);
  const attempt = async (what: () => void | Promise<void>): Promise<void> => {
    try {
      await what();
    } catch (error) {
      complain(describeError(asFabricError(error)));
    }
  };
  const openOnce = (): void => {
    const { runDir, server } = options;
    if (runDir === undefined || door !== undefined) return;
    const tell = (trouble: string | undefined): void =>
      trouble === undefined
        ? io.writeStdout("the API server answers again\n")
        : complain(`the API server cannot be reached: ${trouble}`);
    door = openDoor(runDir, { server, ca: mine.ca, tell });
    io.writeStdout(`listening on ${doorPath({ runDir })}\n`);
  };
  const reopen = async (): Promise<void> => {
    if (door !== undefined && !await door.isAnswered()) {
      await door[Symbol.asyncDispose]();
      door = undefined;
    }
    openOnce();
  };
  try {
    await attempt(openOnce);
    while (true) {
      await pause(options.seconds * 1000, signal);
      if (signal.aborted) return;
      await attempt(async () => {
        const { ca } = mine;
        mine = write(options, { io, last: mine.text });
        if (mine.ca !== ca) door?.trust(mine.ca);
        const { found } = mine;
        if (found !== undefined && await isRefused(found, { options, ca: mine.ca })) {
          mine = write(options, { io, last: undefined });
        }
      });
      await attempt(reopen);
    }
  } finally {
    await door?.[Symbol.asyncDispose]();
  }
}

interface Written {
  /** What it should be. */
  readonly text: string;
  /** What another one wrote, and we left alone. */
  readonly found?: string;
  /** The authority that is in it. */
  readonly ca: string;
}

/** Writes what it should be, unless that is what we wrote last. */
function write(
  options: KeepKubeconfigOptions,
  { io, last }: { readonly io: RoleIo; readonly last: string | undefined },
): Written {
  const { kubeconfig, server } = options;
  const token = read(options.tokenFile, "--token-file").trim();
  const ca = read(options.caFile, "--ca-file");
  const text = keptKubeconfig({ server, token, ca });
  const found = readTextIfThere(kubeconfig);
  if (found === text) return { text, ca };
  if (found !== undefined && text === last) return { text, ca, found };
  checkAuthority(ca, options.caFile);
  try {
    // Of two Pods each is process 1 of its own.
    const unique = `keep-${crypto.randomUUID().slice(0, 8)}`;
    replaceFile(kubeconfig, text, { unique, durable: true });
  } catch (cause) {
    throw new FabricError("invalid", `cannot write ${kubeconfig}`, {
      field: "--kubeconfig",
      value: kubeconfig,
      remedy: "give a file in a folder that this user may write to",
      cause,
    });
  }
  io.writeStdout(`wrote ${kubeconfig}\n`);
  return { text, ca };
}

function read(path: string, flag: string): string {
  const text = readTextIfThere(path);
  if (text !== undefined && text.trim() !== "") return text;
  throw new FabricError("invalid", `${path} is ${text === undefined ? "missing" : "empty"}`, {
    field: flag,
    value: path,
    remedy: "mount the token of a service account there",
  });
}
