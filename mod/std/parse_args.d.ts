// The part of @std/cli/parse-args that we use; deno-std ships it as plain JavaScript.
export interface ParseArgsOptions {
  readonly boolean?: readonly string[];
  readonly string?: readonly string[];
  readonly collect?: readonly string[];
  readonly negatable?: readonly string[];
  readonly alias?: Readonly<Record<string, string | readonly string[]>>;
  readonly default?: Readonly<Record<string, unknown>>;
  readonly stopEarly?: boolean;
  readonly "--"?: boolean;
  /** Called for each argument that no option names; return false to leave it out. */
  readonly unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}
export interface Args {
  readonly _: readonly (string | number)[];
  readonly "--"?: readonly string[];
  readonly [name: string]: unknown;
}
export function parseArgs(args: readonly string[], options?: ParseArgsOptions): Args;
