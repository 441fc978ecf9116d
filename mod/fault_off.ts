/**
 * Fault points as they are in every build but the tests': nothing. The bundler drops an empty
 * function and every call of it, names included; a test holds that.
 *
 * @module
 */

/** A named point at which a test build can be killed or stopped; see `fault_on.ts`. */
export function faultPoint(_name: string): void {}
