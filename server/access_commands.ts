/**
 * `fabric-ctl token` and `fabric-ctl account`: who may come in, said on a host that may speak to
 * etcd. This is also how the first administrator gets in.
 *
 * @module
 */

import { ulid } from "@std/ulid";
import { audited } from "../mod/audit/audited.ts";
import { commandActor } from "../mod/audit/command_actor.ts";
import { etcdOptions } from "../mod/config.ts";
import { FabricError } from "../mod/error.ts";
import { openGatewayStore } from "../mod/etcd/gateway.ts";
import type { Store } from "../mod/etcd/store.ts";
import { readSecretFile } from "../mod/secret_file.ts";
import {
  type AccountContext,
  changeAccount,
  createAccount,
  deleteAccount,
  listAccounts,
  shownAccount,
} from "./auth/accounts.ts";
import { generatePassword, Passwords } from "./auth/password.ts";
import { type Role, ROLES, type Scope } from "./auth/principal.ts";
import { createToken, listTokens, revokeToken, shownToken } from "./auth/tokens.ts";
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

/** What a change works with. */
interface ChangeContext extends AccountContext {
  /** Who runs the command. */
  readonly by: string;
}

/** Runs a change, and writes it down, done or refused. */
async function change<T extends { readonly before?: unknown; readonly after?: unknown }>(
  call: CommandCall,
  what: { readonly action: string; readonly object: string },
  run: (context: ChangeContext) => Promise<T>,
): Promise<T> {
  return await withStore(call, async (store) => {
    const actor = commandActor((name) => call.io.env(name));
    const context = { store, now: Date.now, newId: ulid };
    return await audited(context, { ...actor, ...what }, async () => {
      const done = await run({ ...context, passwords: new Passwords(), by: actor.who });
      const { before, after } = done;
      return { value: done, told: { before, after } };
    });
  });
}

function one(call: CommandCall, what: string): string {
  const [word, ...more] = call.words;
  if (word === undefined || more.length > 0) {
    throw usage(
      word === undefined ? `No ${what} is named` : `More than one ${what} is named`,
      "name one",
    );
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
  const widths = (lines[0] ?? []).map((_, i) =>
    Math.max(...lines.map((line) => line[i]?.length ?? 0))
  );
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
  notes: `Only the token goes to standard output.

Examples:
  fabric-ctl token create grafana --role viewer --days 365 > /etc/grafana/fabric-token
  fabric-ctl token create cards-ci --role operator --tenant department=cards -o json`,
  async run(call) {
    const name = one(call, "token");
    const given = call.flags.get("days") ?? "90";
    const days = Number(given);
    if (!/^\d{1,4}$/.test(given) || days < 1 || days > 3650) {
      throw usage(`Cannot read --days "${given}"`, "give a number from 1 to 3650");
    }
    const role = roleOf(call);
    const scope = scopeOf(call);
    const made = await change(
      call,
      { action: "createToken", object: `Token ${name}` },
      async (context) => {
        const made = await createToken(context, {
          name,
          role,
          scope,
          lifetimeMs: days * 86_400_000,
          by: context.by,
        });
        return { made, after: shownToken(made.record) };
      },
    );
    const { record: { id, expires }, text } = made.made;
    if (call.flags.get("output") === "json") {
      call.io.writeStdout(`${JSON.stringify({ id, name, role, expires, token: text })}\n`);
    } else {
      call.io.writeStderr(`Token ${id} of ${name}, role ${role}, expires ${expires}. Keep it:\n`);
      call.io.writeStdout(`${text}\n`);
    }
    return 0;
  },
};

const TOKEN_LIST: Command = {
  name: "token list",
  args: "",
  summary: "List tokens; their secrets are known to nobody",
  flags: { ...OUTPUT, ...CONFIG_FLAGS },
  notes: "Examples:\n  fabric-ctl token list\n  fabric-ctl token list -o json",
  run: (call) =>
    withStore(call, async (store) => {
      const tokens = await listTokens(store);
      rows(call, tokens.map(shownToken), [
        ["ID", "NAME", "ROLE", "TENANT", "CREATED", "BY", "EXPIRES"],
        ...tokens.map(({ id, name, role, scope, created, createdBy, expires }) => [
          id,
          name,
          role,
          scopeText(scope),
          created,
          createdBy,
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
  notes: "Examples:\n  fabric-ctl token revoke grafana\n  fabric-ctl token revoke k3x9w2hq7v1m",
  async run(call) {
    const which = one(call, "token");
    const { token } = await change(
      call,
      { action: "revokeToken", object: `Token ${which.slice(0, 80)}` },
      async ({ store }) => {
        const token = await revokeToken(store, which);
        return { token, before: shownToken(token) };
      },
    );
    call.io.writeStdout(`token ${token.id} (${token.name}) revoked\n`);
    return 0;
  },
};

const PASSWORD_FLAGS = {
  "password-file": {
    value: "FILE",
    text: "Read the password from this file, which nobody else may read",
  },
  "password-stdin": { text: "Read the password from standard input" },
} as const;

const PASSWORD_NOTES =
  "Without --password-file and --password-stdin a password is made and shown " +
  "once; it must be\nchanged at the first sign-in. No account has a default password.";

interface Given {
  readonly password: string;
  /** It was made here: shown once, and to be changed at the first sign-in. */
  readonly made: boolean;
}

async function passwordOf({ flags, io }: CommandCall): Promise<Given> {
  const file = flags.get("password-file");
  const fromInput = flags.has("password-stdin");
  if (file !== undefined && fromInput) {
    throw usage("Both --password-file and --password-stdin are given", "use one of them");
  }
  if (file === undefined && !fromInput) return { password: generatePassword(), made: true };
  const text = file === undefined ? await io.readStdin() : readSecretFile(file, "--password-file");
  const password = text.replace(/\r?\n$/, "");
  if (!/[\r\n]/.test(password)) return { password, made: false };
  throw new FabricError("invalid", "The password has more than one line", {
    field: "password",
    remedy: "give one line",
  });
}

function tellPassword({ io, flags }: CommandCall, done: string, given: Given): void {
  if (flags.get("output") === "json") {
    const body = { done, ...(given.made ? { password: given.password } : {}) };
    return io.writeStdout(`${JSON.stringify(body)}\n`);
  }
  io.writeStdout(`${done}\n`);
  if (!given.made) return;
  io.writeStderr("Its password, shown this once, to be changed at the first sign-in:\n");
  io.writeStdout(`${given.password}\n`);
}

const ACCOUNT_CREATE: Command = {
  name: "account create",
  args: "NAME",
  summary: "Make a local account",
  flags: { ...ROLE_FLAGS, ...PASSWORD_FLAGS, ...OUTPUT, ...CONFIG_FLAGS },
  notes: `${PASSWORD_NOTES}

Examples:
  fabric-ctl account create alice --role admin
  fabric-ctl account create bob --role operator --tenant department=cards
  pass show fabric/carol | fabric-ctl account create carol --role viewer --password-stdin`,
  async run(call) {
    const name = one(call, "account");
    const role = roleOf(call);
    const scope = scopeOf(call);
    const given = await passwordOf(call);
    const { password, made } = given;
    await change(call, { action: "createAccount", object: `Account ${name}` }, async (context) => ({
      after: shownAccount(
        await createAccount(context, {
          name,
          password,
          role,
          scope,
          by: context.by,
          mustChange: made,
        }),
      ),
    }));
    tellPassword(call, `account ${name} created`, given);
    return 0;
  },
};

const ACCOUNT_PASSWORD: Command = {
  name: "account password",
  args: "NAME",
  summary: "Set another password of an account, and end its sessions",
  flags: { ...PASSWORD_FLAGS, ...OUTPUT, ...CONFIG_FLAGS },
  notes: `${PASSWORD_NOTES}

Examples:
  fabric-ctl account password alice
  fabric-ctl account password alice --password-file /root/alice.password`,
  async run(call) {
    const name = one(call, "account");
    const given = await passwordOf(call);
    const { password, made } = given;
    await change(call, { action: "changeAccount", object: `Account ${name}` }, async (context) => {
      const { before, after } = await changeAccount(context, name, { password, mustChange: made });
      return { before: shownAccount(before), after: shownAccount(after) };
    });
    tellPassword(call, `account ${name} has a new password`, given);
    return 0;
  },
};

const ACCOUNT_LIST: Command = {
  name: "account list",
  args: "",
  summary: "List local accounts",
  flags: { ...OUTPUT, ...CONFIG_FLAGS },
  notes: "Examples:\n  fabric-ctl account list\n  fabric-ctl account list -o json",
  run: (call) =>
    withStore(call, async (store) => {
      const accounts = await listAccounts(store);
      rows(call, accounts.map(shownAccount), [
        ["NAME", "ROLE", "TENANT", "CREATED", "BY", "STATE"],
        ...accounts.map(({ name, role, scope, created, createdBy, disabled, mustChange }) => [
          name,
          role,
          scopeText(scope),
          created,
          createdBy,
          disabled ? "disabled" : mustChange ? "must change its password" : "active",
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
  notes: "Examples:\n  fabric-ctl account delete alice",
  async run(call) {
    const name = one(call, "account");
    await change(
      call,
      { action: "deleteAccount", object: `Account ${name}` },
      async ({ store }) => ({
        before: shownAccount(await deleteAccount(store, name)),
      }),
    );
    call.io.writeStdout(`account ${name} deleted; it is signed out everywhere\n`);
    return 0;
  },
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
