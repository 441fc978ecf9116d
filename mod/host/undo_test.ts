import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { FabricError } from "../error.ts";
import { createUndo, type Effect, type UndoFailure } from "./undo.ts";

/** Effects that write down what happens to them. */
function recorder(): {
  readonly log: string[];
  effect(what: string, options?: { readonly doing?: unknown; readonly undoing?: unknown }): Effect<
    string
  >;
} {
  const log: string[] = [];
  return {
    log,
    effect: (what, { doing, undoing } = {}) => ({
      what,
      do: async () => {
        await Promise.resolve();
        log.push(`do ${what}`);
        if (doing !== undefined) throw doing;
        return what;
      },
      undo: async () => {
        await Promise.resolve();
        log.push(`undo ${what}`);
        if (undoing !== undefined) throw undoing;
      },
    }),
  };
}

const never = (failure: UndoFailure): void => {
  throw new Error(`cannot undo ${failure.what}`);
};

Deno.test("leaving a block takes effects back, the last one first", async () => {
  const { log, effect } = recorder();
  {
    await using undo = createUndo(never);
    assertEquals(await undo.effect(effect("a")), "a");
    await undo.effect(effect("b"));
  }
  assertEquals(log, ["do a", "do b", "undo b", "undo a"]);
});

Deno.test("keep() makes them stay", async () => {
  const { log, effect } = recorder();
  {
    await using undo = createUndo(never);
    await undo.effect(effect("a"));
    undo.keep();
  }
  assertEquals(log, ["do a"]);
});

Deno.test("an effect that failed is taken back, since it may have happened in part", async () => {
  const { log, effect } = recorder();
  const error = new FabricError("unknown-outcome", "no answer");
  await assertRejects(
    async () => {
      await using undo = createUndo(never);
      await undo.effect(effect("a", { doing: error }));
    },
    FabricError,
    "no answer",
  );
  assertEquals(log, ["do a", "undo a"]);
});

Deno.test("an effect that met somebody else's is not taken back", async () => {
  const { log, effect } = recorder();
  const error = new FabricError("conflict", "exists already");
  await assertRejects(
    async () => {
      await using undo = createUndo(never);
      await undo.effect(effect("a"));
      await undo.effect(effect("b", { doing: error }));
    },
    FabricError,
    "exists already",
  );
  assertEquals(log, ["do a", "do b", "undo a"]);
});

Deno.test("what cannot be taken back is told, and hides neither the error nor the rest", async () => {
  const { log, effect } = recorder();
  const failures: UndoFailure[] = [];
  await assertRejects(
    async () => {
      await using undo = createUndo((failure) => failures.push(failure));
      await undo.effect(effect("a"));
      await undo.effect(effect("b", { undoing: new Error("stuck") }));
      throw new FabricError("unavailable", "the first error");
    },
    FabricError,
    "the first error",
  );
  assertEquals(log, ["do a", "do b", "undo b", "undo a"]);
  assertEquals(failures.map(({ what }) => what), ["b"]);
});

Deno.test("an effect that is still under way ends before it is taken back", async () => {
  const log: string[] = [];
  const gate = Promise.withResolvers<void>();
  let slow: Promise<void> | undefined;
  {
    await using undo = createUndo(never);
    slow = undo.effect({
      what: "slow",
      do: async () => {
        await gate.promise;
        log.push("done");
      },
      undo: () => Promise.resolve(log.push("undone")),
    });
    assertThrows(() => undo.keep(), FabricError, "have not ended");
    setTimeout(() => gate.resolve(), 10);
  }
  await slow;
  assertEquals(log, ["done", "undone"]);
});
