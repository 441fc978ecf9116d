import { assert, assertEquals } from "@std/assert";
import { pause, startTimer } from "./timer.ts";

Deno.test("startTimer() calls back once, after the time", async () => {
  let count = 0;
  const began = performance.now();
  await new Promise<void>((resolve) => {
    startTimer(30, () => {
      count++;
      resolve();
    });
  });
  assert(performance.now() - began >= 29);
  assertEquals(count, 1);
});

Deno.test("startTimer() that was taken back does not call, nor keep a process alive", async () => {
  const program = `import { startTimer } from "${import.meta.resolve("./timer.ts")}";
    startTimer(60_000, () => console.log("called"))();`;
  const output = await new Deno.Command(Deno.execPath(), {
    args: ["eval", program],
    stdout: "piped",
  }).output();
  assertEquals([output.success, output.stdout.length], [true, 0]);
});

Deno.test("pause() ends at its signal", async () => {
  const controller = new AbortController();
  const began = performance.now();
  startTimer(20, () => controller.abort());
  await pause(5000, controller.signal);
  await pause(5000, controller.signal);
  assert(performance.now() - began < 1000);
});

Deno.test("pause() alone keeps the process alive until its end", async () => {
  const program = `import { pause } from "${import.meta.resolve("./timer.ts")}";
    await pause(50); console.log("after");`;
  const output = await new Deno.Command(Deno.execPath(), { args: ["eval", program] }).output();
  assertEquals(new TextDecoder().decode(output.stdout).trim(), "after");
});
