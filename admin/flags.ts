/**
 * Flags the way kubectl takes them: before or behind the arguments, `--name value`,
 * `--name=value`, `-o json`, `-ojson`, `--` ends them. Unknown ones are errors with the nearest
 * known one. (`@std/cli/parse-args` reads `--no-headers` as the opposite of `headers` and `-ojson`
 * as five flags.)
 *
 * @module
 */

import { usageError } from "./exit.ts";
import { didYouMean } from "../mod/nearest.ts";

export interface Flag {
  /** Long name, without the dashes. */
  readonly name: string;
  /** One letter. */
  readonly short?: string;
  /** Another long name. */
  readonly alias?: string;
  /** What stands for the value in the help, e.g. `FILE`. Absent: the flag takes no value. */
  readonly value?: string;
  /** The value may be left out: `--dry-run` and `--dry-run=server`; it is never a token of its own. */
  readonly optional?: boolean;
  /** May be given several times. */
  readonly repeat?: boolean;
  /** The only values allowed; one that ends in `=` allows all that begin with it. */
  readonly choices?: readonly string[];
  /** Flags with the same one stand together in a line of the help, with the text of the first. */
  readonly group?: string;
  /** What it does, for the help. */
  readonly text: string;
}

/** The flags of one call. */
export class FlagValues {
  readonly #values: ReadonlyMap<string, readonly string[]>;

  constructor(values: ReadonlyMap<string, readonly string[]>) {
    this.#values = values;
  }

  isSet(name: string): boolean {
    return this.#values.has(name);
  }

  /** The value; undefined when the flag was not given. */
  text(name: string): string | undefined {
    return this.#values.get(name)?.[0];
  }

  /** All values of a flag that may be repeated. */
  texts(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  /** The value as a whole number. */
  number(name: string, bounds: { readonly min: number; readonly max: number }): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = Number(text);
    if (/^\d{1,15}$/.test(text) && value >= bounds.min && value <= bounds.max) return value;
    throw usageError(`Cannot parse --${name} "${text}": not a whole number in its bounds`, {
      field: `--${name}`,
      value: text,
      remedy: `give a number from ${bounds.min} to ${bounds.max}`,
    });
  }
}

/** No flag was given. */
export const NO_FLAGS: FlagValues = new FlagValues(new Map());

export interface Parsed {
  readonly args: readonly string[];
  readonly flags: FlagValues;
}

/** The short or long flag that the token names, and the value that hangs on it. */
function lookUp(
  token: string,
  flags: readonly Flag[],
): { readonly flag: Flag; readonly value: string | undefined } {
  const long = token.startsWith("--");
  const equals = token.indexOf("=");
  const attached = equals < 0 ? undefined : token.slice(equals + 1);
  const head = equals < 0 ? token : token.slice(0, equals);
  if (long) {
    const flag = flags.find((f) => [f.name, f.alias].includes(head.slice(2)));
    if (flag !== undefined) return { flag, value: attached };
  } else {
    const flag = flags.find((f) => f.short === token[1]);
    if (flag !== undefined) {
      const rest = token.slice(2);
      return { flag, value: rest === "" ? undefined : rest.replace(/^=/, "") };
    }
  }
  const remedy = didYouMean(
    long ? head : `--${head.replace(/^-+/, "")}`,
    flags.map((f) => `--${f.name}`),
    "see --help for the flags",
  );
  throw usageError(`Unknown flag "${head}"`, { field: head, remedy });
}

/** Where a flag with a value takes the next token: anything that is not itself one of the flags. */
function isFlagOf(token: string, flags: readonly Flag[]): boolean {
  const head = token.split("=")[0];
  return flags.some((f) =>
    `--${f.name}` === head || `--${f.alias}` === head || `-${f.short}` === head
  );
}

/**
 * Parses the tokens.
 *
 * @throws {FabricError} a usage error: unknown flag, value missing or not wanted, given twice.
 */
export function parseFlags(tokens: readonly string[], flags: readonly Flag[]): Parsed {
  const args: string[] = [];
  const values = new Map<string, string[]>();
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i] ?? "";
    if (token === "--") {
      args.push(...tokens.slice(i + 1));
      break;
    }
    if (!token.startsWith("-") || token === "-") {
      args.push(token);
      continue;
    }
    const found = lookUp(token, flags);
    const { flag } = found;
    let { value } = found;
    if (flag.value === undefined) {
      if (value !== undefined) {
        throw usageError(`Flag --${flag.name} takes no value, "${value}" was given`, {
          field: `--${flag.name}`,
          value,
          remedy: "leave the value out",
        });
      }
      value = "";
    } else if (flag.optional === true) {
      value ??= flag.choices?.[0] ?? "";
    } else if (value === undefined) {
      const next = tokens[i + 1];
      if (next === undefined || isFlagOf(next, flags)) throw missingValue(flag);
      value = next;
      i++;
    }
    checkValue(flag, value);
    const before = values.get(flag.name);
    if (before !== undefined && flag.repeat !== true && flag.value !== undefined) {
      throw usageError(`Flag --${flag.name} is given twice`, {
        field: `--${flag.name}`,
        remedy: "give it once",
      });
    }
    values.set(flag.name, [...before ?? [], value]);
  }
  return { args, flags: new FlagValues(values) };
}

function missingValue(flag: Flag): Error {
  return usageError(`Flag --${flag.name} needs a value`, {
    field: `--${flag.name}`,
    remedy: `write --${flag.name} ${flag.value}`,
  });
}

function allows(choice: string, value: string): boolean {
  return choice.endsWith("=") ? value.startsWith(choice) : value === choice;
}

function checkValue(flag: Flag, value: string): void {
  if (flag.value !== undefined && value === "") throw missingValue(flag);
  if (flag.choices === undefined || flag.choices.some((choice) => allows(choice, value))) return;
  const all = flag.choices.join(", ");
  throw usageError(`Unknown value "${value}" of --${flag.name}`, {
    field: `--${flag.name}`,
    value,
    remedy: didYouMean(value, flag.choices, `use one of ${all}`),
  });
}
