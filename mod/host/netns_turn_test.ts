import { assert, assertEquals } from "@std/assert";
import { takeNetnsTurn } from "./netns_turn.ts";

Deno.test("takeNetnsTurn() lets one in after the other", async () => {
  const path = await Deno.makeTempFile();
  try {
    const order: string[] = [];
    const first = await takeNetnsTurn(path);
    const second = takeNetnsTurn(path).then((turn) => {
      order.push("second");
      turn[Symbol.dispose]();
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    order.push("first");
    first[Symbol.dispose]();
    await second;
    assertEquals(order, ["first", "second"]);
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("takeNetnsTurn() does not wait where nothing can be locked", async () => {
  const begin = performance.now();
  for (let i = 0; i < 2; i++) (await takeNetnsTurn("/nowhere"))[Symbol.dispose]();
  assert(performance.now() - begin < 1_000);
});
