/** The door to an API server that is slow, silent, restarted, or cut off. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { USERS } from "./bed.ts";
import {
  accountOf,
  type DoorBed,
  kindOf,
  labelOf,
  setLabel,
  SHOP,
  startKeeper,
  until,
  visit,
  withDoor,
} from "./door_fixture.ts";

Deno.test("the door to an API server in trouble", (t) =>
  withDoor(t, [
    ["waits for a server that is slow", slow],
    ["gives up a server that is silent, and finds it again", silent],
    ["finds a server again that was restarted", restarted],
    ["notices a connection that is dead without a word", forgotten],
  ]));

async function slow(bed: DoorBed): Promise<void> {
  await setLabel(bed, "slow");
  await until(async () => {
    using visitor = await visit(bed, { silenceMs: 200 });
    assertEquals(await labelOf(visitor.client), "slow");
    await bed.kube.pause();
    const reading = labelOf(visitor.client);
    await new Promise((resolve) => setTimeout(resolve, 600));
    bed.kube.resume();
    assertEquals(await reading, "slow");
    return visitor.byDoor() === 2 && visitor.warnings.length === 0;
  });
}

async function silent(bed: DoorBed): Promise<void> {
  using visitor = await visit(bed);
  await setLabel(bed, "silent");
  await bed.kube.pause();
  const reading = labelOf(visitor.client);
  await until(() => visitor.byDoor() === -1);
  bed.kube.resume();
  assertEquals(await reading, "silent");
  assertStringIncludes(visitor.warnings.join(), "no answer within");
  await until(async () => {
    using next = await visit(bed);
    await labelOf(next.client);
    return next.byDoor() === 1;
  });
  assertStringIncludes(bed.keeper.log(), "cannot be reached");
  assertStringIncludes(bed.keeper.log(), "answers again");
}

async function restarted(bed: DoorBed): Promise<void> {
  using before = await visit(bed);
  assertEquals(await kindOf(before.client.get(SHOP)), "found");
  await bed.kube.restart();
  using after = await visit(bed);
  // The roles take the server a moment.
  await until(async () => await kindOf(after.client.get(SHOP)) === "found");
  await until(async () => {
    using next = await visit(bed);
    return await kindOf(next.client.get(SHOP)) === "found" && next.byDoor() === 1;
  });
}

/** Between the door and the server is something that forgets connections. */
async function forgotten({ kube }: DoorBed): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "fabric-door-" });
  const account = accountOf(kube, USERS.plugin);
  using firewall = startFirewall(Number(new URL(account.server).port));
  const keeper = await startKeeper(dir, {
    ...account,
    server: `https://127.0.0.1:${firewall.port}`,
  });
  try {
    for (const _ of ["before", "after"]) {
      using visitor = await visit({ dir });
      assertEquals(await kindOf(visitor.client.get(SHOP)), "found");
      assertEquals([visitor.byDoor(), visitor.warnings], [1, []]);
      firewall.forget();
      await new Promise((resolve) => setTimeout(resolve, 2_100));
    }
    assert(firewall.connections() >= 2, "a new connection is made");
  } finally {
    await keeper.end();
    await Deno.remove(dir, { recursive: true });
  }
}

interface Firewall extends Disposable {
  readonly port: number;
  connections(): number;
  /** What goes over the connections that there are is dropped from now on. */
  forget(): void;
}

function startFirewall(to: number): Firewall {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const known: { isForgotten: boolean; readonly ends: readonly Deno.Conn[] }[] = [];
  const pass = async (from: Deno.Conn, into: Deno.Conn, of: typeof known[number]) => {
    const buffer = new Uint8Array(16_384);
    while (true) {
      const count = await from.read(buffer).catch(() => null);
      if (count === null) break;
      if (of.isForgotten) continue;
      for (let at = 0; at < count;) at += await into.write(buffer.subarray(at, count));
    }
  };
  const accept = async (): Promise<void> => {
    for await (const near of listener) {
      const far = await Deno.connect({ port: to });
      const one = { isForgotten: false, ends: [near, far] };
      known.push(one);
      pass(near, far, one).catch(() => {});
      pass(far, near, one).catch(() => {});
    }
  };
  accept().catch(() => {});
  return {
    port: listener.addr.port,
    connections: () => known.length,
    forget: () => known.forEach((one) => one.isForgotten = true),
    [Symbol.dispose]: () => {
      listener.close();
      for (const end of known.flatMap(({ ends }) => ends)) end.close();
    },
  };
}
