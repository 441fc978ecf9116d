/**
 * Two interfaces of one sandbox may be attached at the same time: containerd calls the plugins of all its
 * networks side by side. Which of them gets the default routes is decided by who looks first, so from
 * there until the routes stand they take turns. The turn is the kernel's lock of the namespace's own
 * file: nothing is left behind, and it ends with its process, however that ends.
 *
 * @module
 */

import { pause } from "../timer.ts";

/** Longer than the pod's side of any interface takes; then it goes on without. */
const WAIT_MS = 10_000;
const POLL_MS = 5;

/**
 * Waits for the turn; where there is no file that can be locked (`/proc/<pid>/ns/net`, of runtimes that
 * attach one interface after the other) there is none. Never throws.
 */
export async function takeNetnsTurn(netns: string): Promise<Disposable> {
  let file: Deno.FsFile | undefined;
  try {
    file = Deno.openSync(netns);
    const deadline = performance.now() + WAIT_MS;
    while (!file.tryLockSync(true) && performance.now() < deadline) await pause(POLL_MS);
  } catch {
    // Whoever needs the namespace says what is wrong with it.
  }
  return { [Symbol.dispose]: () => file?.close() };
}
