/**
 * The API server as the project speaks to it: a few verbs with JSON over one connection that is
 * kept alive. No watches and no caches: what is read is what etcd holds now (`resourceVersion` is
 * never set, so every read is a quorum read), because decisions hang on it.
 *
 * @module
 */

import * as v from "valibot";
import { FabricError, isKind } from "../error.ts";
import { connectHttp, type HttpConnection } from "../http.ts";
import type { KubeDoor } from "./door.ts";
import type { KubeTarget } from "./kubeconfig.ts";

/** What reads objects. */
export interface KubeReader {
  /**
   * An object or a list as the server answers it.
   *
   * @throws {FabricError} `not-found` (with `details.reason` `object` where the server says that
   * this very object does not exist, `path` where it does not know the path), `forbidden`,
   * `unauthenticated`, `unavailable`, `unknown-outcome`, `internal`.
   */
  get(path: string): Promise<unknown>;
}

/**
 * An API server. Calls follow each other, in the order in which they were made; by the door reads go
 * side by side.
 */
export interface KubeClient extends KubeReader, Disposable {
  /** Creates an object. @throws as `get()`, and `conflict` where one of that name exists. */
  create(path: string, object: Readonly<Record<string, unknown>>): Promise<unknown>;
  /** Merges fields into an object (RFC 7396). @throws as `get()`. */
  merge(path: string, fields: Readonly<Record<string, unknown>>): Promise<unknown>;
}

export interface KubeClientOptions {
  /** Of connecting and of each call. Default 3000. */
  readonly timeoutMs?: number;
  /** Where reads are tried first. It is closed with the client. */
  readonly door?: KubeDoor | undefined;
}

const DEFAULT_TIMEOUT_MS = 3_000;

/** A client; it connects with its first call, and again where the server closed the connection. */
export function openKubeClient(to: KubeTarget, options: KubeClientOptions = {}): KubeClient {
  const { timeoutMs = DEFAULT_TIMEOUT_MS, door } = options;
  const common = {
    "accept": "application/json",
    ...(to.token === undefined ? {} : { authorization: `Bearer ${to.token}` }),
  };
  let connection: HttpConnection | undefined;
  let last: Promise<unknown> = Promise.resolve();
  const send = async (method: string, path: string, sent?: Sent): Promise<unknown> => {
    if (connection?.isFree !== true) {
      connection?.close();
      connection = await connectHttp(to.target, { timeoutMs });
    }
    const answer = await connection.request({
      method,
      path,
      headers: {
        ...common,
        ...(sent === undefined ? {} : { "content-type": sent.type }),
      },
      ...(sent === undefined ? {} : { body: JSON.stringify(sent.object) }),
    }, { timeoutMs });
    const text = new TextDecoder().decode(answer.body);
    return readAnswer({ status: answer.status, value: tryJson(text) }, { method, path });
  };
  const inTurn = (method: string, path: string, sent?: Sent): Promise<unknown> => {
    const turn = last.then(() => send(method, path, sent));
    last = turn.catch(() => {});
    return turn;
  };
  const readDirectly = (path: string): Promise<unknown> =>
    inTurn("GET", path).catch((error) => {
      // A read that got no answer did nothing.
      throw isKind(error, "unknown-outcome") ? unavailable(error) : error;
    });
  return {
    get: async (path) => {
      const answer = await door?.get(path, common);
      if (answer === undefined) return await readDirectly(path);
      return readAnswer(answer, { method: "GET", path });
    },
    create: (path, object) => inTurn("POST", path, { type: "application/json", object }),
    merge: (path, object) =>
      inTurn("PATCH", path, { type: "application/merge-patch+json", object }),
    [Symbol.dispose]: () => {
      door?.[Symbol.dispose]();
      connection?.close();
    },
  };
}

interface Sent {
  readonly type: string;
  readonly object: Readonly<Record<string, unknown>>;
}

interface Asked {
  readonly method: string;
  readonly path: string;
}

/** What a failed call answers (`meta/v1` Status). */
const Status = v.looseObject({
  kind: v.literal("Status"),
  reason: v.optional(v.string()),
  message: v.optional(v.string()),
  details: v.optional(v.looseObject({ name: v.optional(v.string()) })),
});

/** What the server answers, by whatever way; the value is undefined where it is no JSON. */
interface Answer {
  readonly status: number;
  readonly value: unknown;
}

function readAnswer({ status, value }: Answer, asked: Asked): unknown {
  if (status >= 200 && status < 300 && value !== undefined) return value;
  const parsed = v.safeParse(Status, value);
  const said = parsed.success ? parsed.output : undefined;
  const what = `${asked.method} ${asked.path.replace(/\?.*/, "")}`;
  const why = said?.message ?? `status ${status}`;
  const make = (
    kind: ConstructorParameters<typeof FabricError>[0],
    details: Readonly<Record<string, unknown>> = {},
  ): FabricError =>
    new FabricError(kind, `Kubernetes answers ${what}: ${why}`, {
      details: { status, ...details },
    });
  switch (status) {
    case 401:
      return raise(make("unauthenticated"));
    case 403:
      return raise(make("forbidden"));
    case 404: {
      // A path that nothing serves answers 404 too: that says nothing about an object.
      const name = decodeURIComponent(asked.path.replace(/\?.*/, "").split("/").at(-1) ?? "");
      const isObject = said?.reason === "NotFound" && said.details?.name === name;
      return raise(make("not-found", { reason: isObject ? "object" : "path" }));
    }
    case 409:
      return raise(make("conflict"));
    case 400:
    case 405:
    case 415:
    case 422:
      return raise(make("internal"));
    default:
      return raise(make(status >= 500 || status === 429 ? "unavailable" : "internal"));
  }
}

function raise(error: FabricError): never {
  throw error;
}

function unavailable(error: FabricError): FabricError {
  return new FabricError("unavailable", error.message, { details: error.details, cause: error });
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
