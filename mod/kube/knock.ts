/**
 * Finding the node's door to the API server, and knocking at it: the connection is made before the
 * code that uses it is even loaded.
 *
 * @module
 */

/** A connection to the door that is being made. */
export interface Knock extends Disposable {
  /** Of the socket. */
  readonly path: string;
  /** It is made, or cannot be. */
  readonly done: Promise<void>;
  /** Taken by who uses it; before that it is closed with the knock. */
  take(): Promise<Deno.Conn>;
  /** Why nobody may use it; undefined: nothing speaks against it. */
  readonly fault: string | undefined;
}

/** Where the door is, below the folder for state of this boot. */
export function doorPath({ runDir }: { readonly runDir: string }): string {
  return `${runDir}/kubernetes/door.sock`;
}

/**
 * Knocks at the door of this path; undefined where there is none. Another user who could have made it
 * is a fault: who is behind it gets our token, and is believed.
 */
export function knock(path: string): Knock | undefined {
  const fault = faultOf(path);
  if (fault === "") return undefined;
  if (fault !== undefined) {
    return {
      path,
      fault,
      done: Promise.resolve(),
      take: () => Promise.reject(new Error(fault)),
      [Symbol.dispose]: () => {},
    };
  }
  const connecting = Deno.connect({ transport: "unix", path });
  let isTaken = false;
  return {
    path,
    fault,
    // A socket of this host is connected at once, whatever its other end does.
    done: connecting.then(() => {}, () => {}),
    take: () => {
      isTaken = true;
      return connecting;
    },
    [Symbol.dispose]: () => {
      if (!isTaken) connecting.then((conn) => conn.close(), () => {});
    },
  };
}

/** Why it may not be used; empty: it is not there. */
function faultOf(path: string): string | undefined {
  const folder = parentOf(path);
  const rules = [
    { path: parentOf(folder), forbidden: 0o022, is: "isDirectory" },
    { path: folder, forbidden: 0o077, is: "isDirectory" },
    { path, forbidden: 0o077, is: "isSocket" },
  ] as const;
  for (const rule of rules) {
    let info: Deno.FileInfo;
    try {
      info = Deno.lstatSync(rule.path);
    } catch {
      return "";
    }
    const mode = info.mode ?? 0o777;
    if (info[rule.is] !== true) return `${rule.path} is not what it should be`;
    if (info.uid !== 0) return `${rule.path} is not root's`;
    if ((mode & rule.forbidden) !== 0) {
      return `${rule.path} has mode ${(mode & 0o777).toString(8).padStart(4, "0")}`;
    }
  }
  return undefined;
}

function parentOf(path: string): string {
  return path.replace(/\/[^/]*$/, "") || "/";
}
