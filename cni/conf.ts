/**
 * The configuration that a runtime writes to the plugin's standard input: one plugin's entry of a
 * conflist, with what the runtime adds (CNI specification, section 3, Deriving execution
 * configuration). Keys that we do not know are none of our business.
 *
 * @module
 */

import * as v from "valibot";
import { FabricError } from "../mod/error.ts";
import { CniDnsSchema } from "./result.ts";
import { requireSpecVersion, type SpecVersion } from "./spec_version.ts";

const Names = v.union(
  [v.string(), v.array(v.string())],
  "it is neither a name nor a list of names",
);

const ConfSchema = v.looseObject({
  cniVersion: v.nullish(v.string("it is not text")),
  name: v.nullish(v.string("it is not text")),
  type: v.nullish(v.string("it is not text")),
  /** Our configuration's file. */
  config: v.nullish(
    v.pipe(v.string("it is not text"), v.startsWith("/", "it is no absolute path")),
  ),
  /** Our networks, the first that reaches the zone counts. */
  network: v.nullish(Names),
  /** Whether the default route is ours though another interface was first, or never. */
  defaultRoute: v.nullish(v.boolean("it is neither true nor false")),
  dns: v.nullish(CniDnsSchema),
  args: v.nullish(v.unknown()),
  runtimeConfig: v.nullish(v.looseObject({}, "it is no object")),
  prevResult: v.nullish(v.unknown()),
});

/** What every verb needs of it. */
export interface Conf {
  readonly cniVersion: SpecVersion;
  readonly name: string;
  /** Path of our configuration; undefined: the default one. */
  readonly config: string | undefined;
  /** The whole object, as it came. */
  readonly raw: v.InferOutput<typeof ConfSchema>;
}

/**
 * Parses standard input.
 *
 * @throws {FabricError} `invalid` (with `details.reason` `decode` where it is no JSON object), or
 * `incompatible`.
 */
export function parseConf(text: string): Conf {
  const value = decode(text);
  const parsed = v.safeParse(ConfSchema, value, { abortEarly: true });
  if (!parsed.success) {
    const [issue] = parsed.issues;
    const field = v.getDotPath(issue) ?? "";
    throw confFault(field, { why: issue.message, value: issue.input });
  }
  const raw = parsed.output;
  const cniVersion = requireSpecVersion(raw.cniVersion ?? undefined);
  const name = raw.name ?? "";
  if (name === "") throw confFault("name", { why: "it is missing" });
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name)) {
    const why = "it must begin with a letter or digit, and hold only these and _ . -";
    throw confFault("name", { why, value: name });
  }
  return { cniVersion, name, config: raw.config ?? undefined, raw };
}

/** A field of the conf that cannot be used. */
export function confFault(
  field: string,
  fault: { readonly why: string; readonly value?: unknown; readonly remedy?: string },
): FabricError {
  const shown = typeof fault.value === "string" || typeof fault.value === "number"
    ? String(fault.value)
    : undefined;
  const subject = shown === undefined ? field : `${field} "${shown}"`;
  return new FabricError(
    "invalid",
    `Cannot use ${subject} of the network configuration: ${fault.why}`,
    {
      field,
      ...(shown === undefined ? {} : { value: shown }),
      remedy: fault.remedy ?? `correct ${field} in the conflist`,
    },
  );
}

function decode(text: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const why = text.trim() === "" ? "standard input is empty" : "it is no JSON";
    throw undecodable(why, cause);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw undecodable("it is no JSON object");
  }
  return value;
}

function undecodable(why: string, cause?: unknown): FabricError {
  return new FabricError("invalid", `Cannot read the network configuration: ${why}`, {
    field: "stdin",
    remedy: "the runtime must write the plugin's entry of the conflist to standard input",
    details: { reason: "decode" },
    ...(cause === undefined ? {} : { cause }),
  });
}

/** Names as a list, however they are written. */
export function asNames(value: string | readonly string[] | null | undefined): readonly string[] {
  if (value === null || value === undefined) return [];
  return typeof value === "string" ? [value] : value;
}
