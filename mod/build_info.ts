/**
 * Where this code comes from, when it runs from source. `scripts/compile` puts a generated file
 * with the same shape in its place.
 *
 * @module
 */

import config from "../deno.json" with { type: "json" };

/** What is known of a build. */
export interface BuildInfo {
  readonly version: string;
  /** Commit hash, with `-dirty` when files differed from it. */
  readonly commit: string;
  /** The commit's date, RFC 3339 in UTC. */
  readonly date: string;
  /** Whose Deno runtime the executable carries. */
  readonly denort: string;
}

/** This build. */
export const BUILD: BuildInfo = {
  version: config.version,
  commit: "unknown",
  date: "unknown",
  denort: "none: run from source",
};
