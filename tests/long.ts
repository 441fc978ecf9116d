/**
 * How much of a test is run: `scripts/test --long` runs the same tests with higher counts.
 *
 * @module
 */

/** The everyday count, or that of the long run. */
export function times(usual: number, long: number): number {
  return Deno.env.get("FABRIC_TEST_LONG") === "1" ? long : usual;
}
