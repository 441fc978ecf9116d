/**
 * VERSION: which versions of the specification we speak.
 *
 * @module
 */

import { NEWEST, SPEC_VERSIONS } from "./spec_version.ts";

/** The answer, in the version that the runtime named. */
export function formatVersions(cniVersion: string | undefined): string {
  return JSON.stringify({
    cniVersion: cniVersion ?? NEWEST,
    supportedVersions: SPEC_VERSIONS,
  });
}
