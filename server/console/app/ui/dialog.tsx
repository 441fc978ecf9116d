/** Dialogs: they hold the focus, Escape closes them, and the focus goes back where it was. @module */

import { signal } from "@preact/signals";
import type { ComponentChildren, VNode } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { asProblem, type Problem } from "../api/problem.ts";
import { t } from "../i18n.ts";
import { Button } from "./bits.tsx";
import { problemText } from "./states.tsx";

/** A dialog in the middle of the page. */
export function Dialog(
  props: {
    readonly title: string;
    readonly onClose?: () => void;
    readonly wide?: boolean;
    readonly children: ComponentChildren;
  },
): VNode {
  const box = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement;
    const element = box.current;
    element?.showModal();
    return () => {
      element?.close();
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={box}
      class={props.wide === true ? "dialog wide" : "dialog"}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        props.onClose?.();
      }}
    >
      <header>
        <h2 id={id}>{props.title}</h2>
        {props.onClose === undefined
          ? null
          : <Button icon="close" look="quiet" label={t("action.close")} onClick={props.onClose} />}
      </header>
      {props.children}
    </dialog>
  );
}

/** What is asked before something is done. */
export interface Question {
  readonly title: string;
  /** What will happen, and who loses what. */
  readonly text: ComponentChildren;
  /** Each loses something. */
  readonly losses?: readonly string[];
  readonly action: string;
  readonly danger?: boolean;
  /** Has to be typed first, where there is no way back. */
  readonly typed?: string;
  /** @throws {Problem} Shown in the dialog, which stays. */
  readonly run: () => Promise<void>;
}

const asked = signal<Question | undefined>(undefined);

/** Asks; what is to be done is done when somebody says so. */
export function confirm(question: Question): void {
  asked.value = question;
}

/** The place of the question that is open. */
export function Questions(): VNode | null {
  const question = asked.value;
  return question === undefined ? null : <QuestionBox key={question.title} question={question} />;
}

function QuestionBox({ question }: { readonly question: Question }): VNode {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const [typed, setTyped] = useState("");
  const close = (): void => {
    asked.value = undefined;
  };
  const run = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    try {
      await question.run();
      close();
    } catch (error) {
      setProblem(asProblem(error));
      setBusy(false);
    }
  };
  const { losses = [] } = question;
  return (
    <Dialog title={question.title} onClose={close}>
      <form onSubmit={run}>
        <div class="content">
          <p>{question.text}</p>
          {losses.length === 0 ? null : (
            <ul class="losses">
              {losses.slice(0, 12).map((loss) => <li key={loss}>{loss}</li>)}
              {losses.length > 12
                ? <li class="faint">{t("confirm.more", { count: losses.length - 12 })}</li>
                : null}
            </ul>
          )}
          {question.typed === undefined ? null : (
            <label class="field">
              <span>{t("confirm.type", { word: question.typed })}</span>
              <input
                value={typed}
                onInput={(event) => setTyped(event.currentTarget.value)}
                autocomplete="off"
                spellcheck={false}
              />
            </label>
          )}
          {problem === undefined ? null : (
            <p class="fault" role="alert">
              {problemText(problem)}
              {problem.remedy === undefined ? "" : ` – ${problem.remedy}`}
            </p>
          )}
        </div>
        <footer>
          <Button onClick={close}>{t("action.cancel")}</Button>
          <Button
            type="submit"
            look={question.danger === true ? "danger" : "main"}
            busy={busy}
            disabled={question.typed !== undefined && typed !== question.typed}
          >
            {question.action}
          </Button>
        </footer>
      </form>
    </Dialog>
  );
}
