/**
 * Flags of `fabric-ctl`: `--name value` or `--name=value`.
 *
 * @module
 */

import { FabricError } from "../mod/error.ts";
import { didYouMean } from "../mod/nearest.ts";

/** One flag. */
export interface FlagSpec {
  /** Stands for the value in the help; absent: it takes none. */
  readonly value?: string;
  readonly text: string;
}

/** Flags and words, as they were given. */
export interface Given {
  readonly flags: ReadonlyMap<string, string>;
  readonly words: readonly string[];
}

/**
 * Parses the arguments.
 *
 * @throws {FabricError} `invalid`: a flag that is not known, lacks its value, or is given twice.
 */
export function parseFlags(
  args: readonly string[],
  specs: Readonly<Record<string, FlagSpec>>,
): Given {
  const flags = new Map<string, string>();
  const words: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? "";
    if (!arg.startsWith("-") || arg === "-") {
      words.push(arg);
      continue;
    }
    const [head = "", ...rest] = arg.split("=");
    const name = head === "-o" ? "output" : head.replace(/^--/, "");
    const spec = Object.hasOwn(specs, name) ? specs[name] : undefined;
    if (spec === undefined || !(head.startsWith("--") || head === "-o")) {
      const known = Object.keys(specs).map((one) => `--${one}`);
      throw usage(`Unknown flag "${head}"`, didYouMean(head, known, "see fabric-ctl help"));
    }
    if (flags.has(name)) throw usage(`Flag --${name} is given twice`, "give it once");
    if (spec.value === undefined) {
      if (rest.length > 0) throw usage(`Flag --${name} takes no value`, "leave the value out");
      flags.set(name, "");
      continue;
    }
    const value = rest.length > 0 ? rest.join("=") : args[++i];
    if (value === undefined || value === "") {
      throw usage(`Flag --${name} needs a value`, `write --${name} ${spec.value}`);
    }
    flags.set(name, value);
  }
  return { flags, words };
}

/** The error for a command that was typed wrong. */
export function usage(message: string, remedy: string): FabricError {
  return new FabricError("invalid", message, { remedy, details: { usage: true } });
}

/** The flags for the help. */
export function flagHelp(specs: Readonly<Record<string, FlagSpec>>): string {
  const rows = Object.entries(specs).map(([name, { value, text }]) =>
    [`--${name}${value === undefined ? "" : ` ${value}`}`, text] as const
  );
  const width = Math.max(...rows.map(([flag]) => flag.length));
  return rows.map(([flag, text]) => `  ${flag.padEnd(width)}  ${text}\n`).join("");
}
