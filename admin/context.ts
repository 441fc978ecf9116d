/**
 * What a command works with: streams, the configuration, the store (opened when it is first
 * needed), and the values that it may not fetch itself.
 *
 * @module
 */

import { ulid } from "@std/ulid";
import { type Config, etcdOptions, loadConfig } from "../mod/config.ts";
import { type SettingFlag, SETTINGS } from "../mod/config_setting.ts";
import { describeError, type FabricError } from "../mod/error.ts";
import { openBulkReader, type RangeReader } from "../mod/etcd/bulk/bulk.ts";
import { openGatewayStore } from "../mod/etcd/gateway.ts";
import type { StoreOptions } from "../mod/etcd/options.ts";
import type { Store } from "../mod/etcd/store.ts";
import { type IpamContext, memoryLeaseCache } from "../mod/ipam/context.ts";
import type { RoleIo } from "../mod/role.ts";
import type { ChangeRecorder } from "./audit_changes.ts";
import { EXIT, type ExitStatus, withRemedy } from "./exit.ts";
import type { Flag, FlagValues } from "./flags.ts";
import type { Source } from "./kind.ts";

/** Thrown where whoever read standard output has gone; ends the command quietly. */
export class ClosedOutput extends Error {}

const ETCD_SETTINGS = SETTINGS.filter(({ field }) => field.startsWith("etcd."));

/** Flags of every command. */
export const GLOBAL_FLAGS: readonly Flag[] = [
  {
    name: "config",
    value: "FILE",
    text: "Configuration of this host; default: /etc/fabric/config.yaml",
  },
  ...ETCD_SETTINGS.map(({ flag, help }): Flag => ({
    name: flag,
    value: flag.endsWith("-file") ? "FILE" : "TEXT",
    text: help,
    ...(flag === "etcd-endpoints" ? { alias: "endpoints" } : {}),
  })),
  {
    name: "request-timeout",
    value: "SECONDS",
    text: "Give up on a request to etcd after so long; default: 4",
  },
  { name: "help", short: "h", text: "Show the help of the command" },
];

/** What a command gets beside its arguments. */
export class AdminContext implements AsyncDisposable {
  readonly io: RoleIo;
  readonly #flags: FlagValues;
  #config: Promise<Config> | undefined;
  #store: Promise<Store> | undefined;
  #bulk: Promise<RangeReader & AsyncDisposable> | undefined;
  #status: ExitStatus = EXIT.fine;
  #recorder: ChangeRecorder | undefined;
  #failure: FabricError | undefined;

  constructor(io: RoleIo, flags: FlagValues) {
    this.io = io;
    this.#flags = flags;
  }

  /** Milliseconds since the epoch. */
  now(): number {
    return Date.now();
  }

  /** Writes to standard output. */
  write(text: string): void {
    this.io.writeStdout(text);
    if (this.io.stdoutIsClosed?.() === true) throw new ClosedOutput();
  }

  /** One line on standard error, prefixed `warning:`. */
  warn(text: string): void {
    this.#tell("warning:", "33", text);
  }

  /** One line on standard error, prefixed `error:`; the command goes on and ends with `status`. */
  fail(error: FabricError, status: ExitStatus = EXIT.error): void {
    this.#failure ??= error;
    this.#tell("error:", "31", describeError(withRemedy(error)));
    if (this.#status === EXIT.fine) this.#status = status;
  }

  /** The first error that was told. */
  get failure(): FabricError | undefined {
    return this.#failure;
  }

  /** The command ends with the status, unless an error was told. */
  end(status: ExitStatus): void {
    if (this.#status === EXIT.fine) this.#status = status;
  }

  /** What the command ends with so far. */
  get status(): ExitStatus {
    return this.#status;
  }

  #tell(label: string, colour: string, text: string): void {
    const shown = this.io.colour?.stderr === true ? `\x1b[${colour};1m${label}\x1b[0m` : label;
    // A message is one line; values from elsewhere must not act on the terminal.
    // deno-lint-ignore no-control-regex -- exactly these
    this.io.writeStderr(`${shown} ${text.replace(/[\u0000-\u001f\u007f]+/g, " ")}\n`);
  }

  /** The file that the configuration is read from; undefined: the default. */
  get configFile(): string | undefined {
    return this.#flags.text("config") ?? this.io.env("FABRIC_CONFIG");
  }

  config(): Promise<Config> {
    return this.#config ??= loadConfig({
      env: (name) => this.io.env(name),
      hostname: () => Deno.hostname(),
      flags: settingFlags(this.#flags),
      ...fileOf(this.configFile),
    });
  }

  store(): Promise<Store> {
    return this.#store ??= this.#openStore();
  }

  async #openBulk(): Promise<RangeReader & AsyncDisposable> {
    return openBulkReader(await this.storeOptions(), await this.store());
  }

  async #openStore(): Promise<Store> {
    const store = await openGatewayStore(await this.storeOptions());
    return this.#recorder?.wrap(store) ?? store;
  }

  /** From now on the audit is told what is changed. Before the store is opened. */
  record(recorder: ChangeRecorder): void {
    this.#recorder = recorder;
  }

  /** How etcd is reached, by configuration and flags. */
  async storeOptions(): Promise<StoreOptions> {
    const { tokenFile, ...options } = etcdOptions(await this.config());
    const seconds = this.#flags.number("request-timeout", { min: 1, max: 3600 });
    return {
      ...options,
      ...(options.auth !== undefined && await canKeep(tokenFile) ? { tokenFile } : {}),
      ...(seconds === undefined ? {} : { timeoutMs: seconds * 1000 }),
    };
  }

  /** Where kinds are read from; what cannot be read is told of, and the command ends with 1. */
  async source(): Promise<Source> {
    return {
      store: await this.store(),
      bulk: () => this.#bulk ??= this.#openBulk(),
      now: () => this.now(),
      onDamage: (error) => this.fail(error),
    };
  }

  /** The context of operations of IPAM. */
  async ipam(): Promise<IpamContext> {
    return {
      store: await this.store(),
      now: () => this.now(),
      random: Math.random,
      newId: ulid,
      leases: memoryLeaseCache(),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const bulk = await this.#bulk?.catch(() => undefined);
    await bulk?.[Symbol.asyncDispose]();
    const store = await this.#store?.catch(() => undefined);
    await store?.[Symbol.asyncDispose]();
  }
}

/** An administrator need not be root: then the token of this one process is in memory. */
async function canKeep(tokenFile: string): Promise<boolean> {
  try {
    const folder = tokenFile.slice(0, tokenFile.lastIndexOf("/"));
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    await Deno.remove(await Deno.makeTempFile({ dir: folder }));
    return true;
  } catch {
    return false;
  }
}

function fileOf(file: string | undefined): { readonly file?: string } {
  return file === undefined ? {} : { file };
}

function settingFlags(flags: FlagValues): Partial<Record<SettingFlag, string>> {
  const given: Partial<Record<SettingFlag, string>> = {};
  for (const { flag } of ETCD_SETTINGS) {
    const value = flags.text(flag);
    if (value !== undefined) given[flag] = value;
  }
  return given;
}
