/** What passes the door to the API server, and for whom. */

import { assertEquals } from "@std/assert";
import * as v from "valibot";
import { openKubeClient } from "../../mod/kube/client.ts";
import { DOOR } from "../../mod/kube/door.ts";
import { doorPath } from "../../mod/kube/knock.ts";
import { readKubeconfig } from "../../mod/kube/kubeconfig.ts";
import { USERS } from "./bed.ts";
import {
  accountOf,
  type DoorBed,
  kindOf,
  knockBy,
  labelOf,
  setLabel,
  SHOP,
  until,
  visit,
  withDoor,
} from "./door_fixture.ts";

Deno.test("the door to the API server", (t) =>
  withDoor(t, [
    ["answers as the server does, side by side, and now", answers],
    ["has no rights of its own", noRights],
    ["lets nothing through but what an ADD reads", onlyReads],
    ["is closed to everybody but root", closed],
    ["is not used where another user could have made it", unsafe],
    ["takes the token that the kubeconfig has now", renewed],
  ]));

async function answers(bed: DoorBed): Promise<void> {
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

async function noRights(bed: DoorBed): Promise<void> {
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

async function onlyReads(bed: DoorBed): Promise<void> {
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

async function closed({ dir }: DoorBed): Promise<void> {
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

async function unsafe({ dir }: DoorBed): Promise<void> {
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

async function renewed(bed: DoorBed): Promise<void> {
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
