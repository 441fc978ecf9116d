/**
 * The console's files. In the sources there are none: `scripts/compile` bundles `app/` and maps
 * `fabric/console` to what it made.
 *
 * @module
 */

/** One file, as it is sent. */
export interface Asset {
  /** Content type. */
  readonly type: string;
  /** The content, compressed by gzip, as base64. */
  readonly gzip: string;
}

/** Files by path, `/assets/app-1f2e3d4c.js`; the page itself is `/`. */
export const ASSETS: Readonly<Record<string, Asset>> = {};
