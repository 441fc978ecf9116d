import { assertEquals } from "@std/assert";
import { type KnownStore, readKnownStore, rememberStore } from "./known_store.ts";

const FIRST = { clusterId: "7", revision: 10 };

async function withStateDir(
  action: (remember: (seen: KnownStore, before?: KnownStore) => KnownStore | undefined) => void,
): Promise<void> {
  const stateDir = await Deno.makeTempDir();
  try {
    action((seen, before) => {
      rememberStore(stateDir, seen, { before, unique: "call" });
      return readKnownStore(stateDir);
    });
  } finally {
    await Deno.remove(stateDir, { recursive: true });
  }
}

Deno.test("rememberStore() keeps the highest revision", () =>
  withStateDir((remember) => {
    assertEquals(remember(FIRST), FIRST);
    assertEquals(remember({ ...FIRST, revision: 12 }, FIRST), { ...FIRST, revision: 12 });
    // A slower call that began when less was known.
    assertEquals(remember({ ...FIRST, revision: 11 }, FIRST), { ...FIRST, revision: 12 });
  }));

for (const seen of [{ clusterId: "7", revision: 9 }, { clusterId: "8", revision: 99 }]) {
  Deno.test(`rememberStore() never forgets that the store became ${JSON.stringify(seen)}`, () =>
    withStateDir((remember) => {
      const changed = { ...FIRST, changed: seen };
      remember(FIRST);
      assertEquals(remember(seen, FIRST), changed);
      assertEquals(remember({ ...seen, revision: 1000 }, changed), changed);
      // A call that began before that was noticed.
      assertEquals(remember({ ...FIRST, revision: 11 }, FIRST), changed);
    }));
}

Deno.test("rememberStore() takes no other store for the known one on a call's word that knew none", () =>
  withStateDir((remember) => {
    remember(FIRST);
    assertEquals(remember({ clusterId: "8", revision: 99 }), FIRST);
  }));
