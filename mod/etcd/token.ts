/**
 * The token of etcd's own auth. Each Authenticate costs etcd a password check (bcrypt, 60 ms of a
 * core by default), so processes share the token in a file and ask for a new one only when etcd
 * refuses it.
 *
 * @module
 */
import { replaceFile } from "../atomic_file.ts";
import { FabricError } from "../error.ts";
import { asWriteFault } from "../may_write.ts";
import { pause } from "../timer.ts";

export interface Tokens {
  /** The token at hand; "" when etcd's auth is off. */
  get(signal: AbortSignal): Promise<string>;
  /** A token in place of the one that etcd refused. */
  renew(refused: string, signal: AbortSignal): Promise<string>;
}

export interface TokenOptions {
  readonly user: string;
  /** See `StoreOptions.tokenFile`. */
  readonly tokenFile: string | undefined;
  /** Asks etcd for a token; "" when its auth is off. */
  readonly authenticate: (signal: AbortSignal) => Promise<string>;
}

/** How often a process looks whether another one has finished asking for a token. */
const LOCK_POLL_MS = 10;

/** Tokens of one user, shared by the processes that name the same file. */
export function openTokens({ user, tokenFile, authenticate }: TokenOptions): Tokens {
  let current: string | undefined;
  let renewing: Promise<string> | undefined;

  const obtain = async (refused: string | undefined, signal: AbortSignal): Promise<string> => {
    if (tokenFile === undefined) return await authenticate(signal);
    await using _lock = await lockFile(tokenFile, signal);
    // Whoever held the lock before may have asked already.
    const tokens = readTokens(tokenFile);
    const shared = tokens.get(user);
    if (shared !== undefined && shared !== refused) return shared;
    const token = await authenticate(signal);
    if (token !== "") writeTokens(tokenFile, tokens.set(user, token));
    return token;
  };
  const renew = (refused: string | undefined, signal: AbortSignal): Promise<string> => {
    if (current !== undefined && current !== refused) return Promise.resolve(current);
    renewing ??= obtain(refused, signal).then((token) => current = token)
      .finally(() => renewing = undefined);
    return renewing;
  };
  return {
    async get(signal) {
      if (current !== undefined) return current;
      if (tokenFile !== undefined) {
        const shared = readTokens(tokenFile).get(user);
        if (shared !== undefined) return current ??= shared;
      }
      return await renew(undefined, signal);
    },
    renew,
  };
}

/** Tokens by user; none when the file does not exist or cannot be trusted. */
function readTokens(path: string): Map<string, string> {
  let text: string;
  try {
    const { mode, uid, isFile } = Deno.lstatSync(path);
    if (!isFile || ((mode ?? 0) & 0o077) !== 0 || uid !== Deno.uid()) return new Map();
    text = Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return new Map();
    throw fileError(path, error);
  }
  try {
    const value: unknown = JSON.parse(text);
    const pairs = typeof value === "object" && value !== null ? Object.entries(value) : [];
    return new Map(pairs.filter((pair): pair is [string, string] => typeof pair[1] === "string"));
  } catch {
    return new Map();
  }
}

function writeTokens(path: string, tokens: ReadonlyMap<string, string>): void {
  try {
    const text = JSON.stringify(Object.fromEntries(tokens));
    replaceFile(path, text, { unique: String(Deno.pid) });
  } catch (error) {
    throw fileError(path, error);
  }
}

/** Held by the one process that asks; gone with it, since it is the kernel's. */
async function lockFile(path: string, signal: AbortSignal): Promise<AsyncDisposable> {
  const name = `${path}.lock`;
  try {
    await makeFolder(path.slice(0, Math.max(path.lastIndexOf("/"), 1)));
    const file = await Deno.open(name, { create: true, write: true, mode: 0o600 });
    try {
      while (!await file.tryLock(true)) {
        if (signal.aborted) {
          throw new FabricError("unavailable", `another process holds ${name}`, {
            details: { reason: "timeout" },
          });
        }
        await pause(LOCK_POLL_MS, signal);
      }
    } catch (error) {
      file.close();
      throw error;
    }
    return {
      async [Symbol.asyncDispose]() {
        await file.unlock();
        file.close();
      },
    };
  } catch (error) {
    throw error instanceof FabricError ? error : fileError(name, error);
  }
}

/** The folder, for us alone; one that others may enter is refused. */
async function makeFolder(path: string): Promise<void> {
  await Deno.mkdir(path, { recursive: true, mode: 0o700 });
  const { mode, uid } = await Deno.lstat(path);
  if (((mode ?? 0) & 0o077) !== 0 || uid !== Deno.uid()) {
    throw new FabricError("host", `others can enter ${path}, which holds etcd's token`, {
      field: "etcd.tokenFile",
      value: path,
      remedy: `run: chmod 700 ${path}; or name a file in a folder of its own`,
    });
  }
}

function fileError(path: string, cause: unknown): FabricError {
  const fault = asWriteFault(cause, { field: "etcd.tokenFile", path });
  if (fault instanceof FabricError) return fault;
  const why = cause instanceof Error ? cause.message : String(cause);
  return new FabricError("host", `cannot use ${path}: ${why}`, {
    field: "etcd.tokenFile",
    value: path,
    cause,
  });
}
