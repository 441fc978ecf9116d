/** Signing in, over whatever page is open: it stays as it is behind. @module */

import type { VNode } from "preact";
import { useState } from "preact/hooks";
import * as v from "valibot";
import { useLoad } from "../api/load.ts";
import { asProblem, type Problem } from "../api/problem.ts";
import { ask } from "../api/request.ts";
import { t } from "../i18n.ts";
import { changePassword, session, signIn } from "../session.ts";
import { Button } from "../ui/bits.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Field } from "../ui/field.tsx";
import { problemText } from "../ui/states.tsx";

const WaysSchema = v.looseObject({
  oidc: v.nullable(v.looseObject({ name: v.string() })),
});

export function SignIn(): VNode {
  const [password, setPassword] = useState("");
  return session.value?.mustChange === true
    ? <FirstPassword current={password} />
    : <Credentials password={password} setPassword={setPassword} />;
}

/** Whoever made the account knows its password: it is changed before anything else. */
function FirstPassword({ current: known }: { readonly current: string }): VNode {
  const [current, setCurrent] = useState(known);
  const [next, setNext] = useState("");
  const [problem, setProblem] = useState<Problem>();
  const submit = (event: Event): void => {
    event.preventDefault();
    changePassword(current, next).catch((error) => setProblem(asProblem(error)));
  };
  const of = (...fields: readonly string[]) =>
    (problem?.faults ?? []).filter(({ field }) => fields.includes(field));
  const loose = problem !== undefined && of("current", "password", "next").length === 0;
  return (
    <Dialog title={t("signIn.first")}>
      <form onSubmit={submit}>
        <div class="content">
          <p class="soft">{t("signIn.firstText")}</p>
          {known === ""
            ? (
              <Field
                label={t("me.current")}
                value={current}
                onInput={setCurrent}
                type="password"
                autocomplete="current-password"
                faults={of("current")}
              />
            )
            : null}
          <Field
            label={t("me.next")}
            value={next}
            onInput={setNext}
            type="password"
            autocomplete="new-password"
            hint={t("access.passwordHint")}
            faults={of("password", "next", ...known === "" ? [] : ["current"])}
          />
          {loose ? <p class="fault" role="alert">{problemText(problem)}</p> : null}
        </div>
        <footer>
          <Button type="submit" look="main" disabled={next === ""}>{t("me.change")}</Button>
        </footer>
      </form>
    </Dialog>
  );
}

function Credentials(
  { password, setPassword }: {
    readonly password: string;
    readonly setPassword: (password: string) => void;
  },
): VNode {
  const before = session.value?.name;
  const ways = useLoad(
    "ways in",
    (signal) => ask("/auth/methods", WaysSchema, { signal, anonymous: true }),
  );
  const [name, setName] = useState(before ?? "");
  const [token, setToken] = useState("");
  const [byToken, setByToken] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    try {
      await signIn(byToken ? { token: token.trim() } : { name, password });
    } catch (error) {
      setProblem(asProblem(error));
      setPassword("");
      setBusy(false);
    }
  };
  const oidc = ways.value?.oidc ?? undefined;
  const { pathname, search } = location;
  return (
    <Dialog title={before === undefined ? t("signIn.title") : t("signIn.again")}>
      <form onSubmit={submit}>
        <div class="content">
          <p class="soft">{before === undefined ? t("signIn.text") : t("signIn.kept")}</p>
          {byToken
            ? (
              <Field
                label={t("signIn.token")}
                name="token"
                value={token}
                onInput={setToken}
                type="password"
                mono
              />
            )
            : (
              <>
                <Field
                  label={t("signIn.name")}
                  name="name"
                  value={name}
                  onInput={setName}
                  autocomplete="username"
                />
                <Field
                  label={t("signIn.password")}
                  name="password"
                  value={password}
                  onInput={setPassword}
                  type="password"
                  autocomplete="current-password"
                />
              </>
            )}
          {problem === undefined ? null : (
            <p class="fault" role="alert">
              {problem.status === 401
                ? t(byToken ? "signIn.wrongToken" : "signIn.wrong")
                : problemText(problem)}
              {problem.remedy === undefined || problem.status === 401
                ? null
                : <span class="remedy">{problem.remedy}</span>}
            </p>
          )}
        </div>
        <footer>
          <Button look="quiet" onClick={() => setByToken(!byToken)}>
            {t(byToken ? "signIn.byAccount" : "signIn.byToken")}
          </Button>
          <span class="space" />
          {oidc === undefined ? null : (
            <a
              class="button plain"
              href={`/auth/oidc/start?target=${encodeURIComponent(pathname + search)}`}
            >
              {t("signIn.with", { name: oidc.name })}
            </a>
          )}
          <Button
            type="submit"
            look="main"
            busy={busy}
            disabled={byToken ? token.trim() === "" : name === "" || password === ""}
          >
            {t("signIn.go")}
          </Button>
        </footer>
      </form>
    </Dialog>
  );
}
