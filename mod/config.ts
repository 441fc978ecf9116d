/**
 * The configuration of a host: one file, `/etc/fabric/config.yaml`, which variables of the
 * environment and flags override field by field (flag, then variable, then file, then default).
 * What it does not know is an error that names the nearest field, and so is what it cannot use.
 *
 * @module
 */

import * as v from "valibot";
import {
  type SettingFlag,
  type SettingKind,
  SETTINGS,
  type SettingVariable,
} from "./config_setting.ts";
import { configFault } from "./config_fault.ts";
import { type Config, ConfigSchema, type ParsedConfig } from "./config_schema.ts";
import { FabricError } from "./error.ts";
import { parsePlainYaml } from "./plain_yaml.ts";

export { type EtcdOptions, etcdOptions } from "./config_etcd.ts";
export type {
  BridgeConfig,
  Config,
  EtcdConfig,
  LogConfig,
  ServicesConfig,
} from "./config_schema.ts";

/** Where the configuration is looked for. */
export const DEFAULT_CONFIG_FILE = "/etc/fabric/config.yaml";

/** Where the settings come from. */
export interface ConfigSources {
  /** Default: {@linkcode DEFAULT_CONFIG_FILE}, which need not exist. */
  readonly file?: string;
  readonly env?: (name: SettingVariable) => string | undefined;
  readonly flags?: Partial<Readonly<Record<SettingFlag, string>>>;
  /** The host's name; asked only when no node name is set. */
  readonly hostname: () => string;
}

/**
 * Reads the configuration.
 *
 * @throws {FabricError} `invalid`: the file cannot be read, or a setting cannot be used; the
 * message names where it is set, the field and, unless it is a field that we do not know, the value.
 */
export async function loadConfig(sources: ConfigSources): Promise<Config> {
  const file = sources.file ?? DEFAULT_CONFIG_FILE;
  const text = readFile(file, { mayMiss: sources.file === undefined });
  const read = text === undefined ? {} : await parseYaml(file, text);
  const { raw, origin } = override(read, { ...sources, file });
  const result = v.safeParse(ConfigSchema, raw, { abortEarly: true });
  if (!result.success) throw configFault(result.issues[0], origin);
  const config = result.output;
  checkPairs(config, origin);
  return { ...config, node: config.node ?? sources.hostname() };
}

function readFile(file: string, options: { readonly mayMiss: boolean }): string | undefined {
  try {
    return Deno.readTextFileSync(file);
  } catch (cause) {
    const missing = cause instanceof Deno.errors.NotFound;
    if (missing && options.mayMiss) return undefined;
    throw new FabricError(
      "invalid",
      `Cannot read the configuration ${file}: ${
        missing ? "there is no such file" : message(cause)
      }`,
      { field: "config", value: file, remedy: "write it, or name another file", cause },
    );
  }
}

/** The file as data; the whole YAML parser is loaded only where the plain one is not enough. */
async function parseYaml(file: string, text: string): Promise<unknown> {
  const plain = parsePlainYaml(text);
  if (plain !== undefined) return plain.value ?? {};
  const { parseDocument } = await import("yaml");
  const document = parseDocument(text, { prettyErrors: true });
  const [error] = document.errors;
  if (error !== undefined) {
    const [line] = error.linePos ?? [];
    const where = line === undefined ? "" : `, line ${line.line}`;
    throw new FabricError(
      "invalid",
      `Cannot read the configuration ${file}${where}: ${
        // What follows the first line is an excerpt of the file.
        (error.message.split("\n")[0] ?? "").replace(/ at line \d+, column \d+:?$/, "")}`,
      { field: "config", value: file, remedy: "correct the YAML" },
    );
  }
  return document.toJS() ?? {};
}

interface Overridden {
  readonly raw: unknown;
  /** Where the value of a field was set: a file, a variable, a flag. */
  readonly origin: (field: string) => string;
}

function override(read: unknown, sources: ConfigSources & { readonly file: string }): Overridden {
  const raw: unknown = isRecord(read) ? structuredClone(read) : read;
  const origins = new Map<string, string>();
  for (const { field, flag, variable, kind } of SETTINGS) {
    const given = sources.flags?.[flag];
    const inherited = sources.env?.(variable);
    const text = given ?? (inherited === "" ? undefined : inherited);
    if (text === undefined || !isRecord(raw)) continue;
    const origin = given === undefined ? variable : `--${flag}`;
    origins.set(field, origin);
    assign(raw, field.split("."), parseSetting(text, { kind, field, origin }));
  }
  const origin = (field: string): string => {
    for (const [set, where] of origins) {
      if (field === set || field.startsWith(`${set}.`) || field.startsWith(`${set}[`)) return where;
    }
    return sources.file;
  };
  return { raw, origin };
}

function assign(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [name, ...rest] = path;
  if (name === undefined) return;
  if (rest.length === 0) {
    target[name] = value;
    return;
  }
  const inner = target[name];
  const next: Record<string, unknown> = isRecord(inner) ? inner : {};
  if (inner === undefined || inner === null || isRecord(inner)) target[name] = next;
  assign(next, rest, value);
}

function parseSetting(
  text: string,
  { kind, field, origin }: {
    readonly kind: SettingKind;
    readonly field: string;
    readonly origin: string;
  },
): unknown {
  const words = text.split(",").map((word) => word.trim()).filter((word) => word !== "");
  switch (kind) {
    case "text":
      return text;
    case "number":
      return /^\d{1,15}$/.test(text) ? Number(text) : text;
    case "list":
      return words;
    case "bridges":
      return Object.fromEntries(words.map((word) => {
        const [name, bridge, ...more] = word.split("=");
        if (name === undefined || bridge === undefined || more.length > 0) {
          throw new FabricError("invalid", `Cannot use ${origin}: "${word}" names no bridge`, {
            field,
            value: word,
            remedy: "write it like prod=br-prod,dmz=br-dmz",
          });
        }
        return [name, { bridge }];
      }));
  }
}

/** Settings that mean nothing without each other. */
function checkPairs({ etcd }: ParsedConfig, origin: (field: string) => string): void {
  const pairs = [["certFile", "keyFile"], ["user", "passwordFile"]] as const;
  for (const [a, b] of pairs) {
    if ((etcd[a] === undefined) === (etcd[b] === undefined)) continue;
    const [set, missing] = etcd[a] === undefined ? [b, a] : [a, b];
    const field = `etcd.${set}`;
    throw new FabricError(
      "invalid",
      `Cannot use ${field} of ${origin(field)}: etcd.${missing} is missing`,
      { field: `etcd.${missing}`, remedy: `set etcd.${missing} too, or leave out both` },
    );
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function message(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
