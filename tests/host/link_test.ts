import { assert, assertEquals, assertRejects } from "@std/assert";
import { FabricError } from "../../mod/error.ts";
import {
  addVeth,
  delLink,
  linkExists,
  netnsIdentity,
  readIdentity,
  run,
} from "../../mod/host/mod.ts";
import { startNetns } from "../ovs_fixture.ts";

const VETH = { host: "fbtest", peer: "eth0", mac: "02:00:0a:00:00:05", mtu: 1400 };

Deno.test("addVeth() makes a pair across two namespaces, delLink() removes both ends", async () => {
  await using host = await startNetns();
  await using pod = await startNetns();
  await addVeth(host.run, { ...VETH, netns: pod.path });
  const inside = await pod.exec("ip -o link show dev eth0");
  assert(inside.includes("mtu 1400") && inside.includes("02:00:0a:00:00:05"), inside);
  const outside = await host.exec("ip -o addr show dev fbtest; ip -o link show dev fbtest");
  assert(!outside.includes("inet6") && outside.includes("mtu 1400"), outside);
  assert(outside.includes(",UP"), outside);
  assertEquals(await linkExists(host.run, "fbtest"), true);
  assertEquals(await delLink(host.run, "fbtest"), true);
  assertEquals(await delLink(host.run, "fbtest"), false);
  assertEquals(await linkExists(host.run, "fbtest"), false);
  assertEquals(await linkExists(host.run, "eth0", { netns: pod.path }), false);
});

Deno.test("addVeth() leaves an interface of that name in the pod alone", async () => {
  await using host = await startNetns();
  await using pod = await startNetns();
  await addVeth(host.run, { ...VETH, netns: pod.path });
  const error = await assertRejects(
    () => addVeth(host.run, { ...VETH, host: "fbother", netns: pod.path }),
    FabricError,
    `interface eth0 exists already in ${pod.path}`,
  );
  assertEquals([error.kind, error.details["reason"]], ["conflict", "ifname"]);
  assertEquals(await linkExists(host.run, "fbother"), false);
  assertEquals(await linkExists(pod.run, "eth0"), true);
});

Deno.test("addVeth() leaves a device of that name on the host alone", async () => {
  await using host = await startNetns();
  await using pod = await startNetns();
  await addVeth(host.run, { ...VETH, netns: pod.path });
  const error = await assertRejects(
    () => addVeth(host.run, { ...VETH, peer: "eth1", netns: pod.path }),
    FabricError,
    "device fbtest exists already on the host",
  );
  assertEquals([error.kind, error.details["reason"]], ["conflict", "host-ifname"]);
  assertEquals(await linkExists(pod.run, "eth1"), false);
});

Deno.test("addVeth() says that the namespace is missing, or is none", async () => {
  await using host = await startNetns();
  const file = await Deno.makeTempFile();
  for (const netns of ["/nonexistent/netns", file]) {
    const error = await assertRejects(
      () => addVeth(host.run, { ...VETH, netns }),
      FabricError,
      `there is no network namespace at ${netns}`,
    );
    assertEquals([error.kind, error.details["reason"]], ["not-found", "netns"]);
  }
  await Deno.remove(file);
  assertEquals(await linkExists(host.run, "fbtest"), false);
});

Deno.test("addVeth() refuses what would be another command", async () => {
  const netns = "/run/netns/a\nlink del lo";
  const refused = (options: { peer?: string; netns: string }): Promise<FabricError> =>
    assertRejects(() => addVeth(run, { ...VETH, ...options }), FabricError);
  assertEquals((await refused({ netns })).field, "netns");
  assertEquals((await refused({ netns: "relative" })).field, "netns");
  assertEquals((await refused({ netns: "/x", peer: "a\nb" })).field, "ifname");
});

Deno.test("netnsIdentity() is that of the namespace, whatever the path", async () => {
  await using pod = await startNetns();
  await using other = await startNetns();
  const identity = await netnsIdentity(run, pod.path);
  assert(identity !== undefined);
  assert(identity !== await netnsIdentity(run, other.path));
  const file = await Deno.makeTempFile();
  assertEquals(await netnsIdentity(run, file), undefined);
  await run(["mount", "--bind", pod.path, file]);
  try {
    assertEquals(await netnsIdentity(run, file), identity);
  } finally {
    await run(["umount", file]);
    await Deno.remove(file);
  }
  assertEquals(await netnsIdentity(run, file), undefined);
});

Deno.test("readIdentity() and netnsIdentity() work without all permissions", async () => {
  await using pod = await startNetns();
  const program = `
    import { netnsIdentity, readIdentity, run } from ${
    JSON.stringify(new URL("../../mod/host/mod.ts", import.meta.url).href)
  };
    const path = ${JSON.stringify(pod.path)};
    const gone = await netnsIdentity(run, "/proc/999999999/ns/net");
    console.log(JSON.stringify([await readIdentity(run), await netnsIdentity(run, path), gone]));
  `;
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  await Deno.writeTextFile(file, program);
  const config = new URL("../../deno.json", import.meta.url).pathname;
  const { stdout } = await run([
    Deno.execPath(),
    "run",
    "--allow-read",
    "--allow-run=sh",
    `--config=${config}`,
    file,
  ]);
  await Deno.remove(file);
  const expected = [await readIdentity(run), await netnsIdentity(run, pod.path), null];
  assertEquals(JSON.parse(stdout), expected);
});

Deno.test("readIdentity() takes what the configuration says", async () => {
  const given = { machineId: "m", bootId: "b" };
  assertEquals(await readIdentity(run, given), given);
});
