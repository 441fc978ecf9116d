/**
 * What each role may do. The executable is compiled with the union of this table and not more
 * (`scripts/compile`), and a role gives up at its start what only others need
 * ({@linkcode giveUpPermissions}), before its code is even loaded.
 *
 * What Deno's permissions mean here (measured with 2.9.4):
 * - Files under `/proc`, `/sys` and `/dev` need `--allow-all`, which nobody gets: so boot id,
 *   namespaces and devices are read by `ip` and `nsenter`, and never by this process.
 * - A unix socket needs read and write permission for its path beside `net`.
 * - A program named in `--allow-run` is looked up in PATH when the executable starts, and a PATH
 *   without it, or no PATH at all, would be fatal. So programs are allowed by absolute path, and
 *   children get {@linkcode PROGRAM_PATH} as their PATH, whatever the runtime's is.
 * - A list with `/` in it can be narrowed by revoking `/`; an unscoped permission cannot.
 *
 * @module
 */

import { SETTINGS } from "./config_setting.ts";

/** The faces of the one executable; `command` is `fabric` as typed by people (install, version). */
export const ROLES = ["cni", "server", "admin", "command"] as const;
export type Role = typeof ROLES[number];

/**
 * Programs that this process starts itself. What a script or `nsenter` starts (`ip`, `nft`,
 * `ethtool`) is their child: so this list keeps mistakes out, but is no wall around a role that may
 * enter namespaces.
 */
export const PROGRAMS = ["ip", "tc", "nft", "nsenter", "sh"] as const;
/** `fabric install` makes links by it: Deno's own needs permission to write everywhere. */
const LINK_PROGRAM = "ln";
export type Program = typeof PROGRAMS[number] | typeof LINK_PROGRAM;

const PROGRAM_FOLDERS = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"] as const;

/**
 * PATH of every program that we start. Give it as `env: { PATH: PROGRAM_PATH }` with
 * `clearEnv: true`: then `new Deno.Command("ip", …)` is found there, also when the runtime called
 * us with another PATH, an empty one or none, and a planted program in that PATH is never run.
 */
export const PROGRAM_PATH: string = PROGRAM_FOLDERS.join(":");

const CNI_VARIABLES = [
  "CNI_COMMAND",
  "CNI_CONTAINERID",
  "CNI_NETNS",
  "CNI_IFNAME",
  "CNI_ARGS",
  "CNI_PATH",
  "CNI_NETNS_OVERRIDE",
] as const;

/** FABRIC_CONFIG names the configuration's file, the others override its fields. */
const FABRIC_VARIABLES = [
  "FABRIC_CONFIG",
  ...SETTINGS.map(({ variable }) => variable),
] as const;

/** Who became root, for the audit of commands that people run. */
const PEOPLE_VARIABLES = ["SUDO_USER"] as const;

/** Every variable of the environment that any role may read. */
export const VARIABLES = [...CNI_VARIABLES, ...FABRIC_VARIABLES, ...PEOPLE_VARIABLES] as const;
export type Variable = typeof VARIABLES[number];

/** Anywhere: written as a list, so that it can be revoked and leave the narrower entries. */
const ANYWHERE = "/";

export interface Permissions {
  /** Reading files, outside `/proc`, `/sys` and `/dev`. */
  readonly read: boolean;
  /** Folders to write in; also where unix sockets may lie. */
  readonly write: readonly string[];
  /** Any host and port, and unix sockets: endpoints are configuration. */
  readonly net: boolean;
  readonly run: readonly Program[];
  readonly env: readonly Variable[];
  /** The host's name is the default name of the node; the user id guards the shared etcd token. */
  readonly sys: readonly ("hostname" | "uid")[];
}

const NOTHING: Permissions = {
  read: false,
  write: [],
  net: false,
  run: [],
  env: [],
  sys: [],
};

/** Where the plugin may write, and where the socket of ovsdb-server may lie. */
const STATE_FOLDERS = ["/run", "/var/run", "/var/lib/fabric", "/var/log/fabric"] as const;

/** Who may do what. */
export const PERMISSIONS: Readonly<Record<Role, Permissions>> = {
  // Reads credentials wherever the configuration says; writes its state, its log, and speaks to
  // sockets under /run.
  cni: {
    read: true,
    write: STATE_FOLDERS,
    net: true,
    run: PROGRAMS,
    env: [...CNI_VARIABLES, ...FABRIC_VARIABLES],
    sys: ["hostname", "uid"],
  },
  // Reads the files that the operator names; writes the shared etcd token under /run/fabric, and
  // exports to where the operator says. On a node it looks at devices and namespaces, as the plugin.
  admin: {
    read: true,
    write: [ANYWHERE, "/run", "/var/run"],
    net: true,
    run: PROGRAMS,
    env: [...FABRIC_VARIABLES, ...PEOPLE_VARIABLES],
    sys: ["hostname", "uid"],
  },
  // Reads the configuration and the files that it names, listens, speaks to etcd, writes its log.
  server: {
    ...NOTHING,
    read: true,
    write: STATE_FOLDERS,
    net: true,
    env: [...FABRIC_VARIABLES, ...PEOPLE_VARIABLES],
    // Of who runs a command about accounts.
    sys: ["hostname", "uid"],
  },
  // Installs into folders that the operator names; its door speaks to the API server, and listens on
  // a socket where the operator says.
  command: { ...NOTHING, read: true, write: [ANYWHERE], net: true, run: [LINK_PROGRAM] },
};

/** What the roles need together. */
export const ALL_PERMISSIONS: Permissions = {
  read: ROLES.some((role) => PERMISSIONS[role].read),
  write: union((permissions) => permissions.write),
  net: ROLES.some((role) => PERMISSIONS[role].net),
  run: union((permissions) => permissions.run),
  env: union((permissions) => permissions.env),
  sys: union((permissions) => permissions.sys),
};

/** The flags that `deno compile` (and `deno run`, in tests) gets. */
export function permissionFlags(): readonly string[] {
  const { read, write, net, run, env, sys } = ALL_PERMISSIONS;
  const programs = run.flatMap((program) =>
    PROGRAM_FOLDERS.map((folder) => `${folder}/${program}`)
  );
  return [
    "--no-prompt",
    "--deny-import",
    ...(read ? ["--allow-read"] : []),
    ...(net ? ["--allow-net"] : []),
    `--allow-write=${write.join(",")}`,
    `--allow-run=${programs.join(",")}`,
    `--allow-env=${env.join(",")}`,
    `--allow-sys=${sys.join(",")}`,
  ];
}

/**
 * Gives up, for good, what `role` does not need. Called before the role's code is loaded.
 * Where nothing was granted (a test without permissions) it does nothing.
 */
export function giveUpPermissions(role: Role): void {
  const keep = PERMISSIONS[role];
  const revoke = (descriptor: Deno.PermissionDescriptor): void =>
    void Deno.permissions.revokeSync(descriptor);
  revoke({ name: "ffi" });
  revoke({ name: "import" });
  if (!keep.read) revoke({ name: "read" });
  if (!keep.net) revoke({ name: "net" });
  narrow(keep.write, ALL_PERMISSIONS.write, {
    all: () => revoke({ name: "write" }),
    // Revoking a folder revokes those above it too, so nothing below "/" may be touched to keep it.
    one: (path) => {
      if (!keep.write.includes(ANYWHERE)) revoke({ name: "write", path });
    },
  });
  narrow(keep.run, ALL_PERMISSIONS.run, {
    all: () => revoke({ name: "run" }),
    one: (program) => {
      for (const folder of PROGRAM_FOLDERS) {
        revoke({ name: "run", command: `${folder}/${program}` });
      }
    },
  });
  // One by one, also all of them: the test build has one more, for its fault points.
  for (const variable of ALL_PERMISSIONS.env) {
    if (!keep.env.includes(variable)) revoke({ name: "env", variable });
  }
  narrow(keep.sys, ALL_PERMISSIONS.sys, {
    all: () => revoke({ name: "sys" }),
    one: (kind) => revoke({ name: "sys", kind }),
  });
}

function narrow<T>(
  keep: readonly T[],
  granted: readonly T[],
  revoke: { readonly all: () => void; readonly one: (item: T) => void },
): void {
  if (keep.length === 0) return revoke.all();
  for (const item of granted) if (!keep.includes(item)) revoke.one(item);
}

function union<T>(of: (permissions: Permissions) => readonly T[]): readonly T[] {
  return [...new Set(ROLES.flatMap((role) => of(PERMISSIONS[role])))];
}
