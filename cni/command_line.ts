/**
 * Flags of the commands of `fabric`: each is known or an error, and a text is given once.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { FabricError } from "../mod/error.ts";

/** The flags that were given. */
export interface GivenFlags {
  /** `--help` or `-h`. */
  readonly help: boolean;
  /** A switch was given. */
  has(name: string): boolean;
  /** The value of a text; undefined when it was not given. */
  text(name: string): string | undefined;
}

/**
 * Reads the flags.
 *
 * @throws {FabricError} `invalid` for a flag that there is not; `text()` for one given twice, or
 * without a value.
 */
export function parseFlags(
  args: readonly string[],
  known: { readonly texts: readonly string[]; readonly switches?: readonly string[] },
): GivenFlags {
  const parsed = parseArgs([...args], {
    string: [...known.texts],
    boolean: ["help", ...known.switches ?? []],
    alias: { h: "help" },
    unknown: (argument) => {
      throw usage(argument, undefined, "run it with --help to see its options");
    },
  });
  return {
    help: parsed["help"] === true,
    has: (name) => parsed[name] === true,
    text: (name) => {
      const value = parsed[name];
      if (value === undefined) return undefined;
      if (typeof value === "string" && value !== "") return value;
      throw usage(`--${name}`, String(value), "give it once, with a value");
    },
  };
}

/** The path, without a slash at its end. */
export function absolute(flag: string, path: string): string {
  if (!path.startsWith("/") || path.split("/").includes("..")) {
    throw usage(flag, path, "give an absolute path without ..");
  }
  return path.length > 1 ? path.replace(/\/+$/, "") : path;
}

/** An argument that cannot be used; without a value: one that is not known. */
export function usage(field: string, value: string | undefined, remedy: string): FabricError {
  return value === undefined
    ? new FabricError("invalid", `unknown argument ${field}`, { field, remedy })
    : new FabricError("invalid", `${field} "${value}" cannot be used`, { field, value, remedy });
}
