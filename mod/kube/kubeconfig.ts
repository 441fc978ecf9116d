/**
 * A kubeconfig file, as far as a program without a user needs it: one server, its authority, and a
 * token or a client certificate. What would start a program or skip the check of the server's
 * certificate is refused.
 *
 * Source: Kubernetes, client-go, `tools/clientcmd/api/v1` (kubeconfig v1).
 *
 * @module
 */

import * as v from "valibot";
import { FabricError } from "../error.ts";
import { type HttpTarget, type HttpTls, parseHttpTarget } from "../http.ts";
import { readSecretFile } from "../secret_file.ts";

/** Where an API server is, and who we are to it. */
export interface KubeTarget {
  readonly target: HttpTarget;
  /** Sent as `Authorization: Bearer`; undefined: the client certificate says who we are. */
  readonly token: string | undefined;
}

const Text = v.pipe(v.string("it is not text"), v.minLength(1, "it is empty"));
const Data = v.pipe(
  v.string("it is not text"),
  v.base64("it is not base64"),
  // The runtime loads `atob` when it is first used, which takes 2 ms.
  v.transform((text) => new TextDecoder().decode(Uint8Array.fromBase64(text))),
);

const ClusterSchema = v.looseObject({
  "server": Text,
  "certificate-authority": v.optional(Text),
  "certificate-authority-data": v.optional(Data),
  "tls-server-name": v.optional(Text),
  "insecure-skip-tls-verify": v.optional(v.boolean()),
  "proxy-url": v.optional(v.string()),
});

const UserSchema = v.looseObject({
  "token": v.optional(Text),
  "tokenFile": v.optional(Text),
  "client-certificate": v.optional(Text),
  "client-certificate-data": v.optional(Data),
  "client-key": v.optional(Text),
  "client-key-data": v.optional(Data),
  "username": v.optional(v.string()),
  "exec": v.optional(v.unknown()),
  "auth-provider": v.optional(v.unknown()),
});

const KubeconfigSchema = v.looseObject({
  "current-context": Text,
  "contexts": v.array(v.looseObject({
    name: Text,
    context: v.looseObject({ cluster: Text, user: v.optional(Text) }),
  })),
  "clusters": v.array(v.looseObject({ name: Text, cluster: ClusterSchema })),
  "users": v.optional(
    v.array(v.looseObject({ name: Text, user: v.nullish(UserSchema) })),
    [],
  ),
});

/**
 * Reads the file. It may hold a token, so others than its owner may not read it. Paths in it are
 * relative to it.
 *
 * @throws {FabricError} `invalid`, field `kubernetes.kubeconfig`: it cannot be read or used; nothing
 * of its content but field names is repeated.
 */
export async function readKubeconfig(path: string): Promise<KubeTarget> {
  const text = readSecretFile(path, FIELD);
  return parseKubeconfig(await decode(text, path), path);
}

const FIELD = "kubernetes.kubeconfig";

/** The target of a kubeconfig that was read from `path`. */
export function parseKubeconfig(value: unknown, path: string): KubeTarget {
  const parsed = v.safeParse(KubeconfigSchema, value, { abortEarly: true });
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw fault(path, `${v.getDotPath(issue) ?? "it"}: ${issue.message}`);
  }
  const { contexts, clusters, users, "current-context": current } = parsed.output;
  const context = contexts.find(({ name }) => name === current)?.context;
  if (context === undefined) throw fault(path, `it has no context "${current}"`);
  const cluster = clusters.find(({ name }) => name === context.cluster)?.cluster;
  if (cluster === undefined) throw fault(path, `it has no cluster "${context.cluster}"`);
  const user = users.find(({ name }) => name === context.user)?.user ?? {};
  const target = targetOf(cluster, { user, path });
  return { target, token: tokenOf(user, path) };
}

type Cluster = v.InferOutput<typeof ClusterSchema>;
type User = v.InferOutput<typeof UserSchema>;

function targetOf(
  cluster: Cluster,
  { user, path }: { readonly user: User; readonly path: string },
): HttpTarget {
  if (cluster["insecure-skip-tls-verify"] === true) {
    throw fault(path, "insecure-skip-tls-verify is set", "give certificate-authority instead");
  }
  if ((cluster["proxy-url"] ?? "") !== "") throw fault(path, "proxy-url is not supported");
  const server = cluster.server.replace(/\/$/, "");
  const plain = parseHttpTarget(server, { field: FIELD });
  if (plain.tls === undefined) {
    if (/^(127\.\d+\.\d+\.\d+|::1|localhost)$/.test(plain.hostname)) return plain;
    throw fault(path, "its server is plain http outside this host", "use https");
  }
  const authority = cluster["certificate-authority-data"] ??
    read(cluster["certificate-authority"], path);
  const cert = user["client-certificate-data"] ?? read(user["client-certificate"], path);
  const key = user["client-key-data"] ?? readKey(user["client-key"], path);
  if ((cert === undefined) !== (key === undefined)) {
    throw fault(path, "a client certificate needs its key, and a key its certificate");
  }
  const serverName = cluster["tls-server-name"];
  const tls: HttpTls = {
    ...(authority === undefined ? {} : { caCerts: [authority] }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
    ...(serverName === undefined ? {} : { serverName }),
  };
  return { ...plain, tls };
}

function tokenOf(user: User, path: string): string | undefined {
  if (user.exec !== undefined || user["auth-provider"] !== undefined) {
    throw fault(
      path,
      "its user is made by a program (exec or auth-provider)",
      "give the plugin a token of its own, see docs/kubernetes.md",
    );
  }
  if (user.username !== undefined) throw fault(path, "passwords are not supported", "use a token");
  // As in client-go, the file goes before the text: a rotated token is there.
  const token = user.tokenFile === undefined
    ? user.token
    : readKey(user.tokenFile, path) ?? user.token;
  return token?.trim();
}

function read(file: string | undefined, path: string): string | undefined {
  if (file === undefined) return undefined;
  const name = resolve(file, path);
  try {
    return Deno.readTextFileSync(name);
  } catch (cause) {
    const why = cause instanceof Deno.errors.NotFound ? "does not exist" : "cannot be read";
    throw new FabricError("invalid", `${name} ${why}`, { field: FIELD, value: name, cause });
  }
}

function readKey(file: string | undefined, path: string): string | undefined {
  return file === undefined ? undefined : readSecretFile(resolve(file, path), FIELD);
}

function resolve(file: string, path: string): string {
  return file.startsWith("/") ? file : path.replace(/[^/]*$/, "") + file;
}

async function decode(text: string, path: string): Promise<unknown> {
  try {
    if (/^\s*\{/.test(text)) return JSON.parse(text);
    // What keeps it fresh writes JSON.
    const { parsePlainYaml } = await import("../plain_yaml.ts");
    const plain = parsePlainYaml(text);
    if (plain !== undefined) return plain.value;
    const { parse } = await import("yaml");
    return parse(text);
  } catch (cause) {
    // What a parser says repeats the file, and so a token.
    const name = cause instanceof Error ? cause.name : "error";
    throw fault(path, `it is neither YAML nor JSON (${name})`);
  }
}

function fault(path: string, why: string, remedy?: string): FabricError {
  return new FabricError("invalid", `Cannot use the kubeconfig ${path}: ${why}`, {
    field: FIELD,
    value: path,
    remedy: remedy ?? "write it as docs/kubernetes.md shows",
  });
}
