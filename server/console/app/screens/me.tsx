/** Who is signed in: one's own password and sessions. @module */

import { signal } from "@preact/signals";
import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { t } from "../i18n.ts";
import { changePassword, session, signOut } from "../session.ts";
import { Button, Facts } from "../ui/bits.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Field } from "../ui/field.tsx";
import { TaskDialog } from "../ui/task.tsx";
import { say, sayProblem } from "../ui/toast.tsx";

/** Whether it is open. */
export const meOpen = signal(false);

export function Me(): VNode | null {
  const [changing, setChanging] = useState(false);
  const who = session.value;
  const close = (): void => {
    meOpen.value = false;
  };
  if (who === undefined) return null;
  if (changing) return <PasswordDialog onClose={close} />;
  const signedIn = who.way !== "anonymous" && who.way !== "certificate";
  return (
    <Dialog title={who.name} onClose={close}>
      <div class="content">
        <Facts
          rows={[
            [t("access.role"), `${t(`role.${who.role}`)} – ${t(`roleAbout.${who.role}`)}`],
            [t("audit.way"), who.way],
            who.scope === undefined ? undefined : [
              t("access.scope"),
              Object.entries(who.scope).map(([key, value]) => `${key}=${value}`).join(", "),
            ],
          ]}
        />
      </div>
      {signedIn
        ? (
          <footer>
            {who.way === "account"
              ? <Button onClick={() => setChanging(true)}>{t("me.password")}</Button>
              : null}
            <Button onClick={() => signOut({ everywhere: true }).catch(sayProblem)}>
              {t("access.everywhere")}
            </Button>
            <Button
              look="main"
              icon="out"
              onClick={() => signOut({ everywhere: false }).catch(sayProblem)}
            >
              {t("action.signOut")}
            </Button>
          </footer>
        )
        : null}
    </Dialog>
  );
}

function PasswordDialog({ onClose }: { readonly onClose: () => void }): VNode {
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  return (
    <TaskDialog
      title={t("me.password")}
      action={t("me.change")}
      onClose={onClose}
      disabled={current === "" || next === ""}
      fields={["current", "password", "next"]}
      run={async () => {
        await changePassword(current, next);
        say(t("me.changed"));
      }}
    >
      {({ of }) => (
        <>
          <Field
            label={t("me.current")}
            value={current}
            onInput={setCurrent}
            type="password"
            autocomplete="current-password"
            faults={of("current")}
          />
          <Field
            label={t("me.next")}
            value={next}
            onInput={setNext}
            type="password"
            autocomplete="new-password"
            hint={t("access.passwordHint")}
            faults={[...of("password"), ...of("next")]}
          />
        </>
      )}
    </TaskDialog>
  );
}
