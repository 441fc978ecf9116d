/**
 * `fabric-ctl token` and `fabric-ctl account`: who may come in, said on a host that may speak to
 * etcd. This is also how the first administrator gets in.
 *
 * @module
 */

import { appendAudit } from "../mod/audit/append.ts";
import { etcdOptions } from "../mod/config.ts";
import { FabricError } from "../mod/error.ts";
import { openGatewayStore } from "../mod/etcd/gateway.ts";
import type { Store } from "../mod/etcd/store.ts";
import { readSecretFile } from "../mod/secret_file.ts";
import { changeAccount, createAccount, deleteAccount, listAccounts } from "./auth/accounts.ts";
import { type Role, ROLES, type Scope } from "./auth/principal.ts";
import { endSessions } from "./auth/sessions.ts";
import { createToken, listTokens, revokeToken } from "./auth/tokens.ts";
import { type Command, type CommandCall, CONFIG_FLAGS, readConfig } from "./command.ts";
import { usage } from "./flags.ts";

/** Opens the store for one command. */
export async function withStore<T>(
  call: CommandCall,
  run: (store: Store) => Promise<T>,
): Promise<T> {
  const { tokenFile: _, ...options } = etcdOptions(await readConfig(call));
  await using store = await openGatewayStore(options);
  return await run(store);
}

/** Writes a change down. */
async function note(
  store: Store,
  entry: { readonly action: string; readonly object: string; readonly after?: unknown },
): Promise<void> {
  await appendAudit(store, [{
    at: new Date().toISOString(),
    who: "fabric-ctl",
    way: "shell",
    from: "this host",
    requestId: crypto.randomUUID(),
    outcome: "done",
    ...entry,
  }]);
}

function one(call: CommandCall, what: string): string {
  const [word, ...more] = call.words;
  if (word === undefined || more.length > 0) {
    throw usage(word === undefined ? `No ${what} is named` : `More than one ${what} is named`, "name one");
  }
  return word;
}

function roleOf({ flags }: CommandCall): Role {
  const given = flags.get("role");
  const role = ROLES.find((candidate) => candidate === given);
  if (role !== undefined) return role;
  throw usage(
    given === undefined ? "Flag --role is missing" : `Unknown role "${given}"`,
    `use one of ${ROLES.join(", ")}`,
  );
}

/** `tenant=cards,site=a`. */
function scopeOf({ flags }: CommandCall): Scope | undefined {
  const given = flags.get("tenant");
  if (given === undefined) return undefined;
  const pairs = given.split(",").map((pair) => pair.split("="));
  if (pairs.some((pair) => pair.length !== 2 || pair.some((part) => part.trim() === ""))) {
    throw usage(`Cannot read --tenant "${given}"`, "write labels of networks like tenant=cards");
  }
  return Object.fromEntries(pairs.map(([name = "", value = ""]) => [name.trim(), value.trim()]));
}

function rows(call: CommandCall, items: readonly object[], lines: readonly (readonly string[])[]) {
  if (call.flags.get("output") === "json") {
    call.io.writeStdout(`${JSON.stringify({ items }, null, 2)}\n`);
    return;
  }
  const widths = (lines[0] ?? []).map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)));
  for (const line of lines) {
    const cells = line.map((cell, i) => i === line.length - 1 ? cell : cell.padEnd(widths[i] ?? 0));
    call.io.writeStdout(`${cells.join("   ").trimEnd()}\n`);
  }
}

const ROLE_FLAGS = {
  role: { value: ROLES.join("|"), text: "What it may do" },
  tenant: {
    value: "LABELS",
    text: "Only networks that carry all these labels, e.g. tenant=cards; default: all",
  },
} as const;
const OUTPUT = { output: { value: "json", text: "As JSON (-o json)" } } as const;

const TOKEN_CREATE: Command = {
  name: "token create",
  args: "NAME",
  summary: "Make a bearer token; it is shown this once",
  flags: {
    ...ROLE_FLAGS,
    days: { value: "N", text: "Until it expires, 1 to 3650; default: 90" },
    ...OUTPUT,
    ...CONFIG_FLAGS,
  },
  async run(call) {
    const name = one(call, "token");
    const given = call.flags.get("days") ?? "90";
    const days = Number(given);
    if (!/^\d{1,4}$/.test(given) || days < 1 || days > 3650) {
      throw usage(`Cannot read --days "${given}"`, "give a number from 1 to 3650");
    }
    const role = roleOf(call);
    const scope = scopeOf(call);
    return await withStore(call, async (store) => {
      const made = await createToken({ store, now: Date.now }, {
        name,
        role,
        scope,
        lifetimeMs: days * 86_400_000,
        by: "fabric-ctl",
      });
      const { id, expires } = made.record;
      await note(store, {
        action: "createToken",
        object: `Token ${id} (${name})`,
        after: { id, name, role, scope, expires },
      });
      if (call.flags.get("output") === "json") {
        call.io.writeStdout(`${JSON.stringify({ id, name, role, expires, token: made.text })}\n`);
      } else {
        call.io.writeStderr(`Token ${id} of ${name}, role ${role}, expires ${expires}. Keep it:\n`);
        call.io.writeStdout(`${made.text}\n`);
      }
      return 0;
    });
  },
};

const TOKEN_LIST: Command = {
  name: "token list",
  args: "",
  summary: "List tokens",
  flags: { ...OUTPUT, ...CONFIG_FLAGS },
  run: (call) =>
    withStore(call, async (store) => {
      const tokens = await listTokens(store);
      rows(call, tokens.map(({ salt: _, hash: __, ...shown }) => shown), [
        ["ID", "NAME", "ROLE", "TENANT", "CREATED", "EXPIRES"],
        ...tokens.map(({ id, name, role, scope, created, expires }) => [
          id,
          name,
          role,
          scopeText(scope),
          created,
          expires ?? "never",
        ]),
      ]);
      return 0;
    }),
};

function scopeText(scope: Scope | undefined): string {
  if (scope === undefined) return "all";
  return Object.entries(scope).map(([name, value]) => `${name}=${value}`).join(",");
}

const TOKEN_REVOKE: Command = {
  name: "token revoke",
  args: "ID|NAME",
  summary: "End a token, and the sessions that began by it",
  flags: CONFIG_FLAGS,
  run: (call) =>
    withStore(call, async (store) => {
      const { id, name } = await revokeToken(store, one(call, "token"));
      await note(store, { action: "revokeToken", object: `Token ${id} (${name})` });
      call.io.writeStdout(`token ${id} (${name}) revoked\n`);
      return 0;
    }),
};

const PASSWORD_FLAG = {
  "password-file": { value: "FILE", text: "File with the password; default: standard input" },
} as const;

async function passwordOf({ flags, io }: CommandCall): Promise<string> {
  const file = flags.get("password-file");
  const text = file === undefined
    ? await io.readStdin()
    : readSecretFile(file, "--password-file");
  const password = text.replace(/\r?\n$/, "");
  if (!/[\r\n]/.test(password)) return password;
  throw new FabricError("invalid", "The password has more than one line", {
    field: "password",
    remedy: "give one line",
  });
}

const ACCOUNT_CREATE: Command = {
  name: "account create",
  args: "NAME",
  summary: "Make a local account; its password comes by standard input",
  flags: { ...ROLE_FLAGS, ...PASSWORD_FLAG, ...CONFIG_FLAGS },
  async run(call) {
    const name = one(call, "account");
    const role = roleOf(call);
    const scope = scopeOf(call);
    const password = await passwordOf(call);
    return await withStore(call, async (store) => {
      await createAccount({ store, now: Date.now }, { name, password, role, scope });
      await note(store, {
        action: "createAccount",
        object: `Account ${name}`,
        after: { name, role, scope },
      });
      call.io.writeStdout(`account ${name} created\n`);
      return 0;
    });
  },
};

const ACCOUNT_PASSWORD: Command = {
  name: "account password",
  args: "NAME",
  summary: "Set a new password; ends a lock, and all sessions",
  flags: { ...PASSWORD_FLAG, ...CONFIG_FLAGS },
  async run(call) {
    const name = one(call, "account");
    const password = await passwordOf(call);
    return await withStore(call, async (store) => {
      await changeAccount({ store, now: Date.now }, name, { password });
      await endSessions(store, name);
      await note(store, { action: "changeAccount", object: `Account ${name}` });
      call.io.writeStdout(`account ${name} has a new password\n`);
      return 0;
    });
  },
};

const ACCOUNT_LIST: Command = {
  name: "account list",
  args: "",
  summary: "List local accounts",
  flags: { ...OUTPUT, ...CONFIG_FLAGS },
  run: (call) =>
    withStore(call, async (store) => {
      const accounts = await listAccounts(store);
      const shown = accounts.map(({ salt: _, hash: __, algorithm: ___, ...rest }) => rest);
      rows(call, shown, [
        ["NAME", "ROLE", "TENANT", "CREATED", "STATE"],
        ...accounts.map(({ name, role, scope, created, disabled, lockedUntil }) => [
          name,
          role,
          scopeText(scope),
          created,
          disabled === true
            ? "disabled"
            : lockedUntil !== undefined && Date.parse(lockedUntil) > Date.now()
            ? `locked until ${lockedUntil}`
            : "active",
        ]),
      ]);
      return 0;
    }),
};

const ACCOUNT_DELETE: Command = {
  name: "account delete",
  args: "NAME",
  summary: "Delete an account; its sessions end",
  flags: CONFIG_FLAGS,
  run: (call) =>
    withStore(call, async (store) => {
      const name = one(call, "account");
      await deleteAccount(store, name);
      await endSessions(store, name);
      await note(store, { action: "deleteAccount", object: `Account ${name}` });
      call.io.writeStdout(`account ${name} deleted\n`);
      return 0;
    }),
};

/** Commands of access. */
export const ACCESS_COMMANDS: readonly Command[] = [
  TOKEN_CREATE,
  TOKEN_LIST,
  TOKEN_REVOKE,
  ACCOUNT_CREATE,
  ACCOUNT_PASSWORD,
  ACCOUNT_LIST,
  ACCOUNT_DELETE,
];

