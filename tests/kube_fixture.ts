/**
 * A real Kubernetes API for tests: kube-apiserver over an etcd of its own, with RBAC, on a free
 * loopback port or in the network namespace of a lab. No controllers run: objects stay as they are
 * written, and a test is kubelet, scheduler and controller manager in one. All ends with the test.
 *
 * ```ts
 * await using kube = await startKube();
 * await kube.create("/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", ... });
 * ```
 *
 * @module
 */

import { type KubeClient, openKubeClient } from "../mod/kube/client.ts";
import { parseKubeconfig } from "../mod/kube/kubeconfig.ts";
import { freePort, startEtcd } from "./etcd_fixture.ts";
import { makeMemoryDir, stopProcess, supervise, superviseDir } from "./supervised.ts";

/** Where `scripts/tools` puts it. */
const BINARY = new URL("../.cache/tools/kubernetes/kube-apiserver", import.meta.url).pathname;

const READY_MS = 90_000;

export interface KubeOptions {
  /** Further users: name → groups. Each gets a token. */
  readonly users?: Readonly<Record<string, readonly string[]>>;
}

/** Fields of an object. */
export type KubeObject = Readonly<Record<string, unknown>>;

export interface KubeFixture extends AsyncDisposable {
  readonly port: number;
  /** PEM. */
  readonly ca: string;
  readonly dir: string;
  /** As an administrator. */
  readonly client: KubeClient;
  /** UID of kube-system: the name of the cluster. */
  readonly uid: string;
  /** A kubeconfig for a user (default: the administrator), as an object and as YAML. */
  kubeconfig(user?: string, host?: string): KubeObject;
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
}

/** Starts both and returns when the API is ready, with namespace kube-system. */
export async function startKube(options: KubeOptions = {}): Promise<KubeFixture> {
  const etcd = await startEtcd();
  const dir = await makeMemoryDir("fabric-kube-");
  const cleaner = superviseDir(dir);
  const stop = async (): Promise<void> => {
    await etcd.stop();
    await cleaner.end();
  };
  try {
    return await startOver(etcd.endpoints[0] ?? "", { dir, users: options.users ?? {}, stop });
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startOver(
  etcd: string,
  { dir, users, stop }: {
    readonly dir: string;
    readonly users: Readonly<Record<string, readonly string[]>>;
    readonly stop: () => Promise<void>;
  },
): Promise<KubeFixture> {
  const tokens = new Map<string, string>(
    ["admin", ...Object.keys(users)].map((name) => [name, crypto.randomUUID()]),
  );
  const rows = [...tokens].map(([name, token]) => {
    const groups = name === "admin" ? ["system:masters"] : users[name] ?? [];
    return `${token},${name},uid-${name},"${groups.join(",")}"`;
  });
  await Deno.writeTextFile(`${dir}/tokens.csv`, `${rows.join("\n")}\n`, { mode: 0o600 });
  await makeKeys(dir);
  const port = freePort();
  const server = await supervise([
    BINARY,
    `--etcd-servers=${etcd}`,
    "--bind-address=127.0.0.1",
    `--secure-port=${port}`,
    `--cert-dir=${dir}/certs`,
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
  ], `${dir}/apiserver.log`);
  const ca = await Deno.readTextFile(`${dir}/ca.pem`);
  const kubeconfig = (user = "admin", host = "127.0.0.1"): KubeObject => ({
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{
      name: "c",
      cluster: { "server": `https://${host}:${port}`, "certificate-authority-data": btoa(ca) },
    }],
    "users": [{ name: user, user: { token: tokens.get(user) ?? "" } }],
    "contexts": [{ name: "c", context: { cluster: "c", user } }],
    "current-context": "c",
  });
  const clientOf = (user: string): KubeClient =>
    openKubeClient(parseKubeconfig(kubeconfig(user), "kubeconfig"), { timeoutMs: 20_000 });
  const client = clientOf("admin");
  const end = async (): Promise<void> => {
    client[Symbol.dispose]();
    await server.end();
    await stop();
  };
  const send = async (method: string, path: string, body?: KubeObject): Promise<unknown> => {
    const http = Deno.createHttpClient({ caCerts: [ca] });
    try {
      const answer = await fetch(`https://127.0.0.1:${port}${path}`, {
        method,
        client: http,
        headers: {
          "authorization": `Bearer ${tokens.get("admin") ?? ""}`,
          "content-type": "application/json",
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await answer.text();
      if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
      return JSON.parse(text);
    } finally {
      http.close();
    }
  };
  try {
    await untilReady(client, () => server.isOver());
    const uid = await untilUid(client);
    let files = 0;
    return {
      port,
      ca,
      dir,
      client,
      uid,
      kubeconfig,
      writeKubeconfig: async (user) => {
        const path = `${dir}/kubeconfig-${files++}`;
        await Deno.writeTextFile(path, JSON.stringify(kubeconfig(user)), { mode: 0o600 });
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
      [Symbol.asyncDispose]: end,
    };
  } catch (error) {
    const log = await Deno.readTextFile(`${dir}/apiserver.log`).catch(() => "");
    await server.end();
    throw new Error(`kube-apiserver did not start: ${log.slice(-2000)}`, { cause: error });
  }
}

async function untilReady(client: KubeClient, isOver: () => boolean): Promise<void> {
  const deadline = performance.now() + READY_MS;
  while (performance.now() < deadline) {
    if (isOver()) throw new Error("it ended");
    try {
      await client.get("/api/v1/namespaces/kube-system");
      await client.get("/apis/rbac.authorization.k8s.io/v1/clusterroles/system:discovery");
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  throw new Error(`not ready after ${READY_MS} ms`);
}

async function untilUid(client: KubeClient): Promise<string> {
  const found = await client.get("/api/v1/namespaces/kube-system");
  const text = JSON.stringify(found);
  const uid = /"uid":"([0-9a-f-]{36})"/.exec(text)?.[1];
  if (uid === undefined) throw new Error(`kube-system has no UID: ${text}`);
  return uid;
}

/** An authority, the server's certificate, and the key of service accounts' tokens. */
async function makeKeys(dir: string): Promise<void> {
  const script = `cd "$1"
curve="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
openssl req -x509 $curve -keyout ca.key -out ca.pem -days 2 -subj "/CN=kube" \\
  -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
openssl req -new $curve -keyout server.key -out server.csr -subj "/CN=kube-apiserver"
echo "subjectAltName=DNS:localhost,IP:127.0.0.1" >server.ext
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \\
  -extfile server.ext -out server.pem
openssl genrsa -out sa.key 2048
openssl rsa -in sa.key -pubout -out sa.pub`;
  const { success, stderr } = await new Deno.Command("sh", {
    args: ["-euc", script, "sh", dir],
    stdin: "null",
  }).output();
  if (!success) throw new Error(`openssl: ${new TextDecoder().decode(stderr)}`);
}
