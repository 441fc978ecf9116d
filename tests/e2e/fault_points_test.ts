/** Fault points are in the test build, and in no other. */

import { assert, assertEquals } from "@std/assert";
import { call, RELEASE, WITH_FAULTS } from "../executable.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

/** The text of every fault point of the sources, up to the first `${`. */
async function faultPoints(): Promise<readonly string[]> {
  const { stdout } = await call("/usr/bin/grep", {
    args: ["-rhoE", "--include=*.ts", 'faultPoint\\(["`][^"`$]+', "mod", "cni", "admin", "server"],
    cwd: ROOT,
  });
  return [...new Set(stdout.trim().split("\n").map((line) => line.replace(/^faultPoint\(./, "")))];
}

async function holds(program: string, text: string): Promise<boolean> {
  const { code } = await call("/usr/bin/grep", { args: ["-q", "-a", "-F", text, program] });
  return code === 0;
}

Deno.test("the release has no fault point, the test build has every one", async () => {
  const texts = ["FABRIC_FAULT", "fabric-fault-point", ...await faultPoints()];
  assert(texts.length > 4, texts.join());
  for (const text of texts) {
    assert(await holds(WITH_FAULTS, text), `${text} is not in the test build`);
    assert(!await holds(RELEASE, text), `${text} is in the release`);
  }
});

Deno.test("a fault point can be traced, killed at, and paused at", async () => {
  const target = await Deno.makeTempDir();
  const args = ["install", "--bin-dir", `${target}/bin`, "--conf-dir", `${target}/net.d`];
  const ask = (fault: string) => call(WITH_FAULTS, { args, env: { FABRIC_FAULT: fault } });
  try {
    assertEquals((await ask("install:after-program:kill")).code, 137);
    assertEquals([...Deno.readDirSync(`${target}/net.d`)], []);
    const { stderr } = await ask("*:trace");
    assertEquals(stderr.split("\n").filter((line) => line !== ""), [
      "fabric-fault-point install:after-record",
      "fabric-fault-point install:before-rename",
      "fabric-fault-point install:after-program",
      "fabric-fault-point install:after-links",
      "fabric-fault-point install:after-conflist",
    ]);
    assertEquals((await ask("no-such-point:kill")).code, 0);
    const child = new Deno.Command(WITH_FAULTS, {
      args,
      env: { FABRIC_FAULT: "install:after-links:pause" },
      stdout: "null",
    }).spawn();
    await stopped(child.pid);
    child.kill("SIGCONT");
    assertEquals((await child.status).code, 0);
  } finally {
    await Deno.remove(target, { recursive: true });
  }
});

/** Waits until the process is stopped by a signal. */
async function stopped(pid: number): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if (/^State:\tT/m.test(await Deno.readTextFile(`/proc/${pid}/status`))) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`process ${pid} did not stop`);
}
