/**
 * Fields that say what they are: one text for `explain`, the description of the API and errors.
 *
 * @module
 */

import * as v from "valibot";

/** A described field: the text is what `explain` and the API documentation show. */
export function described<S extends v.GenericSchema>(
  schema: S,
  text: string,
): v.SchemaWithPipe<readonly [S, v.DescriptionAction<v.InferOutput<S>, string>]> {
  return v.pipe(schema, v.description(text));
}
