import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { FabricError } from "../mod/error.ts";
import { DOOR } from "../mod/kube/door.ts";
import { HttpConnection } from "../mod/http.ts";
import { doorPath } from "../mod/kube/knock.ts";
import { readKubeconfig } from "../mod/kube/kubeconfig.ts";
import type { RoleIo } from "../mod/role.ts";
import { type EtcdCertificates, makeCertificates } from "../tests/etcd_certificates.ts";
import { parseKeepKubeconfig } from "./configure_options.ts";
import { keepKubeconfig } from "./keep_kubeconfig.ts";
import { type OpenDoor, openDoor } from "./kube_door.ts";

interface Told {
  readonly io: RoleIo;
  readonly lines: string[];
}

function listen(): Told {
  const lines: string[] = [];
  const write = (text: string): void => void lines.push(text);
  const io: RoleIo = {
    env: () => undefined,
    readStdin: () => Promise.resolve(""),
    writeStdout: write,
    writeStderr: write,
  };
  return { io, lines };
}

async function until(isSo: () => boolean): Promise<void> {
  for (let i = 0; i < 200 && !isSo(); i++) await new Promise((resolve) => setTimeout(resolve, 50));
}

Deno.test("keepKubeconfig() writes a kubeconfig, and again when the token is renewed", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const options = {
      server: "https://10.96.0.1:443",
      tokenFile: `${folder}/token`,
      caFile: `${folder}/ca.crt`,
      kubeconfig: `${folder}/etc/kubeconfig`,
      runDir: undefined,
      once: false,
      seconds: 1,
    };
    const { io, lines } = listen();
    const end = new AbortController();
    const missing = await assertRejects(
      () => keepKubeconfig({ ...options, once: true }, { io, signal: end.signal }),
      FabricError,
    );
    assertEquals(missing.field, "--token-file");
    await Deno.writeTextFile(options.tokenFile, "first\n");
    const { caFile } = await makeCertificates(folder);
    await Deno.copyFile(caFile, options.caFile);
    const keeping = keepKubeconfig(options, { io, signal: end.signal });
    const { token, target } = await readKubeconfig(options.kubeconfig);
    assertEquals([token, target.hostname], ["first", "10.96.0.1"]);
    assertEquals(((await Deno.stat(options.kubeconfig)).mode ?? 0) & 0o777, 0o600);
    // A volume that is being replaced: told, and tried again.
    await Deno.remove(options.tokenFile);
    await until(() => lines.some((line) => line.includes("is missing")));
    assertEquals((await readKubeconfig(options.kubeconfig)).token, "first");
    await Deno.writeTextFile(options.tokenFile, "second\n");
    await until(() => lines.filter((line) => line.startsWith("wrote")).length === 2);
    assertEquals((await readKubeconfig(options.kubeconfig)).token, "second");
    // In an upgrade the next Pod writes its own; this one keeps its hands off, unless it is gone.
    await Deno.writeTextFile(options.kubeconfig, "another's");
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    assertEquals(await Deno.readTextFile(options.kubeconfig), "another's");
    await Deno.remove(options.kubeconfig);
    await until(() => lines.filter((line) => line.startsWith("wrote")).length === 3);
    assertEquals((await readKubeconfig(options.kubeconfig)).token, "second");
    end.abort();
    await keeping;
    assertEquals(lines.some((line) => line.includes("first") || line.includes("second")), false);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

interface Place extends AsyncDisposable {
  readonly folder: string;
  readonly certificates: EtcdCertificates;
  /** Of an API server that refuses the token `ended`. */
  readonly server: string;
  readonly keeping: Told;
  /** What the door answers to a read. */
  ask(): Promise<number>;
}

/** A process that keeps `mine` in a folder of its own, and looks every second. */
async function startKeeping(): Promise<Place> {
  const folder = await Deno.makeTempDir();
  const certificates = await makeCertificates(folder);
  const api = Deno.serve({
    port: 0,
    hostname: "127.0.0.1",
    cert: await Deno.readTextFile(certificates.serverCertFile),
    key: await Deno.readTextFile(certificates.serverKeyFile),
    onListen: () => {},
  }, ({ headers }) => {
    const isGood = headers.get("authorization") !== "Bearer ended";
    return Response.json({}, { status: isGood ? 200 : 401 });
  });
  const server = `https://127.0.0.1:${api.addr.port}`;
  await Deno.copyFile(certificates.caFile, `${folder}/ca.crt`);
  await Deno.writeTextFile(`${folder}/token`, "mine");
  const end = new AbortController();
  const keeping = listen();
  const runDir = `${folder}/run`;
  const running = keepKubeconfig({
    server,
    tokenFile: `${folder}/token`,
    caFile: `${folder}/ca.crt`,
    kubeconfig: `${folder}/kubeconfig`,
    runDir,
    once: false,
    seconds: 1,
  }, { io: keeping.io, signal: end.signal });
  return {
    folder,
    certificates,
    server,
    keeping,
    ask: async () => {
      const conn = await Deno.connect({ transport: "unix", path: doorPath({ runDir }) });
      using connection = new HttpConnection(conn, { name: new URL(server).host, fill: 0 });
      const path = `${DOOR}?/api/v1/namespaces/shop`;
      return (await connection.request({ method: "GET", path }, { timeoutMs: 10_000 })).status;
    },
    [Symbol.asyncDispose]: async () => {
      end.abort();
      await running;
      await api.shutdown();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

Deno.test("keepKubeconfig() takes the place of another one that is gone", async (t) => {
  await using place = await startKeeping();
  const { folder, server } = place;
  const path = `${folder}/kubeconfig`;
  const tokenNow = async (): Promise<string | undefined> => (await readKubeconfig(path)).token;
  const other = async (token: string, at = server): Promise<void> => {
    const text = (await Deno.readTextFile(path)).replace('"mine"', `"${token}"`);
    await Deno.writeTextFile(path, text.replace(server, at));
  };
  await t.step("whose token still holds: its kubeconfig stays", async () => {
    await other("another's");
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    assertEquals(await tokenNow(), "another's");
    await Deno.remove(path);
    await until(() => place.keeping.lines.filter((line) => line.startsWith("wrote")).length === 2);
  });
  await t.step("what it is writing stays its own", async () => {
    await Deno.writeTextFile(`${path}.keep.tmp`, "half of a");
    await Deno.remove(path);
    await until(() => place.keeping.lines.filter((line) => line.startsWith("wrote")).length === 3);
    assertEquals(await Deno.readTextFile(`${path}.keep.tmp`), "half of a");
    const left = [...Deno.readDirSync(folder)].filter(({ name }) => name.endsWith(".tmp"));
    assertEquals(left.map(({ name }) => name), ["kubeconfig.keep.tmp"]);
  });
  await t.step("with its token", async () => {
    await other("ended");
    await until(() => Deno.readTextFileSync(path).includes('"mine"'));
    assertEquals(await tokenNow(), "mine");
  });
  await t.step("but not what is for another server", async () => {
    await other("ended", "https://127.0.0.1:1");
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    assertEquals(await tokenNow(), "ended");
  });
  await t.step("and its door", async () => {
    assertEquals(await place.ask(), 200);
    const ca = await Deno.readTextFile(place.certificates.caFile);
    const next: OpenDoor = openDoor(`${folder}/run`, { server, ca, tell: () => {} });
    await next[Symbol.asyncDispose]();
    await assertRejects(() => place.ask(), Deno.errors.ConnectionRefused);
    const isOpen = () =>
      place.keeping.lines.filter((it) => it.startsWith("listening")).length === 2;
    await until(isOpen);
    assertEquals(await place.ask(), 200);
  });
});

Deno.test("keepKubeconfig() does not take half a certificate for an authority", async () => {
  await using place = await startKeeping();
  const { folder, certificates, keeping } = place;
  const whole = await Deno.readTextFile(certificates.caFile);
  const before = await Deno.readTextFile(`${folder}/kubeconfig`);
  for (const text of [whole.slice(0, whole.length / 2), "nothing of that kind"]) {
    const told = keeping.lines.length;
    await Deno.writeTextFile(`${folder}/ca.crt`, text);
    await until(() => keeping.lines.length > told);
    assertStringIncludes(keeping.lines.at(-1) ?? "", `${folder}/ca.crt is no certificate`);
    assertEquals(await Deno.readTextFile(`${folder}/kubeconfig`), before);
    assertEquals(await place.ask(), 200);
  }
  // An authority of its own, and the one that signed: as while they are exchanged.
  await new Deno.Command("sh", {
    args: [
      "-c",
      `cd "$1" && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
  -keyout /dev/null -days 2 -subj /CN=next >next.pem 2>/dev/null`,
      "sh",
      folder,
    ],
  }).output();
  const next = await Deno.readTextFile(`${folder}/next.pem`);
  const become = async (ca: string): Promise<void> => {
    await Deno.writeTextFile(`${folder}/ca.crt`, ca);
    const text = new TextEncoder().encode(ca).toBase64();
    await until(() => Deno.readTextFileSync(`${folder}/kubeconfig`).includes(text));
  };
  await become(next);
  assertEquals(await place.ask(), 502);
  assertStringIncludes(keeping.lines.join(""), "invalid peer certificate");
  await become(`# Bundle – what a bank's own authority adds\n${next}${whole}`);
  assertEquals(await place.ask(), 200);
});

Deno.test("parseKeepKubeconfig() takes servers as a Pod's environment names them", () => {
  const serverOf = (text: string) => parseKeepKubeconfig([`--server=${text}`])?.server;
  const good: Readonly<Record<string, string>> = {
    "https://10.96.0.1:443": "https://10.96.0.1:443",
    "https://api.bank.example": "https://api.bank.example",
    "https://api.bank.example:6443/": "https://api.bank.example:6443/",
    "https://[fd00:96::1]:443": "https://[fd00:96::1]:443",
    "https://fd00:96::1:443": "https://[fd00:96::1]:443",
    "https://::1:6443": "https://[::1]:6443",
  };
  for (const [text, server] of Object.entries(good)) assertEquals(serverOf(text), server);
  const bad = [
    "http://10.96.0.1",
    "10.96.0.1:443",
    "https://api:0",
    "https://api:6443/k8s/clusters/c",
    "https://api?x",
    "https:///",
  ];
  for (const text of bad) {
    const error = assertThrows(() => serverOf(text), FabricError);
    assertEquals([error.field, error.value], ["--server", text]);
  }
  const secret = assertThrows(() => serverOf("https://user:word@api:6443"), FabricError);
  assert(!`${secret.message} ${secret.value}`.includes("word"));
});
