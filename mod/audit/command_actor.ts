/**
 * Who runs a command, for the audit: the user of the operating system, and the host.
 *
 * @module
 */

/** As the audit tells it. */
export interface CommandActor {
  readonly who: string;
  readonly way: "shell";
  readonly from: string;
}

/** Whoever became root by `sudo` is named by who they were. */
export function commandActor(env: (name: "SUDO_USER") => string | undefined): CommandActor {
  const uid = Deno.uid();
  const user = userName(uid) ?? `uid ${uid}`;
  const before = env("SUDO_USER");
  const who = before === undefined || before === "" || before === user
    ? user
    : `${before.slice(0, 64)} as ${user}`;
  return { who, way: "shell", from: Deno.hostname() };
}

function userName(uid: number | null): string | undefined {
  try {
    const row = Deno.readTextFileSync("/etc/passwd").split("\n")
      .map((line) => line.split(":")).find(([, , id]) => Number(id) === uid);
    return row?.[0];
  } catch {
    return undefined;
  }
}
