import { assertEquals, assertMatch } from "@std/assert";
import { startNetns, startOvs, until } from "./ovs_fixture.ts";

Deno.test("startOvs() gives hosts side by side, each with its own switch", async () => {
  await using a = await startOvs({ bridges: ["br0"] });
  await using b = await startOvs({ bridges: ["br1"] });
  assertEquals(await a.exec("ovs-vsctl list-br"), "br0\n");
  assertEquals(await b.exec("ovs-vsctl list-br"), "br1\n");
  assertMatch(await a.exec(["ip", "-br", "link", "show", "br0"]), /br0/);
});

Deno.test("startOvs() brings a switch back after kill -9 of both daemons", async () => {
  await using host = await startOvs({ bridges: ["br0"] });
  await host.killVswitchd();
  await host.killDatabase();
  await host.startDatabase();
  await host.startVswitchd();
  assertEquals(await host.exec("ovs-vsctl list-br"), "br0\n");
});

Deno.test("stop() leaves no process and no folder", async () => {
  const host = await startOvs();
  const netns = await startNetns();
  await netns.stop();
  await host.stop();
  await host.stop();
  assertEquals(await exists(host.runDir), false);
  assertEquals(await exists(`/proc/${host.pid}`), false);
  assertEquals(await exists(`/proc/${netns.pid}`), false);
});

Deno.test("a host dies with a test that is killed with kill -9", async () => {
  const fixture = new URL("./ovs_fixture.ts", import.meta.url).href;
  const program = `
    import { startOvs } from ${JSON.stringify(fixture)};
    const host = await startOvs();
    const daemon = await Deno.readTextFile(host.runDir + "/ovs-vswitchd.pid");
    console.log(JSON.stringify([host.pid, Number(daemon), host.runDir]));
    await new Promise((resolve) => setTimeout(resolve, 30_000));
  `;
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  await Deno.writeTextFile(file, program);
  const config = new URL("../deno.json", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", `--config=${config}`, file],
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  const [netns, daemon, runDir] = JSON.parse(new TextDecoder().decode(value));
  assertEquals(await exists(`/proc/${netns}/ns`), true);
  child.kill("SIGKILL");
  await child.status;
  await reader.cancel();
  await until("the namespace's process has ended", async () => !await exists(`/proc/${netns}/exe`));
  await until("ovs-vswitchd has ended", async () => !await exists(`/proc/${daemon}/exe`));
  await until("the host's folder is gone", async () => !await exists(runDir));
  await Deno.remove(file);
});

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch {
    return false;
  }
}
