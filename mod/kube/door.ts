/**
 * The plugin's side of the door: a process of the node that lives on (`fabric keep-kubeconfig`) keeps a
 * connection to the API server, so that an ADD need not make one. Nothing depends on it: whatever is
 * wrong with it is answered by undefined, and the caller asks the server itself.
 *
 * @module
 */

import * as v from "valibot";
import { HttpConnection } from "../http.ts";
import { pause } from "../timer.ts";
import type { Knock } from "./knock.ts";

/**
 * What is asked of a door: by itself whether it is alive; with paths of the API server as its query,
 * separated by `&`, for their answers, which are then a {@linkcode DoorAnswers} in that order.
 */
export const DOOR = "/door";

const Answers = v.array(v.object({ status: v.number(), value: v.unknown() }));
/** What the API server answered: the status, and the JSON of the body. */
export type DoorAnswers = v.InferOutput<typeof Answers>;
export type DoorAnswer = DoorAnswers[number];

const DEFAULT_SILENCE_MS = 100;
/** The door itself gives up earlier. */
const ANSWER_MS = 2_500;

/** A way to the API server. */
export interface KubeDoor extends Disposable {
  /**
   * The server's answer; undefined: the door cannot be used, now or later. Never throws, and takes
   * some 200 ms at most where the door is the reason. What is asked in one go is one request.
   */
  get(path: string, headers: Readonly<Record<string, string>>): Promise<DoorAnswer | undefined>;
}

export interface DoorOptions {
  /** `host:port` of the API server that is meant. */
  readonly host: string;
  /** Told why the door is not used. */
  readonly warn: (why: string) => void;
  /** Silence for this long is asked about, and for twice as long is the end. Default 100. */
  readonly silenceMs?: number;
}

/** The door that was knocked at; undefined where nobody may use it, which `warn` is told. */
export function openKubeDoor(knock: Knock, options: DoorOptions): KubeDoor | undefined {
  if (knock.fault === undefined) return new Door(knock, options);
  options.warn(knock.fault);
  return undefined;
}

/** What goes as one request. */
interface Batch {
  readonly paths: string[];
  readonly answers: Promise<DoorAnswers | undefined>;
}

class Door implements KubeDoor {
  readonly #path: string;
  /** The first connection. */
  #first: Promise<Deno.Conn> | undefined;
  readonly #host: string;
  readonly #warn: (why: string) => void;
  readonly #silenceMs: number;
  readonly #end = new AbortController();
  readonly #lost = Promise.withResolvers<undefined>();
  readonly #free: HttpConnection[] = [];
  /** What was asked and is not sent yet, and the answers to come. */
  #next: Batch | undefined;
  #isOpen = true;
  #pending = 0;
  #answered = 0;
  #isWatched = false;

  constructor(knock: Knock, { host, warn, silenceMs = DEFAULT_SILENCE_MS }: DoorOptions) {
    this.#path = knock.path;
    this.#first = knock.take();
    this.#host = host;
    this.#warn = warn;
    this.#silenceMs = silenceMs;
  }

  async get(
    path: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<DoorAnswer | undefined> {
    if (!this.#isOpen) return undefined;
    const { paths, answers } = this.#next ??= this.#begin(headers);
    const at = paths.push(path) - 1;
    return (await answers)?.[at];
  }

  /** A request that is sent when nobody has more to ask. */
  #begin(headers: Readonly<Record<string, string>>): Batch {
    const paths: string[] = [];
    const send = async (): Promise<DoorAnswers | undefined> => {
      await Promise.resolve();
      this.#next = undefined;
      this.#pending++;
      if (!this.#isWatched) this.#watch();
      const asking = this.#askAll(paths, headers);
      const answers = await Promise.race([asking, this.#lost.promise]);
      this.#pending--;
      this.#answered++;
      return answers;
    };
    return { paths, answers: send() };
  }

  async #askAll(
    paths: readonly string[],
    headers: Readonly<Record<string, string>>,
  ): Promise<DoorAnswers | undefined> {
    const answer = await this.#ask(`${DOOR}?${paths.join("&")}`, headers, ANSWER_MS);
    if (answer === undefined) return this.#giveUp("it broke off");
    if (answer.status !== 200) return this.#giveUp(answer.text.trim());
    const answers = parseAnswers(answer.text);
    if (answers?.length !== paths.length) return this.#giveUp("it answers something else");
    return answers;
  }

  #giveUp(why: string): undefined {
    if (!this.#isOpen) return;
    this.#warn(`${this.#path}: ${why}`);
    this[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.#isOpen = false;
    this.#lost.resolve(undefined);
    this.#end.abort();
    for (const connection of this.#free.splice(0)) connection.close();
    this.#first?.then((conn) => conn.close(), () => {});
    this.#first = undefined;
  }

  /** Undefined: no whole answer came. */
  async #ask(
    path: string,
    headers: Readonly<Record<string, string>>,
    timeoutMs: number,
  ): Promise<{ readonly status: number; readonly text: string } | undefined> {
    try {
      const connection = this.#takeFree() ?? await this.#connect();
      const { signal } = this.#end;
      const { status, body } = await connection.request({ method: "GET", path, headers }, {
        timeoutMs,
        signal,
      });
      if (connection.isFree) this.#free.push(connection);
      return { status, text: new TextDecoder().decode(body) };
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
    const connecting = this.#first ?? Deno.connect({ transport: "unix", path: this.#path });
    this.#first = undefined;
    const conn = await connecting;
    return new HttpConnection(conn, { name: this.#host, fill: 0 });
  }

  /** Gives the door up when it is silent while something is asked. */
  async #watch(): Promise<void> {
    this.#isWatched = true;
    const { signal } = this.#end;
    while (this.#pending > 0 && this.#isOpen) {
      const before = this.#answered;
      await pause(this.#silenceMs, signal);
      if (this.#pending === 0 || this.#answered !== before || !this.#isOpen) continue;
      const isAlive = await this.#ask(DOOR, {}, this.#silenceMs) !== undefined;
      if (!isAlive) this.#giveUp(`silent for ${2 * this.#silenceMs} ms`);
    }
    this.#isWatched = false;
  }
}

function parseAnswers(text: string): DoorAnswers | undefined {
  try {
    const parsed = v.safeParse(Answers, JSON.parse(text));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}
