/**
 * How much a test tries. `scripts/test --long` runs the same tests with higher counts; only
 * `tests/conformance` has more of them then.
 *
 * @module
 */

/** Set by `scripts/test --long`. */
const LONG = Deno.env.get("FABRIC_TEST_LONG") === "1";

/** The count for this run: `effort(50, 2000)` is 50, and 2000 with `--long`. */
export function effort(usual: number, long: number): number {
  return LONG ? long : usual;
}
