/**
 * A subnet in one word: `10.0.0.0/24,gateway=10.0.0.1,range=10.0.0.16-10.0.0.99,exclude=10.0.0.50`.
 *
 * @module
 */

import { didYouMean } from "../mod/nearest.ts";
import { usageError } from "./exit.ts";

const PARTS = ["gateway", "range", "exclude", "gateway-on-link"] as const;

/**
 * The subnet's document.
 *
 * @throws {FabricError} a usage error.
 */
export function subnetOf(text: string): unknown {
  const [cidr = "", ...rest] = text.split(",");
  const ranges: string[] = [];
  const exclude: string[] = [];
  const subnet: Record<string, unknown> = { cidr };
  for (const part of rest) {
    const equals = part.indexOf("=");
    const name = equals < 0 ? part : part.slice(0, equals);
    const value = equals < 0 ? "" : part.slice(equals + 1);
    if (name === "gateway" && value !== "") subnet["gateway"] = value;
    else if (name === "range" && value !== "") ranges.push(value);
    else if (name === "exclude" && value !== "") exclude.push(value);
    else if (part === "gateway-on-link") subnet["gatewayOnLink"] = true;
    else {
      throw usageError(`Cannot parse "${part}" of subnet ${cidr}`, {
        field: "--subnet",
        value: text,
        remedy: didYouMean(name, PARTS, "write gateway=IP, range=A-B, exclude=A-B"),
      });
    }
  }
  if (ranges.length > 0) subnet["ranges"] = ranges;
  if (exclude.length > 0) subnet["exclude"] = exclude;
  return subnet;
}
