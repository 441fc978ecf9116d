/** The door to the API server: it saves time, has no rights, and nothing depends on it. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import * as v from "valibot";
import { asFabricError } from "../../mod/error.ts";
import { type HttpAnswer, HttpConnection, httpHost } from "../../mod/http.ts";
import { type KubeClient, openKubeClient } from "../../mod/kube/client.ts";
import { DOOR, type KubeDoor, openKubeDoor } from "../../mod/kube/door.ts";
import { doorPath, knock } from "../../mod/kube/knock.ts";
import { readKubeconfig } from "../../mod/kube/kubeconfig.ts";
import { parseNamespace } from "../../mod/kube/objects.ts";
import type { KubeFixture } from "../kube_fixture.ts";
import { stopProcess } from "../supervised.ts";
import {
  applyRbac,
  makeNamespace,
  makePod,
  makeWorkload,
  ours,
  runPod,
  startKubeApi,
  startKubeBed,
  USERS,
} from "./bed.ts";

import { accountOf, type Keeper, openDoorOn, startKeeper, until } from "./door_fixture.ts";

const SHOP = "/api/v1/namespaces/shop";

/** What a step works with. */
interface Bed {
  readonly kube: KubeFixture;
  readonly dir: string;
  keeper: Keeper;
}

Deno.test("the door to the API server", async (t) => {
  await using kube = await startKubeApi();
  await applyRbac(kube);
  await makeNamespace(kube, "shop");
  const dir = await Deno.makeTempDir({ prefix: "fabric-door-" });
  const bed: Bed = { kube, dir, keeper: await startKeeper(dir, accountOf(kube, USERS.plugin)) };
  const steps: readonly (readonly [string, (bed: Bed) => Promise<void>])[] = [
    ["answers as the server does, side by side, and now", answers],
    ["has no rights of its own", noRights],
    ["lets nothing through but what an ADD reads", onlyReads],
    ["is closed to everybody but root", closed],
    ["is not used where another user could have made it", unsafe],
    ["takes the token that the kubeconfig has now", renewed],
    ["waits for a server that is slow", slow],
    ["gives up a server that is silent, and finds it again", silent],
    ["finds a server again that was restarted", restarted],
    ["notices a connection that is dead without a word", forgotten],
    ["is given up at once when it hangs", hung],
    ["is given up when it ends in the middle", killed],
    ["is done without when nobody is behind it, and opens again", dead],
  ];
  try {
    for (const [name, step] of steps) await t.step(name, () => step(bed));
  } finally {
    await bed.keeper.end();
    await Deno.remove(dir, { recursive: true });
  }
});

interface Visitor extends Disposable {
  readonly client: KubeClient;
  /** Answers that came by the door; -1 when it is given up, or was never used. */
  byDoor(): number;
  readonly warnings: readonly string[];
}

/** A client as an ADD has it. */
async function visit(
  { dir }: Pick<Bed, "dir">,
  // On a machine that does other things, too, silence of a moment is no wonder.
  { silenceMs = 2_000 }: { readonly silenceMs?: number } = {},
): Promise<Visitor> {
  const target = await readKubeconfig(`${dir}/kubeconfig`);
  const warnings: string[] = [];
  const knocked = knock(doorPath({ runDir: `${dir}/run` }));
  const door = knocked === undefined ? undefined : openKubeDoor(knocked, {
    host: httpHost(target.target),
    warn: (why) => void warnings.push(why),
    silenceMs,
  });
  let byDoor = door === undefined ? -1 : 0;
  const counted: KubeDoor | undefined = door === undefined ? undefined : {
    get: async (path, headers) => {
      const answer = await door.get(path, headers);
      byDoor = answer === undefined ? -1 : byDoor + 1;
      return answer;
    },
    [Symbol.dispose]: () => door[Symbol.dispose](),
  };
  const client = openKubeClient(target, { door: counted, timeoutMs: 15_000 });
  return {
    client,
    byDoor: () => byDoor,
    warnings,
    [Symbol.dispose]: () => client[Symbol.dispose](),
  };
}

async function labelOf(client: KubeClient): Promise<string | undefined> {
  return parseNamespace(await client.get(SHOP)).metadata.labels["step"];
}

async function setLabel({ kube }: Bed, step: string): Promise<void> {
  await kube.client.merge(SHOP, { metadata: { labels: { step } } });
}

async function kindOf(asking: Promise<unknown>): Promise<string> {
  return await asking.then(() => "found", (error) => {
    const { kind, details } = asFabricError(error);
    return `${kind} ${details["reason"] ?? ""}`.trim();
  });
}

async function answers(bed: Bed): Promise<void> {
  using visitor = await visit(bed);
  const { client, byDoor } = visitor;
  for (const step of ["one", "two"]) {
    await setLabel(bed, step);
    assertEquals(await labelOf(client), step);
  }
  const kinds = await Promise.all([
    kindOf(client.get(SHOP)),
    kindOf(client.get(`${SHOP}/pods/none`)),
    kindOf(client.get(`${SHOP}/secrets/none`)),
    kindOf(client.get("/apis/none.example/v1")),
    kindOf(client.get("/apis/apps/v1")),
    kindOf(client.get("/api/v1/nodes/none")),
  ]);
  const direct = openKubeClient(await readKubeconfig(`${bed.dir}/kubeconfig`));
  assertEquals(kinds[1], await kindOf(direct.get(`${SHOP}/pods/none`)));
  direct[Symbol.dispose]();
  assertEquals(kinds, [
    "found",
    "not-found object",
    "forbidden",
    "not-found path",
    "found",
    "not-found object",
  ]);
  assertEquals(byDoor(), 8);
  // What is written goes past it.
  assertEquals(await kindOf(client.create(`${SHOP}/configmaps`, {})), "forbidden");
  assertEquals(visitor.warnings, []);
}

/** One request, as anybody with the socket could make it. */
async function knockBy(
  { kube, dir }: Bed,
  {
    method = "GET",
    path = `${DOOR}?${SHOP}`,
    host = new URL(accountOf(kube, USERS.plugin).server).host,
    token,
  }: {
    readonly method?: string;
    readonly path?: string;
    readonly host?: string;
    readonly token?: string;
  },
): Promise<HttpAnswer> {
  const conn = await Deno.connect({
    transport: "unix",
    path: doorPath({ runDir: `${dir}/run` }),
  });
  using connection = new HttpConnection(conn, { name: host, fill: 0 });
  return await connection.request({
    method,
    path,
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  }, { timeoutMs: 10_000 });
}

async function noRights(bed: Bed): Promise<void> {
  const { kube } = bed;
  const statuses: unknown[] = [];
  const tokens = [
    undefined,
    "wrong",
    ...[USERS.nobody, USERS.plugin].map((user) => accountOf(kube, user).token),
  ];
  for (const token of tokens) {
    const { body } = await knockBy(bed, { ...(token === undefined ? {} : { token }) });
    const [answer] = v.parse(v.tuple([v.object({ status: v.number() })]), json(body));
    statuses.push(answer.status);
  }
  assertEquals(statuses, [403, 401, 403, 200]);
}

function json(body: Uint8Array): unknown {
  return JSON.parse(new TextDecoder().decode(body));
}

async function onlyReads(bed: Bed): Promise<void> {
  // An administrator's token: the server itself would let all of it pass.
  const { token } = accountOf(bed.kube, "admin");
  const refused: readonly (readonly [Parameters<typeof knockBy>[1], number])[] = [
    [{ method: "POST" }, 405],
    [{ method: "DELETE" }, 405],
    [{ method: "PATCH" }, 405],
    [{ path: SHOP }, 404],
    [{ path: "/" }, 404],
    ...[
      "",
      "/api/v1/pods",
      `${SHOP}/pods`,
      "/api/v1/namespaces",
      `${SHOP}?watch=true`,
      `${SHOP}/pods/a/log`,
      `${SHOP}/pods/a/exec?command=sh`,
      "/api/v1/nodes/a/proxy/",
      "/api/v1/namespaces/shop/pods/..",
      "/api/v1/namespaces/%2e%2e/secrets/a",
      "/apis/apps/v1/namespaces/shop/pods/..%2fsecrets",
      "/metrics",
      "@10.0.0.1/api/v1",
      Array(9).fill(SHOP).join("&"),
      // One that may not pass keeps the others out.
      `${SHOP}&${SHOP}/pods`,
    ].map((query) => [{ path: `${DOOR}?${query}` }, 403] as const),
    [{ host: "10.0.0.1:6443" }, 421],
  ];
  for (const [request, status] of refused) {
    const answer = await knockBy(bed, { ...request, token });
    assertEquals(answer.status, status, JSON.stringify(request));
  }
  assertEquals((await knockBy(bed, { token })).status, 200);
  assertEquals((await knockBy(bed, { path: DOOR })).status, 200);
}

async function closed({ dir }: Bed): Promise<void> {
  const path = doorPath({ runDir: `${dir}/run` });
  const mode = (of: string): number => (Deno.lstatSync(of).mode ?? 0) & 0o777;
  const folder = path.replace(/\/[^/]*$/, "");
  assertEquals([mode(path), mode(folder), mode(`${dir}/run`)], [0o600, 0o700, 0o700]);
  // The folders above let everybody in: the door's own have to hold.
  Deno.chmodSync(dir, 0o755);
  Deno.chmodSync(`${dir}/run`, 0o755);
  const probe = `socat -u /dev/null UNIX-CONNECT:${path}`;
  const run = (argv: readonly string[]): Promise<boolean> =>
    new Deno.Command(argv[0] ?? "", { args: argv.slice(1), stderr: "null" }).output()
      .then(({ success }) => success);
  const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"];
  assertEquals(await run(["sh", "-c", probe]), true);
  assertEquals(await run([...nobody, "sh", "-c", probe]), false);
  Deno.chmodSync(folder, 0o755);
  assertEquals(await run([...nobody, "sh", "-c", probe]), false);
  Deno.chmodSync(folder, 0o700);
}

async function unsafe({ dir }: Bed): Promise<void> {
  const run = `${dir}/run`;
  const folder = `${run}/kubernetes`;
  const socket = `${folder}/door.sock`;
  const cases: readonly (readonly [string, () => void, () => void])[] = [
    [`${run} has mode 0777`, () => Deno.chmodSync(run, 0o777), () => Deno.chmodSync(run, 0o755)],
    [
      `${folder} has mode 0755`,
      () => Deno.chmodSync(folder, 0o755),
      () => Deno.chmodSync(folder, 0o700),
    ],
    [
      `${socket} has mode 0666`,
      () => Deno.chmodSync(socket, 0o666),
      () => Deno.chmodSync(socket, 0o600),
    ],
    [
      `${folder} is not root's`,
      () => Deno.chownSync(folder, 65534, 65534),
      () => Deno.chownSync(folder, 0, 0),
    ],
    [
      `${socket} is not root's`,
      () => Deno.chownSync(socket, 65534, 65534),
      () => Deno.chownSync(socket, 0, 0),
    ],
    [
      `${folder} is not what it should be`,
      () => {
        Deno.renameSync(folder, `${folder}-real`);
        Deno.symlinkSync(`${folder}-real`, folder);
      },
      () => {
        Deno.removeSync(folder);
        Deno.renameSync(`${folder}-real`, folder);
      },
    ],
  ];
  for (const [warning, spoil, mend] of cases) {
    spoil();
    try {
      using visitor = await visit({ dir });
      assertEquals(await kindOf(visitor.client.get(SHOP)), "found");
      assertEquals([visitor.byDoor(), visitor.warnings], [-1, [warning]]);
    } finally {
      mend();
    }
  }
  using visitor = await visit({ dir });
  assertEquals(await kindOf(visitor.client.get(SHOP)), "found");
  assertEquals([visitor.byDoor(), visitor.warnings], [1, []]);
}

async function renewed(bed: Bed): Promise<void> {
  const { kube, dir } = bed;
  const allowed = async (): Promise<string> => {
    using visitor = await visit(bed);
    const kind = await kindOf(visitor.client.get(SHOP));
    assertEquals(visitor.byDoor(), 1);
    return kind;
  };
  for (const [user, kind] of [[USERS.nobody, "forbidden"], [USERS.plugin, "found"]] as const) {
    const { token } = accountOf(kube, user);
    Deno.writeTextFileSync(`${dir}/token`, token);
    await until(() => Deno.readTextFileSync(`${dir}/kubeconfig`).includes(token));
    assertEquals(await allowed(), kind);
  }
}

async function slow(bed: Bed): Promise<void> {
  await setLabel(bed, "slow");
  await until(async () => {
    using visitor = await visit(bed, { silenceMs: 200 });
    assertEquals(await labelOf(visitor.client), "slow");
    await bed.kube.pause();
    const reading = labelOf(visitor.client);
    await new Promise((resolve) => setTimeout(resolve, 600));
    bed.kube.resume();
    assertEquals(await reading, "slow");
    return visitor.byDoor() === 2 && visitor.warnings.length === 0;
  });
}

async function silent(bed: Bed): Promise<void> {
  using visitor = await visit(bed);
  await setLabel(bed, "silent");
  await bed.kube.pause();
  const reading = labelOf(visitor.client);
  await until(() => visitor.byDoor() === -1);
  bed.kube.resume();
  assertEquals(await reading, "silent");
  assertStringIncludes(visitor.warnings.join(), "no answer within");
  await until(async () => {
    using next = await visit(bed);
    await labelOf(next.client);
    return next.byDoor() === 1;
  });
  assertStringIncludes(bed.keeper.log(), "cannot be reached");
  assertStringIncludes(bed.keeper.log(), "answers again");
}

async function restarted(bed: Bed): Promise<void> {
  using before = await visit(bed);
  assertEquals(await kindOf(before.client.get(SHOP)), "found");
  await bed.kube.restart();
  using after = await visit(bed);
  // The roles take the server a moment.
  await until(async () => await kindOf(after.client.get(SHOP)) === "found");
  await until(async () => {
    using next = await visit(bed);
    return await kindOf(next.client.get(SHOP)) === "found" && next.byDoor() === 1;
  });
}

/** Between the door and the server is something that forgets connections. */
async function forgotten({ kube }: Bed): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "fabric-door-" });
  const account = accountOf(kube, USERS.plugin);
  using firewall = startFirewall(Number(new URL(account.server).port));
  const keeper = await startKeeper(dir, {
    ...account,
    server: `https://127.0.0.1:${firewall.port}`,
  });
  try {
    for (const _ of ["before", "after"]) {
      using visitor = await visit({ dir });
      assertEquals(await kindOf(visitor.client.get(SHOP)), "found");
      assertEquals([visitor.byDoor(), visitor.warnings], [1, []]);
      firewall.forget();
      await new Promise((resolve) => setTimeout(resolve, 2_100));
    }
    assert(firewall.connections() >= 2, "a new connection is made");
  } finally {
    await keeper.end();
    await Deno.remove(dir, { recursive: true });
  }
}

interface Firewall extends Disposable {
  readonly port: number;
  connections(): number;
  /** What goes over the connections that there are is dropped from now on. */
  forget(): void;
}

function startFirewall(to: number): Firewall {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const known: { isForgotten: boolean; readonly ends: readonly Deno.Conn[] }[] = [];
  const pass = async (from: Deno.Conn, into: Deno.Conn, of: typeof known[number]) => {
    const buffer = new Uint8Array(16_384);
    while (true) {
      const count = await from.read(buffer).catch(() => null);
      if (count === null) break;
      if (of.isForgotten) continue;
      for (let at = 0; at < count;) at += await into.write(buffer.subarray(at, count));
    }
  };
  const accept = async (): Promise<void> => {
    for await (const near of listener) {
      const far = await Deno.connect({ port: to });
      const one = { isForgotten: false, ends: [near, far] };
      known.push(one);
      pass(near, far, one).catch(() => {});
      pass(far, near, one).catch(() => {});
    }
  };
  accept().catch(() => {});
  return {
    port: listener.addr.port,
    connections: () => known.length,
    forget: () => known.forEach((one) => one.isForgotten = true),
    [Symbol.dispose]: () => {
      listener.close();
      for (const end of known.flatMap(({ ends }) => ends)) end.close();
    },
  };
}

async function hung(bed: Bed): Promise<void> {
  using before = await visit(bed, { silenceMs: 100 });
  assertEquals(await kindOf(before.client.get(SHOP)), "found");
  await stopProcess(bed.keeper.pid);
  try {
    using after = await visit(bed, { silenceMs: 100 });
    for (const visitor of [before, after]) {
      const start = performance.now();
      const kinds = await Promise.all([1, 2, 3].map(() => kindOf(visitor.client.get(SHOP))));
      const ms = performance.now() - start;
      assertEquals(kinds, ["found", "found", "found"]);
      assertEquals(visitor.byDoor(), -1);
      assertEquals(await kindOf(visitor.client.get(SHOP)), "found");
      // 200 ms and three reads, on a machine that may do other things, too.
      assert(ms < 5_000, `${ms} ms`);
      assertEquals(visitor.warnings.length, 1, "it is asked once");
      assertStringIncludes(visitor.warnings.join(), "silent for 200 ms");
    }
  } finally {
    Deno.kill(bed.keeper.pid, "SIGCONT");
  }
}

async function killed(bed: Bed): Promise<void> {
  using visitor = await visit(bed);
  await setLabel(bed, "killed");
  await bed.kube.pause();
  const reading = Promise.all([labelOf(visitor.client), labelOf(visitor.client)]);
  await new Promise((resolve) => setTimeout(resolve, 50));
  await bed.keeper.end();
  await until(() => visitor.byDoor() === -1);
  bed.kube.resume();
  assertEquals(await reading, ["killed", "killed"]);
}

async function dead(bed: Bed): Promise<void> {
  {
    using visitor = await visit(bed);
    assertEquals(await kindOf(visitor.client.get(SHOP)), "found");
    assertEquals(visitor.byDoor(), -1);
    assertStringIncludes(visitor.warnings.join(), "nobody is behind it");
  }
  bed.keeper = await startKeeper(bed.dir, accountOf(bed.kube, USERS.plugin));
  // Another one takes its place, and the end of the first takes nothing away.
  const first = bed.keeper;
  bed.keeper = await startKeeper(bed.dir, accountOf(bed.kube, USERS.plugin));
  Deno.kill(first.pid, "SIGTERM");
  await until(() => first.isOver());
  await first.end();
  using visitor = await visit(bed);
  assertEquals(await kindOf(visitor.client.get(SHOP)), "found");
  assertEquals([visitor.byDoor(), visitor.warnings], [1, []]);
}

Deno.test("an ADD uses its node's door, and goes without it", async () => {
  await using bed = await startKubeBed({ hosts: 1 });
  const host = bed.host(0);
  const keeper = await openDoorOn(host, bed.kube);
  const owner = await makeWorkload(bed.kube, "StatefulSet", "db", {
    annotations: ours({ fixed: "true" }),
  });
  const deployment = await makeWorkload(bed.kube, "Deployment", "web", {
    annotations: ours({ fixed: "true" }),
  });
  const replicaSet = await makeWorkload(bed.kube, "ReplicaSet", "web-7d4b9c6f58", {
    owner: deployment,
  });
  // Directly the server would not be trusted: what works goes by the door.
  const right = await host.readFile("/etc/fabric/kubeconfig");
  const other = btoa(await otherAuthority());
  const wrong = right.replace(/("certificate-authority-data": )"[^"]*"/, `$1"${other}"`);
  assert(wrong !== right);
  await host.writeFile("/etc/fabric/kubeconfig", wrong, { mode: 0o600 });
  const zero = await runPod(host, await makePod(bed.kube, "db-0", { owner }));
  const web = await runPod(
    host,
    await makePod(bed.kube, "web-7d4b9c6f58-x2k9p", { owner: replicaSet }),
  );
  const { stdout } = await host.admin(["get", "workloads", "-o", "json"]);
  assertStringIncludes(stdout, '"Deployment"');
  assertStringIncludes(stdout, '"StatefulSet"');
  await host.writeFile("/etc/fabric/kubeconfig", right, { mode: 0o600 });
  await keeper.stop();
  await zero.stop();
  const again = await runPod(host, zero.pod);
  assertEquals(again.addresses, zero.addresses);
  const log = await host.readFile("/var/log/fabric/fabric.log");
  assertStringIncludes(log, "nobody is behind it");
  await again.stop();
  await web.stop();
});

/** A certificate that has nothing to do with the server's. */
async function otherAuthority(): Promise<string> {
  const { stdout } = await new Deno.Command("sh", {
    args: [
      "-c",
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null " +
      "-days 2 -subj /CN=other 2>/dev/null",
    ],
  }).output();
  return new TextDecoder().decode(stdout);
}
