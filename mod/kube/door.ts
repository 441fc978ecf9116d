/**
 * The plugin's side of the door: a process of the node that lives on (`fabric keep-kubeconfig`) keeps a
 * connection to the API server, so that an ADD need not make one. Nothing depends on it: whatever is
 * wrong with it is answered by undefined, and the caller asks the server itself.
 *
 * @module
 */

import { HttpConnection } from "../http.ts";
import type { HttpAnswer } from "../http.ts";
import { pause } from "../timer.ts";

/** Where the door is, below the folder for state of this boot. */
export function doorPath({ runDir }: { readonly runDir: string }): string {
  return `${runDir}/kubernetes/door.sock`;
}

/** Answers that have this header are the door's own, and not the API server's. */
export const DOOR_HEADER = "x-fabric-door";
/** A request for this says whether the door is alive. */
export const DOOR_ALIVE_PATH = "/door";

const DEFAULT_SILENCE_MS = 100;
/** The door itself gives up earlier. */
const ANSWER_MS = 2_500;

/** A way to the API server; requests may be made side by side. */
export interface KubeDoor extends Disposable {
  /**
   * The server's answer; undefined: the door cannot be used, now or later. Never throws, and takes
   * some 200 ms at most where the door is the reason.
   */
  get(path: string, headers: Readonly<Record<string, string>>): Promise<HttpAnswer | undefined>;
}

export interface DoorOptions {
  /** `host:port` of the API server that is meant. */
  readonly host: string;
  readonly warn: (why: string) => void;
  /** Silence for this long is asked about, and for twice as long is the end. Default 100. */
  readonly silenceMs?: number;
}

/**
 * The door at this path; undefined where there is none, or another user could have made it: who is
 * behind it gets our token, and is believed. `warn` is told of that, and of a door that does not open.
 */
export function openKubeDoor(
  path: string,
  options: DoorOptions,
): KubeDoor | undefined {
  const fault = faultOf(path);
  if (fault === undefined) return new Door(path, options);
  if (fault !== "") options.warn(fault);
  return undefined;
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

class Door implements KubeDoor {
  readonly #path: string;
  readonly #host: string;
  readonly #warn: (why: string) => void;
  readonly #silenceMs: number;
  readonly #end = new AbortController();
  readonly #lost = Promise.withResolvers<undefined>();
  readonly #free: HttpConnection[] = [];
  #isOpen = true;
  #pending = 0;
  #answers = 0;
  #isWatched = false;

  constructor(path: string, { host, warn, silenceMs = DEFAULT_SILENCE_MS }: DoorOptions) {
    this.#path = path;
    this.#host = host;
    this.#warn = warn;
    this.#silenceMs = silenceMs;
  }

  async get(
    path: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<HttpAnswer | undefined> {
    if (!this.#isOpen) return undefined;
    this.#pending++;
    if (!this.#isWatched) this.#watch();
    const answer = await Promise.race([this.#ask(path, headers), this.#lost.promise]);
    this.#pending--;
    this.#answers++;
    if (answer !== undefined && !answer.headers.has(DOOR_HEADER)) return answer;
    const text = new TextDecoder();
    this.#giveUp(answer === undefined ? "it broke off" : text.decode(answer.body).trim());
    return undefined;
  }

  #giveUp(why: string): void {
    if (!this.#isOpen) return;
    this.#warn(`${this.#path}: ${why}`);
    this[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.#isOpen = false;
    this.#lost.resolve(undefined);
    this.#end.abort();
    for (const connection of this.#free.splice(0)) connection.close();
  }

  async #ask(
    path: string,
    headers: Readonly<Record<string, string>>,
    timeoutMs = ANSWER_MS,
  ): Promise<HttpAnswer | undefined> {
    try {
      const connection = this.#takeFree() ?? await this.#connect();
      const { signal } = this.#end;
      const answer = await connection.request({ method: "GET", path, headers }, {
        timeoutMs,
        signal,
      });
      if (connection.isFree) this.#free.push(connection);
      return answer;
    } catch (error) {
      if (error instanceof Deno.errors.ConnectionRefused) this.#giveUp("nobody is behind it");
      return undefined;
    }
  }

  #takeFree(): HttpConnection | undefined {
    for (let one = this.#free.pop(); one !== undefined; one = this.#free.pop()) {
      if (one.isFree) return one;
    }
    return undefined;
  }

  async #connect(): Promise<HttpConnection> {
    const conn = await Deno.connect({ transport: "unix", path: this.#path });
    return new HttpConnection(conn, { name: this.#host, fill: 0 });
  }

  /** Gives the door up when it is silent while something is asked. */
  async #watch(): Promise<void> {
    this.#isWatched = true;
    const { signal } = this.#end;
    while (this.#pending > 0 && this.#isOpen) {
      const before = this.#answers;
      await pause(this.#silenceMs, signal);
      if (this.#pending === 0 || this.#answers !== before || !this.#isOpen) continue;
      const isAlive = await this.#ask(DOOR_ALIVE_PATH, {}, this.#silenceMs) !== undefined;
      if (!isAlive) this.#giveUp(`silent for ${2 * this.#silenceMs} ms`);
    }
    this.#isWatched = false;
  }
}
