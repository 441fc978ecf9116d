/** An old backup on a busy lab: what runs is recorded again, and nothing is handed out twice. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type EquippedHost, type Lab, requireOk } from "../lab/mod.ts";
import { confFor, startBed } from "./bed.ts";
import { addPod, failureOf, type HandPod } from "./by_hand.ts";

const CONF = confFor("vlan100");

async function admin(host: EquippedHost, ...args: readonly string[]): Promise<string> {
  return requireOk(await host.admin([...args]));
}

/** The addresses that are recorded, each as often as it is. */
async function recorded(host: EquippedHost): Promise<readonly string[]> {
  const list: { readonly items: readonly { readonly metadata: { readonly name: string } }[] } = JSON
    .parse(await admin(host, "get", "addresses", "--network", "vlan100", "-o", "json"));
  return list.items.map(({ metadata }) => metadata.name.split("/")[1] ?? "").sort();
}

function addressesOf(pods: readonly HandPod[]): readonly string[] {
  return pods.flatMap(({ result }) => result.ips.map(({ address }) => address.split("/")[0] ?? ""))
    .sort();
}

/** A folder that hosts and this process see alike; `await using`. */
async function sharedFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.makeTempDir();
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

async function assertRefused(lab: Lab): Promise<void> {
  for (const host of lab.hosts) {
    await using sandbox = await host.sandbox();
    const { code, details } = failureOf(await host.fabric("ADD", { sandbox, conf: CONF }));
    assertEquals(code, 107);
    assertStringIncludes(details ?? "", "fabric-admin recover");
    assertEquals(failureOf(await host.fabric("STATUS", { conf: CONF })).code, 50);
  }
}

Deno.test("an old backup is restored under running pods: after recover all are recorded, and ADDs run", async () => {
  await using folder = await sharedFolder();
  await using lab = await startBed({ hosts: 2 });
  const [one, two] = [lab.host(0), lab.host(1)];
  const add = (host: EquippedHost) => addPod(host, { conf: CONF });
  const before = [await add(one), await add(two)];
  const gone = await add(one);
  await admin(one, "backup", `${folder.path}/old.gz`);
  requireOk(await gone.again("DEL"));
  const later = [await add(one), await add(two), await add(two)];
  const ended = await add(two);
  const running = [...before, ...later];

  const restored = await admin(one, "restore", `${folder.path}/old.gz`, "--overwrite", "--yes");
  assertStringIncludes(restored, "fabric-admin recover collect");
  await assertRefused(lab);
  // A pod may end at any time.
  requireOk(await ended.again("DEL"));

  assertStringIncludes(await admin(one, "recover", "collect"), "recorded again");
  const early = await one.admin(["recover", "finish", "--yes"]);
  assertEquals(early.code, 1);
  assertStringIncludes(early.stderr, two.name);
  await assertRefused(lab);
  // The other way: by a file.
  const file = `${folder.path}/two.json`;
  await admin(two, "recover", "collect", "--file", file);
  assertStringIncludes(await admin(one, "recover", "merge", file), "2 recorded again");
  assertStringIncludes(await admin(one, "recover"), "Next: fabric-admin recover finish");
  assertStringIncludes(await admin(one, "recover", "finish", "--yes"), "pods start again");

  assertEquals(await recorded(one), addressesOf(running));
  for (const host of lab.hosts) {
    assertStringIncludes(await admin(host, "check", "all"), "no damage");
  }
  const after = [await add(one), await add(two)];
  assertEquals(new Set(addressesOf([...running, ...after])).size, addressesOf(running).length + 4);
  for (const pod of [...running, ...after]) requireOk(await pod.again("DEL"));
  assertEquals(await recorded(one), []);
});

Deno.test("an etcd that went back in time: the node that noticed has ADDs again after recover", async () => {
  await using lab = await startBed({ hosts: 1 });
  const host = lab.host(0);
  const pod = await addPod(host, { conf: CONF });
  const state = "/var/lib/fabric/store.json";
  const known: { readonly clusterId: string; readonly revision: number } = JSON.parse(
    requireOk(await host.exec(["cat", state])),
  );
  await host.writeFile(state, JSON.stringify({ ...known, revision: known.revision + 100_000 }));
  await assertRefused(lab);
  const unsaid = await host.admin(["recover", "collect"]);
  assertEquals(unsaid.code, 1);
  assertStringIncludes(unsaid.stderr, "recover start");
  await admin(host, "recover", "start", "--yes");
  await admin(host, "recover", "collect");
  await admin(host, "recover", "finish", "--yes");
  const next = await addPod(host, { conf: CONF });
  assert(next.result.ips.length > 0);
  for (const one of [pod, next]) requireOk(await one.again("DEL"));
});

Deno.test("a fenced node attaches nothing, its DELs go on, and after unfence it works again", async () => {
  await using lab = await startBed({ hosts: 1 });
  const host = lab.host(0);
  const pod = await addPod(host, { conf: CONF });
  await admin(host, "fence", host.name, "--reason", "test", "--yes");
  await using sandbox = await host.sandbox();
  const refused = failureOf(await host.fabric("ADD", { sandbox, conf: CONF }));
  assertEquals(refused.code, 105);
  assertStringIncludes(refused.msg, "was fenced");
  assertEquals(failureOf(await host.fabric("STATUS", { conf: CONF })).code, 50);
  requireOk(await pod.again("DEL"));
  assertEquals(await recorded(host), []);
  await admin(host, "unfence", host.name, "--yes");
  requireOk(await host.fabric("STATUS", { conf: CONF }));
});

Deno.test("a second machine of a name starts no pod and collects none, until node replace says so", async () => {
  await using folder = await sharedFolder();
  await using lab = await startBed({ hosts: 1 });
  const host = lab.host(0);
  const pod = await addPod(host, { conf: CONF });
  const machineId = "4c4c4544003957108052b4c04f384833";
  const idFile = `${folder.path}/machine-id`;
  await Deno.writeTextFile(idFile, `${machineId}\n`);
  const env = { FABRIC_MACHINE_ID_FILE: idFile };
  await using sandbox = await host.sandbox();
  const refused = failureOf(await host.fabric("ADD", { sandbox, conf: CONF, env }));
  assertEquals(refused.code, 105);
  assertStringIncludes(refused.details ?? "", `--machine-id ${machineId}`);
  assertEquals(failureOf(await host.fabric("STATUS", { conf: CONF, env })).code, 50);
  // The sandbox of the first one is unknown here, and its namespace could be gone.
  const gc = { conf: { ...CONF, "cni.dev/valid-attachments": [] }, env };
  await pod.remove();
  requireOk(await host.fabric("GC", gc));
  assertEquals((await recorded(host)).length, pod.result.ips.length);
  await admin(host, "node", "replace", host.name, "--machine-id", machineId, "--yes");
  requireOk(await host.fabric("GC", gc));
  assertEquals(await recorded(host), []);
  requireOk(await host.fabric("ADD", { sandbox, conf: CONF, env }));
  const first = failureOf(await host.fabric("ADD", { sandbox, conf: CONF, ifname: "eth1" }));
  assertStringIncludes(first.msg, "any more");
  requireOk(await host.fabric("DEL", { sandbox, conf: CONF, env }));
});
