/**
 * Signals to programs of the lab, by their pid files.
 *
 * @module
 */

import type { Place } from "./place.ts";

/** Sends `KILL`, `CONT`, …; after `STOP` it returns when the last of the threads stands still. */
export async function signalByFile(place: Place, pidFile: string, name: string): Promise<void> {
  const stands =
    `until ! sed 's/.*) //' /proc/$pid/task/*/stat | grep -q '^[^T]'; do sleep 0.01; done`;
  await place.execOk(
    `pid=$(cat "${pidFile}"); kill -${name} "$pid"; ${name === "STOP" ? stands : ""}`,
  );
}
