/**
 * Machine id and boot id of this node, as cheaply as an ADD needs them.
 *
 * The boot id lies below /proc, which a shell has to read for us: so it is kept in the folder that
 * the next boot empties (`/run`, by the Filesystem Hierarchy Standard).
 *
 * @module
 */

import { readTextIfThere, replaceFile } from "../atomic_file.ts";
import type { Config } from "../config.ts";
import { FabricError } from "../error.ts";
import { type Identity, readIdentity } from "../host/identity.ts";
import type { Run } from "../host/run.ts";

/** What it takes to read them. */
export interface IdentitySource {
  readonly config: Pick<Config, "machineIdFile" | "bootIdFile" | "runDir">;
  readonly run: Run;
  /** Unique among the calls of the node. */
  readonly id: string;
  /** Told when the boot id could not be kept. */
  readonly onError: (error: unknown) => void;
}

/**
 * Reads both.
 *
 * @throws {FabricError} `host` or `invalid` when one cannot be read or is none.
 */
export async function readNodeIdentity(
  { config, run, id, onError }: IdentitySource,
): Promise<Identity> {
  const machineId = readIdFile(config.machineIdFile, "machineIdFile");
  if (config.bootIdFile !== undefined) {
    return { machineId, bootId: readIdFile(config.bootIdFile, "bootIdFile") };
  }
  const file = `${config.runDir}/boot-id`;
  const kept = /^(\/var)?\/run\//.test(file) ? readTextIfThere(file)?.trim() : undefined;
  if (kept !== undefined && /^[0-9a-f-]{32,36}$/.test(kept)) return { machineId, bootId: kept };
  const { bootId } = await readIdentity(run, { machineId });
  try {
    if (/^(\/var)?\/run\//.test(file)) replaceFile(file, `${bootId}\n`, { unique: id });
  } catch (error) {
    onError(error);
  }
  return { machineId, bootId };
}

function readIdFile(path: string, field: string): string {
  let text: string;
  try {
    text = Deno.readTextFileSync(path).trim();
  } catch (cause) {
    throw new FabricError("host", `Cannot read ${path}`, { field, value: path, cause });
  }
  if (/^[0-9a-f]{32}$|^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)) return text;
  throw new FabricError("host", `${path} holds no id of 32 hexadecimal digits`, {
    field,
    value: path,
    remedy: "run systemd-machine-id-setup, or name another file",
  });
}
