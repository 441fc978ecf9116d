import { assertEquals, assertNotEquals } from "@std/assert";
import { startEtcd } from "./etcd_fixture.ts";

Deno.test("startEtcd() serves one member and leaves nothing behind", async () => {
  const etcd = await startEtcd();
  await etcd.etcdctl("put", "/k", "v");
  assertEquals((await etcd.etcdctl("get", "/k", "--print-value-only")).trim(), "v");
  assertEquals(await etcd.leader(), 0);
  const pid = etcd.pid(0);
  await etcd.stop();
  assertEquals(await exists(`/proc/${pid}`), false);
  assertEquals(await exists(etcd.dir), false);
});

Deno.test("startEtcd() with three members survives its leader and takes it back", async () => {
  await using etcd = await startEtcd({ members: 3 });
  const first = await etcd.leader();
  await etcd.kill(first);
  const second = await etcd.leader();
  assertNotEquals(second, first);
  await etcd.restart(first);
  await etcd.etcdctl("put", "/k", "v");
});

Deno.test("startEtcd() with TLS, client certificates and auth", async () => {
  await using etcd = await startEtcd({ tls: "mutual", auth: true });
  await etcd.etcdctl("put", "/k", "v");
});

for (const end of ["killed", "failed"] as const) {
  Deno.test(`a ${end} test leaves neither etcd nor its data`, async () => {
    const fixture = import.meta.resolve("./etcd_fixture.ts");
    const last = end === "failed"
      ? `throw new Error("on purpose")`
      : "await new Promise(() => setInterval(() => {}, 1000))";
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        "eval",
        `import { startEtcd } from "${fixture}";
         const e = await startEtcd();
         console.log(JSON.stringify({ pid: e.pid(0), dir: e.dir }));
         ${last};`,
      ],
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const reader = child.stdout.getReader();
    const { value } = await reader.read();
    const { pid, dir } = JSON.parse(new TextDecoder().decode(value));
    if (end === "killed") child.kill("SIGKILL");
    await child.status;
    await reader.cancel();
    for (let i = 0; i < 100 && (await exists(`/proc/${pid}`) || await exists(dir)); i++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assertEquals(await exists(`/proc/${pid}`), false);
    assertEquals(await exists(dir), false);
  });
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch {
    return false;
  }
}
