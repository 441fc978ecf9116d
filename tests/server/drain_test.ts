import { assert, assertEquals, assertLess } from "@std/assert";
import { RELEASE } from "../executable.ts";
import { freePort, startEtcd } from "../etcd_fixture.ts";

Deno.test("SIGTERM ends the server within 10 s, and no request that it took is lost", async () => {
  await using etcd = await startEtcd();
  const dir = await Deno.makeTempDir({ prefix: "fabric-drain-" });
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  await Deno.writeTextFile(
    `${dir}/config.yaml`,
    "log: {file: /dev/stderr}\nserver: {rate: {perSecond: 100000, burst: 100000}}\n",
  );
  const child = new Deno.Command(RELEASE, {
    args: [
      "ctl",
      "serve",
      `--listen=127.0.0.1:${port}`,
      "--anonymous=admin",
      `--config=${dir}/config.yaml`,
      `--etcd-endpoints=${etcd.endpoints.join(",")}`,
    ],
    clearEnv: true,
    env: { PATH: "/usr/bin:/bin" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const output = child.output();
  try {
    const deadline = performance.now() + 30_000;
    while (
      !await fetch(`${url}/readyz`).then((r) => r.body?.cancel().then(() => r.ok), () => false)
    ) {
      if (performance.now() > deadline) throw new Error("not ready");
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const lost: string[] = [];
    let answered = 0;
    let ended = false;
    const client = async (worker: number): Promise<void> => {
      for (let i = 0; !ended; i++) {
        try {
          const response = await fetch(`${url}/api/v1/physicalnetworks`, {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify({ metadata: { name: `n${worker}-${i}` }, spec: {} }),
          });
          await response.body?.cancel();
          // Edits take turns: one that lost too often is told so.
          if (response.status !== 201 && response.status !== 409) {
            lost.push(String(response.status));
          }
          answered++;
        } catch (error) {
          // Nobody listens any more: another server would be asked.
          if (!/refused/i.test(String(error instanceof Error ? error.cause ?? error : error))) {
            lost.push(String(error));
          }
          return;
        }
      }
    };
    const working = Promise.all([0, 1, 2].map(client));
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const told = performance.now();
    child.kill("SIGTERM");
    const { code, stderr } = await output;
    ended = true;
    assertLess(performance.now() - told, 10_000);
    await working;
    assertEquals([code, lost], [0, []]);
    assert(answered > 3, `only ${answered} answers`);
    const lines = new TextDecoder().decode(stderr).trim().split("\n").map((line) =>
      JSON.parse(line)
    );
    assert(lines.some(({ message }) => message === "ending"));
  } finally {
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await Deno.remove(dir, { recursive: true });
  }
});
