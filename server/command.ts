/**
 * A command of `fabric-ctl`, and the configuration that all of them share.
 *
 * @module
 */

import { type Config, loadConfig } from "../mod/config.ts";
import { type SettingFlag, SETTINGS } from "../mod/config_setting.ts";
import type { RoleIo } from "../mod/role.ts";
import type { FlagSpec } from "./flags.ts";

/** What the user gave. */
export interface CommandCall {
  readonly flags: ReadonlyMap<string, string>;
  /** Arguments that are no flags. */
  readonly words: readonly string[];
  readonly io: RoleIo;
}

export interface Command {
  /** One word, or two: `token create`. */
  readonly name: string;
  /** Arguments as the help shows them. */
  readonly args: string;
  readonly summary: string;
  readonly flags: Readonly<Record<string, FlagSpec>>;
  readonly notes?: string;
  /** The exit status. */
  readonly run: (call: CommandCall) => Promise<number>;
}

const SHARED = SETTINGS.filter(({ field }) =>
  field.startsWith("etcd.") || field.startsWith("log.")
);

/** Flags of every command that speaks to etcd. */
export const CONFIG_FLAGS: Readonly<Record<string, FlagSpec>> = {
  config: { value: "FILE", text: "Configuration of this host; default: /etc/fabric/config.yaml" },
  ...Object.fromEntries(
    SHARED.map(({ flag, help }) => [
      flag,
      { value: flag.endsWith("-file") ? "FILE" : "TEXT", text: help },
    ]),
  ),
};

/** The configuration of the host, with what the flags override. */
export async function readConfig({ flags, io }: CommandCall): Promise<Config> {
  const given: Partial<Record<SettingFlag, string>> = {};
  for (const { flag } of SHARED) {
    const value = flags.get(flag);
    if (value !== undefined) given[flag] = value;
  }
  const file = flags.get("config") ?? io.env("FABRIC_CONFIG");
  return await loadConfig({
    env: (name) => io.env(name),
    // The server is no node.
    hostname: () => "localhost",
    flags: given,
    ...(file === undefined ? {} : { file }),
  });
}
