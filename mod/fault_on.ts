/**
 * Fault points of the test build (`scripts/compile --fault-points`): FABRIC_FAULT names one point
 * and what happens there, as `add:after-commit:kill`.
 *
 * - `kill`: the process ends by SIGKILL, as by `kill -9` or a power cut.
 * - `pause`: it stops (SIGSTOP) until the test sends SIGCONT.
 * - `trace`: with `*:trace`, every point reached is written to stderr as a line.
 *
 * @module
 */

/** First word of each line of `trace`; it stands in the test build and in no other. */
const MARKER = "fabric-fault-point";

/** Does at this point what FABRIC_FAULT asks for. */
export function faultPoint(name: string): void {
  const asked = Deno.env.get("FABRIC_FAULT");
  if (asked === undefined) return;
  if (asked === "*:trace") {
    Deno.stderr.writeSync(new TextEncoder().encode(`${MARKER} ${name}\n`));
  } else if (asked === `${name}:kill`) {
    Deno.kill(Deno.pid, "SIGKILL");
  } else if (asked === `${name}:pause`) {
    Deno.kill(Deno.pid, "SIGSTOP");
  }
}
