import { assertEquals, assertStringIncludes } from "@std/assert";
import { main } from "../../admin/main.ts";
import type { RoleIo } from "../../mod/role.ts";
import { startEtcd } from "../etcd_fixture.ts";

Deno.test("etcd roles makes the roles, and a user without the right one is refused with 4", async () => {
  await using etcd = await startEtcd({ auth: true });
  const { root } = etcd;
  if (root === undefined) throw new Error("no auth");
  const dir = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${dir}/config.yaml`, `runDir: ${dir}/run\n`);
    const run = async (
      user: { readonly user: string; readonly passwordFile: string },
      ...args: readonly string[]
    ): Promise<{ readonly stdout: string; readonly stderr: string; readonly exit: number }> => {
      let stdout = "";
      let stderr = "";
      const variables: Readonly<Record<string, string>> = {
        FABRIC_CONFIG: `${dir}/config.yaml`,
        FABRIC_ETCD_ENDPOINTS: etcd.endpoints.join(","),
        FABRIC_ETCD_USER: user.user,
        FABRIC_ETCD_PASSWORD_FILE: user.passwordFile,
      };
      const io: RoleIo = {
        env: (name) => variables[name],
        readStdin: () =>
          Promise.resolve(JSON.stringify({
            apiVersion: "beyondfabric.io/v1alpha1",
            kind: "PhysicalNetwork",
            metadata: { name: "prod" },
            spec: {},
          })),
        writeStdout: (text) => void (stdout += text),
        writeStderr: (text) => void (stderr += text),
      };
      const exit = await main(args, io);
      return { stdout, stderr, exit };
    };
    const first = await run(root, "etcd", "roles");
    assertEquals([first.exit, first.stderr], [0, ""]);
    assertStringIncludes(first.stdout, "fabric-plugin: add the role");
    assertEquals(await run(root, "etcd", "roles"), {
      stdout: "roles unchanged\n",
      stderr: "",
      exit: 0,
    });

    const users: Record<string, { user: string; passwordFile: string }> = {};
    for (const role of ["fabric-plugin", "fabric-admin"]) {
      const user = `user-of-${role}`;
      const password = crypto.randomUUID();
      const passwordFile = `${dir}/${role}.password`;
      await Deno.writeTextFile(passwordFile, password, { mode: 0o600 });
      await etcd.etcdctl("user", "add", `${user}:${password}`);
      await etcd.etcdctl("user", "grant-role", user, role);
      users[role] = { user, passwordFile };
    }
    const { "fabric-plugin": plugin = root, "fabric-admin": admin = root } = users;
    const refused = await run(plugin, "apply", "-f", "-");
    assertEquals([refused.exit, refused.stdout], [4, ""]);
    assertStringIncludes(refused.stderr, "error: ");
    assertStringIncludes(refused.stderr, "role");
    const done = await run(admin, "apply", "-f", "-");
    assertEquals(done, {
      stdout: "physicalnetwork.beyondfabric.io/prod created\n",
      stderr: "",
      exit: 0,
    });
    assertEquals((await run(plugin, "get", "physicalnetworks", "-o", "name")).exit, 0);

    await Deno.writeTextFile(plugin.passwordFile, "wrong", { mode: 0o600 });
    await Deno.remove(`${dir}/run`, { recursive: true });
    const wrong = await run(plugin, "get", "networks");
    assertEquals([wrong.exit, wrong.stdout], [4, ""]);
    assertEquals(wrong.stderr.includes("wrong\n"), false);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
