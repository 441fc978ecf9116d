/**
 * A real Kubernetes API for tests: kube-apiserver over etcd, with RBAC, on a free loopback
 * port or in the network of a lab. No controllers run: objects stay as they are
 * written, and a test is kubelet, scheduler and controller manager in one. All ends with the test.
 *
 * ```ts
 * await using kube = await startKube();
 * await kube.create("/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", ... });
 * ```
 *
 * @module
 */

import * as v from "valibot";
import { type KubeClient, openKubeClient } from "../mod/kube/client.ts";
import { parseKubeconfig } from "../mod/kube/kubeconfig.ts";
import { parseNamespace } from "../mod/kube/objects.ts";
import { freePort, startEtcd } from "./etcd_fixture.ts";
import { startRelay } from "./lab/relay.ts";
import {
  makeMemoryDir,
  stopProcess,
  supervise,
  type Supervised,
  superviseDir,
} from "./supervised.ts";

/** Where `scripts/tools` puts it. */
const BINARY = new URL("../.cache/tools/kubernetes/kube-apiserver", import.meta.url).pathname;

const READY_MS = 90_000;

/** Where the API server runs, when it is not this machine's loopback. */
export interface KubePlace {
  /** What goes before its command, e.g. `nsenter -t PID -n`. */
  readonly enter: readonly string[];
  /** Its own address there. */
  readonly address: string;
  /** An etcd that it reaches there; its keys lie apart. */
  readonly etcd: string;
}

export interface KubeOptions {
  readonly place?: KubePlace;
  /** Further users: name → groups. Each gets a token. */
  readonly users?: Readonly<Record<string, readonly string[]>>;
}

/** Fields of an object. */
export type KubeObject = Readonly<Record<string, unknown>>;

export interface KubeFixture extends AsyncDisposable {
  /** As its clients in that place reach it. */
  readonly server: string;
  readonly dir: string;
  /** As an administrator. */
  readonly client: KubeClient;
  /** UID of kube-system: the name of the cluster. */
  readonly uid: string;
  /** A kubeconfig for a user (default: the administrator). */
  kubeconfig(user?: string): KubeObject;
  /** Writes it, mode 0600; its path. */
  writeKubeconfig(user?: string): Promise<string>;
  /** A client of a user. */
  as(user: string): KubeClient;
  create(path: string, object: KubeObject): Promise<unknown>;
  delete(path: string): Promise<void>;
  /** Replaces a subresource or an object. */
  put(path: string, object: KubeObject): Promise<unknown>;
  /** The API server stops answering; the kernel still accepts connections. */
  pause(): Promise<void>;
  resume(): void;
  /** It ends, and another one starts in its place, over the same objects. */
  restart(): Promise<void>;
}

/** Starts it and returns when the API is ready. */
export async function startKube(options: KubeOptions = {}): Promise<KubeFixture> {
  const { place, users = {} } = options;
  const dir = await makeMemoryDir("fabric-kube-");
  const undo: (() => Promise<void>)[] = [];
  const end = async (): Promise<void> => {
    for (const one of undo.splice(0).reverse()) await one();
  };
  const cleaner = superviseDir(dir);
  undo.push(() => cleaner.end());
  try {
    let where = place;
    if (where === undefined) {
      const etcd = await startEtcd();
      undo.push(() => etcd.stop());
      where = { enter: [], address: "127.0.0.1", etcd: etcd.endpoints[0] ?? "" };
    }
    return await startAt(where, { dir, users, undo, end });
  } catch (error) {
    const log = await Deno.readTextFile(`${dir}/apiserver.log`).catch(() => "");
    await end();
    throw new Error(`kube-apiserver did not start: ${log.slice(-2000)}`, { cause: error });
  }
}

async function startAt(
  place: KubePlace,
  { dir, users, undo, end }: {
    readonly dir: string;
    readonly users: Readonly<Record<string, readonly string[]>>;
    readonly undo: (() => Promise<void>)[];
    readonly end: () => Promise<void>;
  },
): Promise<KubeFixture> {
  const { enter, address, etcd } = place;
  const tokens = new Map<string, string>(
    ["admin", ...Object.keys(users)].map((name) => [name, crypto.randomUUID()]),
  );
  const rows = [...tokens].map(([name, token]) => {
    const groups = name === "admin" ? ["system:masters"] : users[name] ?? [];
    return `${token},${name},uid-${name},"${groups.join(",")}"`;
  });
  await Deno.writeTextFile(`${dir}/tokens.csv`, `${rows.join("\n")}\n`, { mode: 0o600 });
  await makeKeys(dir, address);
  const port = freePort();
  const argv = [
    ...enter,
    BINARY,
    `--etcd-servers=${etcd}`,
    `--etcd-prefix=/registry-${port}`,
    `--bind-address=${address}`,
    `--secure-port=${port}`,
    `--tls-cert-file=${dir}/server.pem`,
    `--tls-private-key-file=${dir}/server.key`,
    "--service-account-issuer=https://kubernetes.default.svc",
    `--service-account-key-file=${dir}/sa.pub`,
    `--service-account-signing-key-file=${dir}/sa.key`,
    `--token-auth-file=${dir}/tokens.csv`,
    "--authorization-mode=RBAC",
    "--disable-admission-plugins=ServiceAccount",
    "--endpoint-reconciler-type=none",
    "--service-cluster-ip-range=10.96.0.0/16",
  ];
  const start = (): Promise<Supervised> => supervise(argv, `${dir}/apiserver.log`);
  let server = await start();
  undo.push(() => server.end());
  const near = await reach(place, { port, dir, undo });
  const ca = await Deno.readTextFile(`${dir}/ca.pem`);
  const kubeconfigAt = (url: string, user: string): KubeObject => ({
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{
      name: "c",
      cluster: { "server": url, "certificate-authority-data": btoa(ca) },
    }],
    "users": [{ name: user, user: { token: tokens.get(user) ?? "" } }],
    "contexts": [{ name: "c", context: { cluster: "c", user } }],
    "current-context": "c",
  });
  const clientOf = (user: string): KubeClient =>
    openKubeClient(parseKubeconfig(kubeconfigAt(near, user), "kubeconfig"), { timeoutMs: 20_000 });
  const client = clientOf("admin");
  undo.push(() => Promise.resolve(client[Symbol.dispose]()));
  const send = async (method: string, path: string, body: KubeObject): Promise<unknown> => {
    using http = Deno.createHttpClient({ caCerts: [ca] });
    const answer = await fetch(near + path, {
      method,
      client: http,
      headers: {
        "authorization": `Bearer ${tokens.get("admin") ?? ""}`,
        "content-type": "application/json",
      },
      body: JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return JSON.parse(text);
  };
  await untilReady(client, () => server.isOver());
  const { metadata } = parseNamespace(await client.get("/api/v1/namespaces/kube-system"));
  const url = `https://${address}:${port}`;
  let files = 0;
  return {
    server: url,
    dir,
    client,
    uid: metadata.uid,
    kubeconfig: (user = "admin") => kubeconfigAt(url, user),
    writeKubeconfig: async (user = "admin") => {
      const path = `${dir}/kubeconfig-${files++}`;
      await Deno.writeTextFile(path, JSON.stringify(kubeconfigAt(near, user)), { mode: 0o600 });
      return path;
    },
    as: clientOf,
    create: (path, object) => client.create(path, object),
    delete: async (path) => {
      await send("DELETE", path, {
        apiVersion: "v1",
        kind: "DeleteOptions",
        gracePeriodSeconds: 0,
        propagationPolicy: "Background",
      });
    },
    put: (path, object) => send("PUT", path, object),
    pause: () => stopProcess(server.pid),
    resume: () => Deno.kill(server.pid, "SIGCONT"),
    restart: async () => {
      await server.end();
      server = await start();
      await untilReady(client, () => server.isOver());
    },
    [Symbol.asyncDispose]: end,
  };
}

/** Where this very process reaches it: in another network by a socket in the folder. */
async function reach(
  { enter, address }: KubePlace,
  { port, dir, undo }: {
    readonly port: number;
    readonly dir: string;
    readonly undo: (() => Promise<void>)[];
  },
): Promise<string> {
  if (enter.length === 0) return `https://${address}:${port}`;
  const socket = `${dir}/kube.sock`;
  const way = await supervise([
    ...enter,
    "socat",
    `UNIX-LISTEN:${socket},fork`,
    `TCP:${address}:${port}`,
  ], `${dir}/socat.log`);
  undo.push(() => way.end());
  const relay = startRelay(socket);
  undo.push(() => Promise.resolve(relay.close()));
  return `https://127.0.0.1:${relay.port}`;
}

const Review = v.object({ status: v.object({ allowed: v.boolean() }) });

/** Whether the server knows the rights of its own by now: it makes them after it has begun to serve. */
async function mayDiscover(client: KubeClient): Promise<boolean> {
  const answer = await client.create("/apis/authorization.k8s.io/v1/subjectaccessreviews", {
    apiVersion: "authorization.k8s.io/v1",
    kind: "SubjectAccessReview",
    spec: {
      user: "anybody",
      groups: ["system:authenticated"],
      nonResourceAttributes: { path: "/apis/apps/v1", verb: "get" },
    },
  });
  return v.parse(Review, answer).status.allowed;
}

async function untilReady(client: KubeClient, isOver: () => boolean): Promise<void> {
  const deadline = performance.now() + READY_MS;
  while (performance.now() < deadline) {
    if (isOver()) throw new Error("it ended");
    try {
      await client.get("/api/v1/namespaces/kube-system");
      if (await mayDiscover(client)) return;
    } catch {
      // Not yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`not ready after ${READY_MS} ms`);
}

/** An authority, the server's certificate, and the key of service accounts' tokens. */
async function makeKeys(dir: string, address: string): Promise<void> {
  const script = `cd "$1"
curve="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
openssl req -x509 $curve -keyout ca.key -out ca.pem -days 2 -subj "/CN=kube" \\
  -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
openssl req -new $curve -keyout server.key -out server.csr -subj "/CN=kube-apiserver"
echo "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:$2" >server.ext
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \\
  -extfile server.ext -out server.pem
openssl genrsa -out sa.key 2048
openssl rsa -in sa.key -pubout -out sa.pub`;
  const { success, stderr } = await new Deno.Command("sh", {
    args: ["-euc", script, "sh", dir, address],
    stdin: "null",
  }).output();
  if (!success) throw new Error(`openssl: ${new TextDecoder().decode(stderr)}`);
}
