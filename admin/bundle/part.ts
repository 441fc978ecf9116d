/**
 * A part of a support archive: one file, and where its text comes from.
 *
 * @module
 */

import type { AdminContext } from "../context.ts";
import type { Config } from "../../mod/config.ts";
import type { Run } from "../../mod/host/run.ts";
import type { Scene } from "../../mod/diagnose/scene.ts";

/** What parts are made of. */
export interface Sources {
  readonly context: AdminContext;
  /** Undefined where the configuration cannot be used; then its part says why. */
  readonly config: Config | undefined;
  /** The file of the configuration. */
  readonly configFile: string;
  readonly run: Run;
  /** Undefined without a configuration. */
  readonly scene: Scene | undefined;
}

/** One file of the archive. */
export interface Part {
  /** Path in the archive, of at most 90 of `A-Za-z0-9._/-`. */
  readonly name: string;
  /** What it is good for, for the list in README. */
  readonly about: string;
  /** Which end is kept of a text that is too long: of a log, the last. */
  readonly keep?: "first" | "last";
  /** Default 15 s. */
  readonly limitMs?: number;
  readonly text: () => Promise<string>;
}

/** A name that a file may have. */
export function safeName(text: string): string {
  return text.replace(/[^A-Za-z0-9._-]+/g, "_").slice(0, 60);
}
