import { assert, assertEquals } from "@std/assert";
import {
  ALL_PERMISSIONS,
  permissionFlags,
  PERMISSIONS,
  PROGRAM_PATH,
  type Role,
  ROLES,
} from "./permissions.ts";

const FOLDERS = PROGRAM_PATH.split(":");

/** What is left, as `kind` or `kind:detail`, of everything that somebody could ask for. */
const PROBE = `
  import { giveUpPermissions } from ${
  JSON.stringify(new URL("permissions.ts", import.meta.url).href)
};
  const asked = JSON.parse(Deno.args[1]);
  giveUpPermissions(Deno.args[0]);
  const left = asked.filter((d) => Deno.permissions.querySync(d).state === "granted");
  console.log(JSON.stringify(left));
`;

const ASKED: readonly Deno.PermissionDescriptor[] = [
  { name: "read" },
  { name: "read", path: "/etc/fabric/config.yaml" },
  { name: "net" },
  { name: "net", host: "10.0.0.1:2379" },
  { name: "ffi" },
  { name: "import" },
  { name: "run" },
  { name: "run", command: "bash" },
  { name: "sys" },
  { name: "sys", kind: "osRelease" },
  { name: "env" },
  { name: "env", variable: "PATH" },
  { name: "env", variable: "LD_PRELOAD" },
  { name: "env", variable: "FABRIC_FAULT" },
  { name: "write" },
  { name: "write", path: "/etc/passwd" },
  { name: "write", path: "/opt/cni/bin/fabric" },
  { name: "write", path: "/run/fabric/token" },
  { name: "write", path: "/var/lib/fabric/spool" },
  { name: "write", path: "/var/lib/kubelet" },
  { name: "write", path: "/var/log/fabric/fabric.log" },
  ...ALL_PERMISSIONS.run.flatMap((program) =>
    FOLDERS.map((folder) => ({ name: "run" as const, command: `${folder}/${program}` }))
  ),
  ...ALL_PERMISSIONS.env.map((variable) => ({ name: "env" as const, variable })),
  { name: "sys", kind: "hostname" },
  { name: "sys", kind: "uid" },
];

/** The same by our table. */
function expected(role: Role): readonly Deno.PermissionDescriptor[] {
  const { read, write, net, run, env, sys } = PERMISSIONS[role];
  const programs: readonly string[] = run.flatMap((name) => FOLDERS.map((f) => `${f}/${name}`));
  const variables: readonly string[] = env;
  const under = (path: string) =>
    write.some((folder) => folder === "/" || path.startsWith(`${folder}/`));
  return ASKED.filter((descriptor) => {
    switch (descriptor.name) {
      case "read":
        return read;
      case "net":
        return net;
      case "write":
        return descriptor.path !== undefined && under(String(descriptor.path));
      case "run":
        return programs.includes(String(descriptor.command));
      case "env":
        return descriptor.variable !== undefined && variables.includes(descriptor.variable);
      case "sys":
        return sys.some((kind) => kind === descriptor.kind);
      default:
        return false;
    }
  });
}

for (const role of ROLES) {
  Deno.test(`giveUpPermissions() leaves ${role} what the table says and nothing more`, async () => {
    const file = await Deno.makeTempFile({ suffix: ".ts" });
    try {
      await Deno.writeTextFile(file, PROBE);
      const output = await new Deno.Command(Deno.execPath(), {
        args: ["run", "--no-check", ...permissionFlags(), file, role, JSON.stringify(ASKED)],
      }).output();
      const stderr = new TextDecoder().decode(output.stderr);
      assert(output.success, stderr);
      assertEquals(JSON.parse(new TextDecoder().decode(output.stdout)), expected(role));
    } finally {
      await Deno.remove(file);
    }
  });
}

Deno.test("no role may load native code, read all variables or start any program", () => {
  const flags = permissionFlags();
  for (const forbidden of ["--allow-ffi", "--allow-env", "--allow-run", "--allow-all", "-A"]) {
    assert(!flags.includes(forbidden), forbidden);
  }
  assert(flags.includes("--no-prompt"));
  assert(flags.includes("--deny-import"));
  assert(!flags.join(" ").includes("FABRIC_FAULT"));
});

Deno.test("what sources ask of the system, and no more, is in the table", async () => {
  const kinds = "hostname|uid|gid|osRelease|osUptime|loadavg|networkInterfaces|systemMemoryInfo";
  const { stdout } = await new Deno.Command("grep", {
    args: [
      ...["-rhoE", "--include=*.ts", "--exclude=*_test.ts", `\\bDeno\\.(${kinds})\\(`],
      ...["main.ts", "mod", "cni", "admin", "server"],
    ],
    cwd: new URL("..", import.meta.url).pathname,
  }).output();
  const calls = new TextDecoder().decode(stdout).trim().split("\n");
  const used = calls.map((call) => call.slice("Deno.".length, -1));
  assertEquals([...new Set(used)].sort(), [...ALL_PERMISSIONS.sys].sort());
});
