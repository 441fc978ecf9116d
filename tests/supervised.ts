/**
 * Programs that end with the test that started them, also when that is killed.
 *
 * @module
 */

/** A process that lives no longer than the test. */
export interface Supervised {
  readonly pid: number;
  isOver(): boolean;
  /** kill -9 and wait, so that no zombie stays. */
  end(): Promise<void>;
}

/**
 * The shell starts the program, says its process id, waits for the end of its standard input, and
 * kills what it started. `setpriv --pdeathsig` covers the shell's own death. The shell is needed
 * because the signal follows the thread that forked, and Deno runs each test file in a thread.
 */
export async function supervise(argv: readonly string[], logFile: string): Promise<Supervised> {
  const script = `trap '' INT TERM HUP
log=$1; shift
setpriv --pdeathsig KILL "$@" </dev/null >>"$log" 2>&1 &
echo $!
read _
kill -KILL $! 2>/dev/null
wait $!
exit 0`;
  const shell = new Deno.Command("sh", {
    args: ["-c", script, "supervisor", logFile, ...argv],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = shell.stdout.getReader();
  let line = "";
  while (!line.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) break;
    line += new TextDecoder().decode(value);
  }
  await reader.cancel();
  const pid = Number(line.trim());
  let ended: Promise<void> | undefined;
  return {
    pid,
    isOver: () => isZombieOrGone(pid),
    end: () => ended ??= endShell(shell),
  };
}

/**
 * Deletes the folder when the test ends or dies, after the members are gone. What deletes is a
 * grandchild, since Deno kills its children when a test file ends by an uncaught error.
 */
export function superviseDir(dir: string): Supervised {
  const script = `trap '' INT TERM HUP
exec 3<&0
setsid sh -c 'trap "" INT TERM HUP
read _
for i in 1 2 3 4 5; do rm -rf "$1" 2>/dev/null && exit 0; sleep 0.2; done' cleaner "$1" <&3 3<&- &
exec <&- 3<&-
wait $!
exit 0`;
  const shell = new Deno.Command("sh", {
    args: ["-c", script, "cleaner", dir],
    stdin: "piped",
    stdout: "null",
    stderr: "null",
  }).spawn();
  let ended: Promise<void> | undefined;
  return { pid: shell.pid, isOver: () => false, end: () => ended ??= endShell(shell) };
}

async function endShell(shell: Deno.ChildProcess): Promise<void> {
  await shell.stdin.close().catch(() => {});
  await shell.status;
}

/** Stops the process; returns when the last of its threads stands still. */
export async function stopProcess(pid: number): Promise<void> {
  Deno.kill(pid, "SIGSTOP");
  const deadline = performance.now() + 5000;
  while (performance.now() < deadline) {
    let running = 0;
    for (const { name } of Deno.readDirSync(`/proc/${pid}/task`)) {
      if (stateOf(`/proc/${pid}/task/${name}/stat`) !== "T") running++;
    }
    if (running === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  throw new Error(`process ${pid} does not stop`);
}

function stateOf(statFile: string): string {
  const stat = Deno.readTextFileSync(statFile);
  return stat.charAt(stat.lastIndexOf(")") + 2);
}

function isZombieOrGone(pid: number): boolean {
  try {
    return stateOf(`/proc/${pid}/stat`) === "Z";
  } catch {
    return true;
  }
}

/** A temporary folder in memory where the system has one. */
export async function makeMemoryDir(prefix: string): Promise<string> {
  try {
    return await Deno.makeTempDir({ dir: "/dev/shm", prefix });
  } catch {
    return await Deno.makeTempDir({ prefix });
  }
}
