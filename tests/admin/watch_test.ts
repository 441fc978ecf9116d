import { assert, assertEquals, assertRejects } from "@std/assert";
import { FabricError } from "../../mod/error.ts";
import { applyResource } from "../../mod/ipam/apply.ts";
import { changeResource } from "../../mod/ipam/change.ts";
import { deleteResource } from "../../mod/ipam/delete.ts";
import { openStore } from "../../mod/etcd/open.ts";
import type { Store } from "../../mod/etcd/store.ts";
import { applyMergePatch } from "../../mod/select/merge_patch.ts";
import { findKind } from "../../admin/kinds.ts";
import { type Change, watchObjects } from "../../admin/watch.ts";
import { startProxy } from "../contract/tcp_proxy.ts";
import { physicalNetwork } from "../documents.ts";
import { type AdminFixture, startAdmin } from "./admin_fixture.ts";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;

/** A watch of physical networks, read a change at a time. */
interface Watching extends AsyncDisposable {
  /** `ADDED prod`, the next change, within a bounded time. */
  next(): Promise<string>;
  readonly lost: readonly FabricError[];
}

async function watchPhysicalNetworks(
  store: Store,
  selects: (name: string) => boolean = () => true,
): Promise<Watching> {
  const source = { store, now: Date.now, onDamage: () => {} };
  const watched = await findKind("pn").watch?.(source, {});
  assert(watched !== undefined);
  const controller = new AbortController();
  const lost: FabricError[] = [];
  const changes: AsyncIterator<Change> = watchObjects(source, watched, {
    selects: ({ name }) => selects(name),
    onLost: (error) => void lost.push(error),
    signal: controller.signal,
  })[Symbol.asyncIterator]();
  return {
    lost,
    async next() {
      const timer = setTimeout(() => controller.abort("too late"), 30_000);
      const { value, done } = await changes.next();
      clearTimeout(timer);
      return done === true ? "the end" : `${value.type} ${value.item.name}`;
    },
    async [Symbol.asyncDispose]() {
      controller.abort("done");
      await changes.return?.();
    },
  };
}

async function describe({ context }: AdminFixture, name: string, text: string): Promise<void> {
  await changeResource(context, { kind: "PhysicalNetwork", name }, {
    change: (current) => applyMergePatch(current, { spec: { description: text } }),
  });
}

Deno.test("a watch tells what is there, and then each change", async () => {
  await using admin = await startAdmin();
  const { context, store } = admin;
  await applyResource(context, physicalNetwork("a"));
  await applyResource(context, physicalNetwork("b"));
  await using watching = await watchPhysicalNetworks(store, (name) => name !== "hidden");
  assertEquals([await watching.next(), await watching.next()], ["ADDED a", "ADDED b"]);
  await applyResource(context, physicalNetwork("hidden"));
  await describe(admin, "b", "new");
  assertEquals(await watching.next(), "MODIFIED b");
  await deleteResource(context, { kind: "PhysicalNetwork", name: "a" });
  assertEquals(await watching.next(), "DELETED a");
  await applyResource(context, physicalNetwork("a"));
  assertEquals(await watching.next(), "ADDED a");
});

Deno.test("a watch tells what happened while etcd was away and compacted it", async () => {
  await using admin = await startAdmin();
  const { context, etcd } = admin;
  using proxy = startProxy(etcd.endpoints[0] ?? "");
  await using store = await openStore(
    { endpoints: [proxy.endpoint], timeoutMs: 1000 },
    { transport: "gateway" },
  );
  await applyResource(context, physicalNetwork("a"));
  await applyResource(context, physicalNetwork("b"));
  await using watching = await watchPhysicalNetworks(store);
  assertEquals([await watching.next(), await watching.next()], ["ADDED a", "ADDED b"]);
  const pending = watching.next();
  proxy.disconnect({ refuse: true });
  await deleteResource(context, { kind: "PhysicalNetwork", name: "a" });
  await applyResource(context, physicalNetwork("c"));
  await describe(admin, "b", "one");
  await describe(admin, "b", "two");
  while (watching.lost.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  const { header } = await admin.store.range({ key: "meta/era" });
  await etcd.etcdctl("compact", String(header.revision));
  proxy.pass();
  const told = [await pending, await watching.next(), await watching.next()];
  assertEquals(told.sort(), ["ADDED c", "DELETED a", "MODIFIED b"]);
  await describe(admin, "c", "x");
  assertEquals(await watching.next(), "MODIFIED c");
  assertEquals(watching.lost.length, 1);
});

Deno.test("get --watch prints a line per change, in each format", async () => {
  await using admin = await startAdmin();
  const { context, etcd } = admin;
  await applyResource(context, physicalNetwork("a"));
  const expected: readonly (readonly [format: readonly string[], lines: readonly RegExp[]])[] = [
    [[], [
      /^EVENT +NAME +MTU +AGE$/,
      /^ADDED +a +1500 +\d/,
      /^MODIFIED +a +9000 +\d/,
      /^DELETED +a +9000 +\d/,
    ]],
    [["-o", "name"], [/\/a$/, /\/a$/, /\/a deleted$/]],
    [["-o", "json"], [/^{"type":"ADDED"/, /^{"type":"MODIFIED".*9000/, /^{"type":"DELETED"/]],
    [["-o", "custom-columns=M:.spec.mtu"], [
      /^EVENT +M$/,
      /^ADDED +<none>$/,
      /^MODIFIED +9000$/,
      /^DELETED +9000$/,
    ]],
  ];
  for (const [format, lines] of expected) {
    await applyResource(context, physicalNetwork("a"));
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-A", "--no-prompt", "--no-check", MAIN, "admin", "get", "pn", "a", "-w"],
        ...format,
      ],
      env: { FABRIC_ETCD_ENDPOINTS: etcd.endpoints[0] ?? "" },
      stdout: "piped",
    }).spawn();
    try {
      let text = "";
      const heads = lines.length - 3;
      for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
        const before = text.split("\n").length;
        text += part;
        const now = text.split("\n").length;
        const passes = (count: number): boolean => before <= count && now > count;
        if (passes(heads + 1)) {
          await applyResource(context, physicalNetwork("a", { mtu: 9000 }));
        }
        if (passes(heads + 2)) {
          await deleteResource(context, { kind: "PhysicalNetwork", name: "a" });
        }
        if (passes(heads + 3)) break;
      }
      const told = text.trimEnd().split("\n");
      assertEquals(told.length, lines.length, text);
      for (const [i, line] of lines.entries()) assert(line.test(told[i] ?? ""), text);
    } finally {
      child.kill("SIGKILL");
      await child.status;
    }
  }
});

Deno.test("a watch of an etcd that is not there ends at once", async () => {
  const store = await openStore(
    { endpoints: ["http://127.0.0.1:1"], timeoutMs: 500 },
    { transport: "gateway" },
  );
  await using _ = store;
  await using watching = await watchPhysicalNetworks(store);
  await assertRejects(() => watching.next(), FabricError);
});
