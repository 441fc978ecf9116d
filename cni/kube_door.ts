/**
 * The door to the API server that `fabric keep-kubeconfig` holds open for the plugin of its node: a
 * unix socket that only root reaches, and behind it a connection that is kept (ARCHITECTURE.md,
 * "Kubernetes").
 *
 * It has no rights of its own: who knocks brings a token. It keeps no answers.
 *
 * @module
 */

import { asFabricError, describeError, FabricError } from "../mod/error.ts";
import { httpHost, parseHttpTarget } from "../mod/http.ts";
import { DOOR, type DoorAnswer } from "../mod/kube/door.ts";
import { doorPath } from "../mod/kube/knock.ts";

/** An open door. */
export interface OpenDoor extends AsyncDisposable {
  /**
   * Another authority signs the server's certificate from now on.
   *
   * @throws What the runtime throws where it is no certificate; the door then trusts whom it did.
   */
  trust(ca: string): void;
  /** True while somebody is behind the socket: we, or who took our place. */
  isAnswered(): Promise<boolean>;
}

export interface DoorOptions {
  /** URL of the API server. */
  readonly server: string;
  /** Its authority, as PEM text. */
  readonly ca: string;
  /** Told when the server cannot be reached, and when it can be again (undefined). */
  readonly tell: (trouble: string | undefined) => void;
}

/** The plugin waits longer, and then asks the server itself. */
const SERVER_MS = 1_500;
/** A connection that was not used for this long may be dead, … */
const RESTED_MS = 2_000;
/** … and is given up after this long. */
const RESTED_ANSWER_MS = 400;

/** An ADD asks for half as many at a time. */
const MAX_PATHS = 8;
/** One part of a path, that is no way upwards. */
const PART = "(?!(?:\\.|%2e){1,2}(?:/|$))(?:(?!%2f)(?:[A-Za-z0-9._~!$'()*+,;=:@-]|%[0-9a-f]{2}))+";
/**
 * What the plugin reads: a Namespace, a Node, an object in a namespace, and which kinds a group has.
 * No lists, no watches, no subresources.
 */
const READABLE = new RegExp(
  `^(?:/api/v1/(?:namespaces|nodes)/${PART}` +
    `|/(?:api/v1|apis/${PART}/${PART})/namespaces/${PART}/${PART}/${PART}` +
    `|/(?:api/v1|apis/${PART}/${PART}))$`,
  "i",
);

/**
 * Opens the door in the plugin's folder for state of this boot.
 *
 * @throws {FabricError} `invalid`, field `--run-dir`: the folder is not root's, or the socket cannot be
 * made.
 */
export function openDoor(runDir: string, options: DoorOptions): OpenDoor {
  const { server, tell } = options;
  const host = httpHost(parseHttpTarget(server.replace(/\/$/, ""), { field: "--server" }));
  let http = Deno.createHttpClient({ caCerts: [options.ca] });
  let isTroubled = false;
  let lastAnswer = performance.now();
  const renew = (ca: string): void => {
    const before = http;
    // It throws where the authority is no certificate.
    http = Deno.createHttpClient({ caCerts: [ca] });
    before.close();
  };
  let { ca } = options;
  const ask = async (path: string, { client, signal, headers }: Asking): Promise<DoorAnswer> => {
    const url = `https://${host}${path}`;
    const answer = await fetch(url, { client, signal, headers, redirect: "manual" });
    const text = await answer.text();
    return { status: answer.status, value: jsonOf(text) };
  };
  const askAll = async (paths: readonly string[], request: Request): Promise<Response> => {
    const headers = {
      accept: "application/json",
      authorization: request.headers.get("authorization") ?? "",
    };
    const attempt = async (ms: number): Promise<readonly DoorAnswer[] | Failure> => {
      const client = http;
      const signal = AbortSignal.timeout(ms);
      try {
        const asking = paths.map((path) => ask(path, { client, signal, headers }));
        const answers = await Promise.all(asking);
        lastAnswer = performance.now();
        return answers;
      } catch (error) {
        // A connection whose other end is gone without a word would be used for ever.
        if (signal.aborted && client === http) renew(ca);
        return {
          isSilent: signal.aborted,
          why: signal.aborted ? `no answer within ${ms} ms` : reasonOf(error),
        };
      }
    };
    const hasRested = performance.now() - lastAnswer > RESTED_MS;
    let outcome = await attempt(hasRested ? RESTED_ANSWER_MS : SERVER_MS);
    if ("isSilent" in outcome && outcome.isSilent && hasRested) {
      outcome = await attempt(SERVER_MS - RESTED_ANSWER_MS);
    }
    if ("isSilent" in outcome) {
      if (!isTroubled) tell(`${host}: ${outcome.why}`);
      isTroubled = true;
      return refuse(502, outcome.why);
    }
    if (isTroubled) tell(undefined);
    isTroubled = false;
    return Response.json(outcome);
  };
  const serve: Handler = async (request) => {
    const [asked, query] = splitUrl(request.url);
    if (request.method !== "GET") return refuse(405, "only GET passes");
    if (asked !== DOOR) return refuse(404, `${DOOR} is all there is`);
    if (query === undefined) return refuse(200, "alive");
    const paths = query.split("&");
    if (paths.length > MAX_PATHS || !paths.every((path) => READABLE.test(path))) {
      return refuse(403, "this is nothing that an ADD reads");
    }
    if (request.headers.get("host") !== host) return refuse(421, `this is the door to ${host}`);
    return await askAll(paths, request);
  };
  let serving: Deno.HttpServer;
  try {
    serving = listen(runDir, serve);
  } catch (error) {
    http.close();
    throw error;
  }
  // The first handshake is the dear one; whatever is answered, it is done.
  fetch(`https://${host}/version`, { client: http, signal: AbortSignal.timeout(SERVER_MS) })
    .then((answer) => answer.arrayBuffer()).catch(() => {});
  return {
    trust(other) {
      renew(other);
      ca = other;
    },
    isAnswered: async () => {
      try {
        (await Deno.connect({ transport: "unix", path: doorPath({ runDir }) })).close();
        return true;
      } catch (error) {
        const { ConnectionRefused, NotFound } = Deno.errors;
        return !(error instanceof ConnectionRefused || error instanceof NotFound);
      }
    },
    async [Symbol.asyncDispose]() {
      await serving.shutdown();
      http.close();
    },
  };
}

interface Failure {
  /** Nothing came, in time; else the server could not be reached. */
  readonly isSilent: boolean;
  readonly why: string;
}

/** Of one request. */
interface Asking {
  readonly client: Deno.HttpClient;
  readonly signal: AbortSignal;
  readonly headers: Readonly<Record<string, string>>;
}

/** `fetch` says that it failed, and why only in the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not Kubernetes: the plugin says so.
    return null;
  }
}

/** An answer of the door itself. */
function refuse(status: number, why: string): Response {
  return new Response(`${why}\n`, { status });
}

/** Path and query. Of a unix socket, the URL's host is the socket's path. */
function splitUrl(url: string): readonly [path: string, query: string | undefined] {
  const [path = "", query] = url.replace(/^[a-z+]+:\/\/[^/]*/, "").split(/\?(.*)/s);
  return [path, query];
}

type Handler = (request: Request) => Promise<Response>;

/** Listens, and takes the place of a door that was there, once everything about it is right. */
function listen(runDir: string, handler: Handler): Deno.HttpServer {
  const path = doorPath({ runDir });
  const next = `${path}.next`;
  let server: Deno.HttpServer | undefined;
  try {
    // A kubelet makes folders that everybody may enter; the plugin's own secrets lie here, too.
    for (const folder of [runDir, path.replace(/\/[^/]*$/, "")]) makeOurs(folder);
    removeIfThere(next);
    server = Deno.serve({
      path: next,
      onListen: () => {},
      onError: (error) => refuse(500, describeError(asFabricError(error))),
    }, handler);
    Deno.chmodSync(next, 0o600);
    Deno.renameSync(next, path);
    return server;
  } catch (cause) {
    // It will be tried again, and each time would leave a listener behind.
    server?.shutdown().catch(() => {});
    if (cause instanceof FabricError) throw cause;
    throw new FabricError("invalid", `cannot listen on ${path}`, {
      field: "--run-dir",
      value: runDir,
      remedy: "give a folder of root's that this process may write to",
      cause,
    });
  }
}

/** Makes the folder root's alone. */
function makeOurs(folder: string): void {
  Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { isDirectory, uid } = Deno.lstatSync(folder);
  // Of /run itself nobody may be locked out.
  if (!isDirectory || uid !== 0 || folder.lastIndexOf("/") === 0) {
    throw new FabricError("invalid", `${folder} is no folder that can be root's alone`, {
      field: "--run-dir",
      value: folder,
      remedy: "give /run/fabric, or what runDir of the plugin's configuration says",
    });
  }
  Deno.chmodSync(folder, 0o700);
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
