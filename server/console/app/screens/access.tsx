/** Tokens and accounts, and one's own password and sessions. @module */

import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { useLoad } from "../api/load.ts";
import {
  type Account,
  changeAccount,
  createAccount,
  createToken,
  deleteAccount,
  readAccounts,
  readTokens,
  revokeToken,
  type Role,
  ROLES,
  type Token,
} from "../api/people.ts";
import { clock } from "../format.ts";
import { t } from "../i18n.ts";
import { PageHead } from "../shell.tsx";
import { Button, Tag, Time } from "../ui/bits.tsx";
import { confirm, Dialog } from "../ui/dialog.tsx";
import { Field } from "../ui/field.tsx";
import { Empty, Ready } from "../ui/states.tsx";
import { type Column, Table } from "../ui/table.tsx";
import { TaskDialog } from "../ui/task.tsx";
import { say, sayProblem } from "../ui/toast.tsx";

export function AccessScreen(): VNode {
  const tokens = useLoad("tokens", readTokens);
  const accounts = useLoad("accounts", readAccounts);
  const [open, setOpen] = useState<"token" | "account">();
  const [secret, setSecret] = useState<string>();
  return (
    <>
      <PageHead title={t("rail.access")} under={t("access.about")} />
      <div class="stack scroll">
        <section>
          <div class="tools">
            <h2>{t("access.tokens")}</h2>
            <span class="space" />
            <Button icon="plus" onClick={() => setOpen("token")}>{t("access.newToken")}</Button>
          </div>
          <Ready loaded={tokens} rows={3}>
            {(items) =>
              items.length === 0
                ? (
                  <Empty
                    icon="access"
                    title={t("access.noTokens")}
                    text={t("access.noTokensText")}
                  />
                )
                : (
                  <Table
                    label={t("access.tokens")}
                    columns={tokenColumns(tokens.reload)}
                    rows={items}
                    keyOf={({ id }) => id}
                    fill={false}
                  />
                )}
          </Ready>
        </section>
        <section>
          <div class="tools">
            <h2>{t("access.accounts")}</h2>
            <span class="space" />
            <Button icon="plus" onClick={() => setOpen("account")}>{t("access.newAccount")}</Button>
          </div>
          <Ready loaded={accounts} rows={3}>
            {(items) =>
              items.length === 0
                ? (
                  <Empty
                    icon="user"
                    title={t("access.noAccounts")}
                    text={t("access.noAccountsText")}
                  />
                )
                : (
                  <Table
                    label={t("access.accounts")}
                    columns={accountColumns(accounts.reload)}
                    rows={items}
                    keyOf={({ name }) => name}
                    fill={false}
                  />
                )}
          </Ready>
        </section>
        <RolesTable />
      </div>
      {open === "token"
        ? (
          <TokenDialog
            onClose={() => setOpen(undefined)}
            onDone={(text) => {
              tokens.reload();
              setSecret(text);
            }}
          />
        )
        : null}
      {open === "account"
        ? <AccountDialog onClose={() => setOpen(undefined)} onDone={accounts.reload} />
        : null}
      {secret === undefined
        ? null
        : <SecretDialog text={secret} onClose={() => setSecret(undefined)} />}
    </>
  );
}

/** What each role may do. */
function RolesTable(): VNode {
  return (
    <section>
      <h2>{t("access.roles")}</h2>
      <dl class="facts">
        {ROLES.map((role) => (
          <div key={role}>
            <dt>{t(`role.${role}`)}</dt>
            <dd>{t(`roleAbout.${role}`)}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function scopeText(scope: Readonly<Record<string, string>> | undefined): string {
  return scope === undefined
    ? t("access.all")
    : Object.entries(scope).map(([key, value]) => `${key}=${value}`).join(", ");
}

function tokenColumns(reload: () => void): readonly Column<Token>[] {
  const ask = ({ id, name }: Token): void =>
    confirm({
      title: t("access.revokeTitle", { name }),
      text: t("access.revokeText"),
      losses: [t("access.revokeLoss", { name })],
      action: t("access.revoke"),
      danger: true,
      run: async () => {
        await revokeToken(id);
        reload();
        say(t("access.revoked", { name }));
      },
    });
  return [
    {
      key: "name",
      title: t("field.name"),
      width: "minmax(140px, 2fr)",
      phone: "minmax(0, 1fr)",
      cell: ({ name }) => <strong class="clip">{name}</strong>,
    },
    {
      key: "role",
      title: t("access.role"),
      width: "110px",
      phone: "96px",
      cell: ({ role }) => <Tag>{t(`role.${role}`)}</Tag>,
    },
    {
      key: "scope",
      title: t("access.scope"),
      width: "minmax(110px, 1.4fr)",
      from: 960,
      cell: ({ scope }) => <span class="clip">{scopeText(scope)}</span>,
    },
    {
      key: "created",
      title: t("network.created"),
      width: "110px",
      from: 1000,
      cell: ({ created }) => <Time at={created} />,
    },
    {
      key: "by",
      title: t("access.by"),
      width: "minmax(80px, 1fr)",
      from: 1100,
      cell: ({ createdBy }) => <span class="clip">{createdBy}</span>,
    },
    {
      key: "expires",
      title: t("access.expires"),
      width: "120px",
      cell: ({ expires }) => expires === undefined ? t("access.never") : <Time at={expires} />,
    },
    {
      key: "actions",
      title: "",
      width: "96px",
      phone: "88px",
      align: "end",
      cell: (token) => <Button look="quiet" onClick={() => ask(token)}>{t("access.revoke")}
      </Button>,
    },
  ];
}

function accountColumns(reload: () => void): readonly Column<Account>[] {
  const toggle = (account: Account): void => {
    const { name, disabled = false } = account;
    const run = async (): Promise<void> => {
      await changeAccount(name, { disabled: !disabled });
      reload();
      say(t(disabled ? "access.enabled" : "access.disabled", { name }), {
        undo: async () => {
          await changeAccount(name, { disabled });
          reload();
        },
      });
    };
    run().catch(sayProblem);
  };
  const remove = ({ name }: Account): void =>
    confirm({
      title: t("access.deleteTitle", { name }),
      text: t("access.deleteText"),
      losses: [t("access.deleteLoss", { name })],
      action: t("action.delete"),
      danger: true,
      run: async () => {
        await deleteAccount(name);
        reload();
        say(t("access.deleted", { name }));
      },
    });
  return [
    {
      key: "name",
      title: t("field.name"),
      width: "minmax(140px, 2fr)",
      phone: "minmax(0, 1fr)",
      cell: ({ name }) => <strong class="clip">{name}</strong>,
    },
    {
      key: "role",
      title: t("access.role"),
      width: "110px",
      phone: "96px",
      cell: ({ role }) => <Tag>{t(`role.${role}`)}</Tag>,
    },
    {
      key: "scope",
      title: t("access.scope"),
      width: "minmax(110px, 1.4fr)",
      from: 960,
      cell: ({ scope }) => <span class="clip">{scopeText(scope)}</span>,
    },
    {
      key: "created",
      title: t("network.created"),
      width: "110px",
      from: 1000,
      cell: ({ created }) => <Time at={created} />,
    },
    {
      key: "state",
      title: t("field.state"),
      width: "110px",
      cell: ({ disabled = false, lockedUntil }) =>
        disabled
          ? <Tag look="bad">{t("access.off")}</Tag>
          : lockedUntil !== undefined && Date.parse(lockedUntil) > clock.value
          ? <Tag look="warn">{t("access.locked")}</Tag>
          : <Tag look="good">{t("access.on")}</Tag>,
    },
    {
      key: "actions",
      title: "",
      width: "170px",
      phone: "88px",
      align: "end",
      cell: (account) => (
        <span class="row-actions">
          <Button look="quiet" onClick={() => toggle(account)}>
            {t(account.disabled === true ? "access.enable" : "access.disable")}
          </Button>
          <Button
            look="quiet"
            icon="trash"
            label={t("access.deleteOf", { name: account.name })}
            onClick={() => remove(account)}
          />
        </span>
      ),
    },
  ];
}

const LIFETIMES = [30, 90, 365] as const;

function TokenDialog(
  { onClose, onDone }: { readonly onClose: () => void; readonly onDone: (text: string) => void },
): VNode {
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("viewer");
  const [days, setDays] = useState("90");
  return (
    <TaskDialog
      title={t("access.newToken")}
      action={t("action.create")}
      onClose={onClose}
      disabled={name.trim() === ""}
      fields={["name", "role", "days"]}
      run={async () =>
        onDone(
          await createToken({ name: name.trim(), role, days: Number(days) }),
        )}
    >
      {({ of }) => (
        <>
          <Field
            label={t("field.name")}
            value={name}
            onInput={setName}
            hint={t("access.tokenHint")}
            faults={of("name")}
          />
          <RoleField role={role} onChange={setRole} />
          <Field
            label={t("access.expires")}
            value={days}
            onInput={setDays}
            options={LIFETIMES.map((one) => [String(one), t("networks.days", { days: one })])}
            faults={of("days")}
          />
        </>
      )}
    </TaskDialog>
  );
}

function RoleField(
  { role, onChange }: { readonly role: Role; readonly onChange: (role: Role) => void },
): VNode {
  return (
    <Field
      label={t("access.role")}
      value={role}
      onInput={(value) => onChange(ROLES.find((one) => one === value) ?? "viewer")}
      options={ROLES.map((one) => [one, t(`role.${one}`)])}
      hint={t(`roleAbout.${role}`)}
    />
  );
}

function SecretDialog(
  { text, onClose }: { readonly text: string; readonly onClose: () => void },
): VNode {
  return (
    <Dialog title={t("access.secretTitle")} onClose={onClose}>
      <div class="content">
        <p>{t("access.secretText")}</p>
        <pre class="code wrap" tabIndex={0}>{text}</pre>
      </div>
      <footer>
        <Button
          icon="copy"
          onClick={() => void navigator.clipboard.writeText(text).then(() => say(t("yaml.copied")))}
        >
          {t("action.copy")}
        </Button>
        <Button look="main" onClick={onClose}>{t("access.secretDone")}</Button>
      </footer>
    </Dialog>
  );
}

function AccountDialog(
  { onClose, onDone }: { readonly onClose: () => void; readonly onDone: () => void },
): VNode {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [role, setRole] = useState<Role>("viewer");
  return (
    <TaskDialog
      title={t("access.newAccount")}
      action={t("action.create")}
      onClose={onClose}
      disabled={name.trim() === "" || password === ""}
      fields={["name", "password", "role"]}
      run={async () => {
        await createAccount({ name: name.trim(), password, role });
        onDone();
        say(t("access.created", { name: name.trim() }));
      }}
    >
      {({ of }) => (
        <>
          <Field label={t("field.name")} value={name} onInput={setName} faults={of("name")} />
          <Field
            label={t("signIn.password")}
            value={password}
            onInput={setPassword}
            type="password"
            autocomplete="new-password"
            hint={t("access.passwordHint")}
            faults={of("password")}
          />
          <RoleField role={role} onChange={setRole} />
        </>
      )}
    </TaskDialog>
  );
}
