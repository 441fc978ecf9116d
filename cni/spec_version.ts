/**
 * Versions of the CNI specification.
 *
 * @module
 */

import { FabricError } from "../mod/error.ts";

/** The versions that we speak, oldest first. */
export const SPEC_VERSIONS = ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const;

export type SpecVersion = typeof SPEC_VERSIONS[number];

/** The newest version that we speak. */
export const NEWEST: SpecVersion = "1.1.0";

/** The version, when we speak it. */
export function asSpecVersion(text: string): SpecVersion | undefined {
  return SPEC_VERSIONS.find((version) => version === text);
}

/** True when `version` is `minimum` or newer. */
export function atLeast(version: SpecVersion, minimum: SpecVersion): boolean {
  return SPEC_VERSIONS.indexOf(version) >= SPEC_VERSIONS.indexOf(minimum);
}

/**
 * The `cniVersion` of a conf as a version that we speak. A conf without one is of version 0.1.0
 * (SPEC.md of 0.2.0), which nobody has spoken for years.
 *
 * @throws {FabricError} `incompatible`
 */
export function requireSpecVersion(text: string | undefined): SpecVersion {
  const version = asSpecVersion(text ?? "");
  if (version !== undefined) return version;
  const which = text === undefined || text === ""
    ? "the configuration has no cniVersion"
    : `version ${text} of the configuration is not supported`;
  throw new FabricError("incompatible", `Incompatible CNI version: ${which}`, {
    field: "cniVersion",
    ...(text === undefined ? {} : { value: text }),
    remedy: `set cniVersion to one of ${SPEC_VERSIONS.join(", ")}`,
  });
}
