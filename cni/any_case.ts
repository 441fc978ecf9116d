/**
 * Objects that a runtime wrote in Go: their keys come in any case (`ingressRate`, `IngressRate`),
 * because Go's own reader does not mind.
 *
 * @module
 */

/** A JSON object. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** The value as a JSON object; undefined for anything else. */
export function asObject(value: unknown): JsonObject | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? { ...value }
    : undefined;
}

/** The value of a key in any case, the exact one first; undefined also for null. */
export function pick(object: JsonObject | undefined, key: string): unknown {
  if (object === undefined) return undefined;
  if (Object.hasOwn(object, key)) return object[key] ?? undefined;
  const lower = key.toLowerCase();
  const found = Object.keys(object).find((candidate) => candidate.toLowerCase() === lower);
  return found === undefined ? undefined : object[found] ?? undefined;
}
