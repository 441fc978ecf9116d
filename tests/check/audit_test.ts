/** What administrators change is told to the audit, and check sees what was done to that. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { ChangeRecorder } from "../../admin/audit_changes.ts";
import { CHECK } from "../../admin/check.ts";
import { main } from "../../admin/main.ts";
import { sweepInbox } from "../../mod/audit/inbox.ts";
import { readAudit } from "../../mod/audit/read.ts";
import { AUDIT_FLOOR, AUDIT_HEAD, auditInboxKey, auditKey } from "../../mod/audit/record.ts";
import { FabricError } from "../../mod/error.ts";
import { openGatewayStore } from "../../mod/etcd/gateway.ts";
import { applyRoles, ROLES } from "../../mod/etcd/roles.ts";
import { type Store, underPrefix } from "../../mod/etcd/store.ts";
import type { RoleIo } from "../../mod/role.ts";
import { startEtcd } from "../etcd_fixture.ts";
import { startIpam } from "../ipam_fixture.ts";

/** `fabric-admin` with its streams as values. */
function adminOf(endpoints: readonly string[]) {
  return async (...args: readonly string[]) => {
    let stdout = "";
    let stderr = "";
    const io: RoleIo = {
      env: (name) =>
        name === "FABRIC_ETCD_ENDPOINTS"
          ? endpoints.join(",")
          : name === "SUDO_USER"
          ? "anna"
          : undefined,
      readStdin: () => Promise.resolve(""),
      writeStdout: (text) => void (stdout += text),
      writeStderr: (text) => void (stderr += text),
    };
    return { exit: await main(args, io), stdout, stderr };
  };
}

async function alter(store: Store, key: string, fields: Readonly<Record<string, unknown>>) {
  const { kvs: [kv] } = await store.range({ key });
  const value = JSON.stringify({ ...JSON.parse(kv?.value ?? "{}"), ...fields });
  await store.txn({ success: [{ put: key, value }] });
}

interface Damage {
  readonly code: string;
  readonly name: string;
  readonly damage: (store: Store) => Promise<unknown>;
}

const DAMAGES: readonly Damage[] = [
  {
    code: "F-U-01",
    name: "somebody else is said to have done it",
    damage: (store) => alter(store, auditKey(2), { who: "nobody" }),
  },
  {
    code: "F-U-01",
    name: "an entry cannot be read",
    damage: (store) => store.txn({ success: [{ put: auditKey(2), value: "{" }] }),
  },
  {
    code: "F-U-02",
    name: "an entry is gone",
    damage: (store) => store.txn({ success: [{ delete: { key: auditKey(2) } }] }),
  },
  {
    code: "F-U-02",
    name: "the newest entry is gone",
    damage: (store) => store.txn({ success: [{ delete: { key: auditKey(3) } }] }),
  },
  {
    code: "F-U-02",
    name: "the newest entry is gone and the head is put back",
    damage: async (store) => {
      const { kvs: [kv] } = await store.range({ key: auditKey(2) });
      const { seq, hash } = JSON.parse(kv?.value ?? "{}");
      await store.txn({
        success: [
          { delete: { key: auditKey(3) } },
          { put: AUDIT_HEAD, value: JSON.stringify({ v: 1, seq: seq + 5, hash }) },
        ],
      });
    },
  },
  {
    code: "F-U-03",
    name: "the first entries are gone under the name of retention",
    damage: async (store) => {
      const { kvs: [kv] } = await store.range({ key: auditKey(1) });
      const { hash } = JSON.parse(kv?.value ?? "{}");
      await store.txn({
        success: [
          { delete: { key: auditKey(1) } },
          { put: AUDIT_FLOOR, value: JSON.stringify({ v: 1, seq: 1, hash }) },
        ],
      });
    },
  },
  {
    code: "F-U-04",
    name: "a change waits that nobody put into the chain",
    damage: (store) =>
      store.txn({
        success: [{
          put: auditInboxKey("01J8ZQ4T6V9X0Y2B3C4D5E6F7G"),
          value: JSON.stringify({
            v: 1,
            at: "2026-01-01T00:00:00.000Z",
            who: "n7",
            way: "plugin",
            from: "n7",
            requestId: "x",
            action: "ADD",
            outcome: "refused",
          }),
        }],
      }),
  },
];

Deno.test("fabric-admin's changes are in the audit with who, what, before and after, also refused ones", async () => {
  await using ipam = await startIpam();
  const admin = adminOf(ipam.etcd.endpoints);
  const at = { network: "pods", range: "10.1.0.9" };
  const spec = { physicalNetwork: "prod", vlan: 7, subnets: [{ cidr: "10.1.0.0/24" }] };
  const document = { apiVersion: "beyondfabric.io/v1alpha1", kind: "Network", spec };
  const file = `${ipam.etcd.dir}/pods.yaml`;
  await Deno.writeTextFile(file, JSON.stringify({ ...document, metadata: { name: "pods" } }));
  const steps = [
    ["apply", "-f", file, "--dry-run"],
    ["apply", "-f", file],
    ["apply", "-f", file],
    ["get", "networks"],
    ["reserve", at.range, "--network", "pods", "--reason", "printer"],
    ["delete", "network", "pods"],
    ["delete", "network", "nowhere"],
  ];
  for (const step of steps) {
    const { stderr } = await admin(...step);
    assert(!stderr.includes("panic"), stderr);
  }
  const entries = await Array.fromAsync(readAudit(ipam.store));
  assertEquals(entries.map(({ action, object, outcome }) => [action, object, outcome]), [
    ["fabric-admin apply", "networks/pods", "done"],
    ["fabric-admin reserve", "10.1.0.9", "done"],
    ["fabric-admin delete", "network pods", "refused"],
    ["fabric-admin delete", "network nowhere", "refused"],
  ]);
  const [applied, reserved] = entries;
  assertEquals([applied?.who, applied?.way, applied?.from], [
    "anna as root",
    "shell",
    Deno.hostname(),
  ]);
  const told = JSON.stringify(applied);
  assert(told.includes(`"networks/pods":{`), told);
  assert(JSON.stringify(reserved).includes("printer"));
  assertEquals((await ipam.store.range({ key: "audit/inbox/", end: "audit/inbox0" })).count, 0);
  const { exit, stdout } = await admin("check", "audit");
  assertEquals([exit, stdout], [0, "no damage (4 entries of the audit)\n"]);
});

Deno.test("a node's credentials tell the audit, and neither read nor write its chain", async () => {
  await using etcd = await startEtcd({ auth: true });
  const { root, endpoints, dir } = etcd;
  assert(root !== undefined);
  await applyRoles({ endpoints, auth: root });
  await using store = await openGatewayStore({ endpoints, auth: root });
  await store.txn({ success: [{ put: "nodes/local/n1", value: "{}" }] });
  const passwordFile = `${dir}/plugin.password`;
  await Deno.writeTextFile(passwordFile, "a-password", { mode: 0o600 });
  await etcd.etcdctl("user", "add", "plugin:a-password");
  await etcd.etcdctl("user", "grant-role", "plugin", ROLES.plugin.name);
  await using plain = await openGatewayStore({
    endpoints,
    auth: { user: "plugin", passwordFile },
  });
  const io: RoleIo = {
    env: () => undefined,
    readStdin: () => Promise.resolve(""),
    writeStdout: () => {},
    writeStderr: () => {},
  };
  const recorder = new ChangeRecorder(CHECK, { args: ["node"], io, now: Date.now });
  const recorded = recorder.wrap(plain);
  await recorded.txn({ success: [{ put: "findings/local/n1", value: "{}" }] });
  await recorder.end(undefined);
  const inbox = underPrefix("audit/inbox/");
  assertEquals((await store.range(inbox)).count, 0, "a report is no change of a person");
  await recorded.txn({ success: [{ put: "attachments/local/n1/c/eth0", value: "{}" }] });
  await recorder.end(undefined);
  assertEquals((await store.range(inbox)).count, 1);
  await assertRejects(() => readAudit(plain).next(), FabricError, "does not permit");
  assertEquals(await sweepInbox(store, Date.now()), 1);
  const [entry] = await Array.fromAsync(readAudit(store));
  assertEquals([entry?.action, entry?.outcome], ["fabric-admin check", "done"]);
});

for (const { code, name, damage } of DAMAGES) {
  Deno.test(`check finds ${code}: ${name}`, async () => {
    await using ipam = await startIpam();
    const admin = adminOf(ipam.etcd.endpoints);
    for (const name of ["a", "b", "c"]) {
      const { exit, stderr } = await admin("create", "physicalnetwork", name);
      assertEquals([exit, stderr], [0, ""]);
    }
    await damage(ipam.store);
    const { exit, stdout } = await admin("check", "audit", "-o", "json");
    assertEquals(exit, 3);
    const codes = JSON.parse(stdout).findings.map(({ code }: { readonly code: string }) => code);
    assert(codes.includes(code), `${codes}`);
    assert(codes.every((one: string) => one.startsWith("F-U-")), `${codes}`);
  });
}
