import { assert, assertEquals, assertLess } from "@std/assert";
import type { Operation, Store } from "../../mod/etcd/store.ts";
import { addressKey } from "../../mod/ipam/keys.ts";
import { encodeRecord } from "../../mod/ipam/stored.ts";
import { applyResource } from "../../mod/ipam/apply.ts";
import { physicalNetwork } from "../documents.ts";
import { startAdmin } from "./admin_fixture.ts";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;

/** The command line as a process of a shell: `$FABRIC get networks | head -1`. */
async function shell(
  command: string,
  options: { readonly endpoint: string; readonly env?: Readonly<Record<string, string>> },
): Promise<{ readonly stdout: string; readonly stderr: string; readonly code: number }> {
  const output = await new Deno.Command("bash", {
    args: ["-c", `set -o pipefail; ${command}`],
    env: {
      FABRIC: `${Deno.execPath()} run -A --no-prompt --no-check ${MAIN} admin`,
      FABRIC_ETCD_ENDPOINTS: options.endpoint,
      ...options.env,
    },
  }).output();
  const text = new TextDecoder();
  return {
    stdout: text.decode(output.stdout),
    stderr: text.decode(output.stderr),
    code: output.code,
  };
}

/** Writes records of so many addresses. */
async function writeAddresses(store: Store, count: number): Promise<void> {
  const base = 0x0a000000n;
  for (let i = 0; i < count; i += 128) {
    const success = Array.from({ length: Math.min(128, count - i) }, (_, j): Operation => {
      const address = { family: 4, value: base + BigInt(i + j) } as const;
      const record = {
        state: "used",
        id: "01HZZZZZZZZZZZZZZZZZZZZZZZ",
        since: "2026-01-01T00:00:00Z",
        holder: {
          cluster: "local",
          node: "n1",
          containerId: `container-${i + j}`,
          ifname: "eth0",
          pod: { namespace: "web", name: `shop-${i + j}` },
        },
      };
      return { put: addressKey("pods", address), value: encodeRecord(record) };
    });
    await store.txn({ success });
  }
}

Deno.test("fabric-admin ends quietly when its reader goes", async () => {
  await using admin = await startAdmin();
  const endpoint = admin.etcd.endpoints[0] ?? "";
  await writeAddresses(admin.store, 5000);
  for (const format of ["", "-o json", "-o yaml", "-o name"]) {
    const { stdout, stderr, code } = await shell(
      `$FABRIC get addresses ${format} --no-headers | head -1`,
      { endpoint },
    );
    assertEquals([stdout.split("\n").length, stderr, code], [2, "", 0]);
  }
});

Deno.test("fabric-admin prints a long list without holding it", async () => {
  await using admin = await startAdmin();
  const endpoint = admin.etcd.endpoints[0] ?? "";
  /** Lines of a listing, and its largest resident size in kB. */
  const measure = async (): Promise<{ lines: number; kilobytes: number }> => {
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-A", "--no-prompt", "--no-check", MAIN],
        ...["admin", "get", "addresses", "-o", "wide", "--no-headers"],
      ],
      env: { FABRIC_ETCD_ENDPOINTS: endpoint },
      stdout: "piped",
    }).spawn();
    let lines = 0;
    let kilobytes = 0;
    for await (const chunk of child.stdout) {
      lines += chunk.filter((byte) => byte === 0x0a).length;
      const status = await Deno.readTextFile(`/proc/${child.pid}/status`).catch(() => "");
      kilobytes = Math.max(kilobytes, Number(/^VmHWM:\s*(\d+)/m.exec(status)?.[1] ?? 0));
    }
    assert((await child.status).success);
    return { lines, kilobytes };
  };
  await writeAddresses(admin.store, 3_000);
  const small = await measure();
  await writeAddresses(admin.store, 40_000);
  const large = await measure();
  assertEquals([small.lines, large.lines], [3_000, 40_000]);
  assert(small.kilobytes > 0);
  assertLess(large.kilobytes, small.kilobytes + 80_000);
});

Deno.test("fabric-admin colours its errors on a terminal only, and obeys NO_COLOR", async () => {
  const endpoint = "http://127.0.0.1:1";
  const typed = `script -qec "$FABRIC frobnicate" /dev/null`;
  const red = await shell(typed, { endpoint, env: { NO_COLOR: "" } });
  assertEquals(red.code, 2);
  assert(red.stdout.startsWith("\x1b[31;1merror:\x1b[0m Unknown command"), red.stdout);
  const plain = await shell(typed, { endpoint, env: { NO_COLOR: "1" } });
  assert(plain.stdout.startsWith("error: Unknown command"), plain.stdout);
  const piped = await shell("$FABRIC frobnicate", { endpoint });
  assertEquals(piped.stderr.startsWith("error: Unknown command"), true);
});

Deno.test("fabric-admin exits with 4 where etcd is not there", async () => {
  const gone = await shell("$FABRIC get networks", { endpoint: "http://127.0.0.1:1" });
  assertEquals(gone.code, 4);
  assert(gone.stderr.startsWith("error: "), gone.stderr);
});

Deno.test("edit opens the editor of the environment at a terminal, and none elsewhere", async () => {
  await using admin = await startAdmin();
  const endpoint = admin.etcd.endpoints[0] ?? "";
  const dir = await Deno.makeTempDir();
  try {
    await applyResource(admin.context, physicalNetwork("prod", { mtu: 1500 }));
    // An editor with an argument, which the shell has to take apart.
    await Deno.writeTextFile(
      `${dir}/editor`,
      `#!/bin/sh\n[ "$1" = --wait ] && sed -i 's/mtu: 1500/mtu: 9000/' "$2"\n`,
      { mode: 0o755 },
    );
    const env = { VISUAL: "", EDITOR: `${dir}/editor --wait` };
    const typed = `script -qec "$FABRIC edit pn prod" /dev/null`;
    const edited = await shell(typed, { endpoint, env });
    assertEquals(edited.code, 0, edited.stdout);
    assert(edited.stdout.includes("physicalnetwork.beyondfabric.io/prod edited"), edited.stdout);
    const failing = await shell(typed, { endpoint, env: { ...env, EDITOR: "false" } });
    assertEquals(failing.code, 1, failing.stdout);
    const file = /kept in (\S+\.yaml)/.exec(failing.stdout)?.[1] ?? "";
    assert((await Deno.readTextFile(file)).includes("mtu: 9000"));
    await Deno.remove(file);
    const piped = await shell("$FABRIC edit pn prod </dev/null", { endpoint, env });
    assertEquals([piped.code, piped.stderr.startsWith("error: There is no terminal")], [2, true]);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("diff is coloured at a terminal only", async () => {
  await using admin = await startAdmin();
  const endpoint = admin.etcd.endpoints[0] ?? "";
  const document = JSON.stringify(physicalNetwork("prod"));
  const typed = `script -qec "echo '${
    document.replaceAll('"', '\\"')
  }' | $FABRIC diff -f -" /dev/null`;
  const coloured = await shell(typed, { endpoint, env: { NO_COLOR: "" } });
  assert(coloured.stdout.includes("\x1b[32m+kind: PhysicalNetwork"), coloured.stdout);
  assertEquals(coloured.code, 6);
  const plain = await shell(`echo '${document}' | $FABRIC diff -f -`, { endpoint });
  assert(plain.stdout.includes("\n+kind: PhysicalNetwork\n"), plain.stdout);
});
