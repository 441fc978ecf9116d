/**
 * The node's configuration, as one call needs it: from the cache where that is good, so that most
 * calls neither load nor run what reads and checks the file.
 *
 * @module
 */

import { BUILD } from "fabric/build";
import type { Config } from "../mod/config.ts";
import { type CachedConfig, CONFIG_CACHE_FOLDER, openConfigCache } from "../mod/config_cache.ts";
import { SETTINGS } from "../mod/config_setting.ts";
import type { RoleIo } from "../mod/role.ts";

export interface NodeConfigOptions {
  /** The file that the conf names. FABRIC_CONFIG goes before it. */
  readonly named: string | undefined;
  readonly io: Pick<RoleIo, "env">;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Where the configuration is, unless somebody says otherwise. */
const DEFAULT_FILE = "/etc/fabric/config.yaml";

/**
 * Reads the configuration, or what an earlier call read.
 *
 * @throws {FabricError} `invalid`, as `loadConfig()`.
 */
export async function loadNodeConfig({ named, io, now }: NodeConfigOptions): Promise<Config> {
  const given = io.env("FABRIC_CONFIG") ?? named ?? "";
  const overridden = SETTINGS.some(({ variable }) => (io.env(variable) ?? "") !== "");
  const hostname = Deno.hostname();
  const cache: CachedConfig | undefined = overridden ? undefined : openConfigCache({
    file: given === "" ? DEFAULT_FILE : given,
    version: BUILD.version,
    hostname,
    now,
  });
  const cached = cache?.config;
  if (cached !== undefined) return cached;
  const { loadConfig } = await import("../mod/config.ts");
  const config = await loadConfig({
    ...(given === "" ? {} : { file: given }),
    env: io.env,
    hostname: () => hostname,
  });
  if (config.runDir === CONFIG_CACHE_FOLDER) cache?.keep(config);
  return config;
}
