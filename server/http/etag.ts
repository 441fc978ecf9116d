/**
 * ETags: the era of the store and the revision of the object. A change says which one it is about.
 *
 * @module
 */

import { httpError } from "./http_error.ts";

/** The ETag of an object. */
export function etagOf(era: string, revision: number | string): string {
  return `"${era}-${revision}"`;
}

/** What the caller knows of the object that is to change. */
export interface Precondition {
  /** The revision that it must have; undefined: any (`*`). */
  readonly revision: string | undefined;
}

/** The object as it is. */
interface Current {
  readonly era: string;
  readonly revision: number;
  /** For people. */
  readonly object: string;
}

/**
 * Checks `If-Match` of a change against the object as it is.
 *
 * @throws {FabricError} 428 without one, 412 where it is not the object's; both tell its ETag.
 */
export function checkIfMatch(request: Request, current: Current): Precondition {
  const etag = etagOf(current.era, current.revision);
  const given = request.headers.get("if-match");
  if (given === null) {
    throw httpError(428, `A change of ${current.object} needs If-Match`, {
      field: "if-match",
      remedy: `get it, and send back its ETag, which is ${etag} now`,
      headers: { etag },
    });
  }
  const tags = given.split(",").map((tag) => tag.trim());
  if (tags.includes("*")) return { revision: undefined };
  if (tags.includes(etag)) return { revision: String(current.revision) };
  throw httpError(412, `${current.object} was changed meanwhile`, {
    field: "if-match",
    value: given.slice(0, 100),
    remedy: `get it again and edit that: its ETag is ${etag} now`,
    headers: { etag },
  });
}
