import { assertEquals } from "@std/assert";
import { ConfigSchema } from "../config_schema.ts";
import * as v from "valibot";
import { takeTurn } from "./turn.ts";

function callIn(runDir: string) {
  const said: string[] = [];
  const log = {
    enabled: () => true,
    write: (_: string, message: string) => void said.push(message),
  };
  return { config: { ...v.parse(ConfigSchema, { runDir }), node: "host1" }, log, said };
}

async function withRunDir(action: (runDir: string) => Promise<void>): Promise<void> {
  const runDir = await Deno.makeTempDir();
  try {
    await action(runDir);
  } finally {
    await Deno.remove(runDir, { recursive: true });
  }
}

Deno.test("takeTurn() waits for the call that has it, and another interface does not", () =>
  withRunDir(async (runDir) => {
    const call = callIn(runDir);
    const first = await takeTurn(call, "fb1", { waitMs: 0 });
    {
      using other = await takeTurn(call, "fb2", { waitMs: 0 });
      assertEquals([first.taken, other.taken], [true, true]);
    }
    using inVain = await takeTurn(call, "fb1", { waitMs: 30 });
    assertEquals(inVain.taken, false);
    const waiting = takeTurn(call, "fb1", { waitMs: 10_000 });
    first[Symbol.dispose]();
    using second = await waiting;
    assertEquals([second.taken, call.said], [true, []]);
  }));

Deno.test("takeTurn() is not deceived by the file of a turn that was forgotten", () =>
  withRunDir(async (runDir) => {
    const call = callIn(runDir);
    const first = await takeTurn(call, "fb1", { waitMs: 0 });
    const waiting = takeTurn(call, "fb1", { waitMs: 10_000 });
    first.forget();
    const other = await takeTurn(call, "fb1", { waitMs: 0 });
    first[Symbol.dispose]();
    assertEquals(other.taken, true);
    other[Symbol.dispose]();
    using second = await waiting;
    using third = await takeTurn(call, "fb1", { waitMs: 0 });
    assertEquals([second.taken, third.taken], [true, false]);
    second.forget();
    assertEquals([...Deno.readDirSync(`${runDir}/turns`)], []);
  }));

Deno.test("takeTurn() goes on without where the folder cannot be used, and says so", () =>
  withRunDir(async (runDir) => {
    await Deno.writeTextFile(`${runDir}/turns`, "");
    const call = callIn(runDir);
    using turn = await takeTurn(call, "fb1", { waitMs: 0 });
    assertEquals(turn.taken, true);
    assertEquals(call.said, ["calls for one interface cannot take turns"]);
  }));
