/** What has happened, said for a while, with the way back where there is one. @module */

import { signal } from "@preact/signals";
import type { VNode } from "preact";
import { asProblem } from "../api/problem.ts";
import { t } from "../i18n.ts";
import { Button } from "./bits.tsx";
import { Icon } from "./icon.tsx";
import { problemText } from "./states.tsx";

interface Toast {
  readonly id: number;
  readonly text: string;
  readonly look: "good" | "bad";
  readonly undo?: (() => Promise<void>) | undefined;
}

const toasts = signal<readonly Toast[]>([]);
let count = 0;

const SHOWN_MS = 8000;

/** Says what happened; `undo` takes it back. */
export function say(
  text: string,
  { look = "good", undo }: {
    readonly look?: "good" | "bad";
    readonly undo?: () => Promise<void>;
  } = {},
): void {
  const id = ++count;
  toasts.value = [...toasts.value.slice(-3), { id, text, look, undo }];
  setTimeout(() => drop(id), undo === undefined ? SHOWN_MS : 2 * SHOWN_MS);
}

/** Says what went wrong. */
export function sayProblem(error: unknown): void {
  say(problemText(asProblem(error)), { look: "bad" });
}

function drop(id: number): void {
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
}

/** The place of what is said. */
export function Toasts(): VNode {
  const run = async (toast: Toast): Promise<void> => {
    drop(toast.id);
    try {
      await toast.undo?.();
      say(t("toast.undone"));
    } catch (error) {
      sayProblem(error);
    }
  };
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map((toast) => (
        <div key={toast.id} class={`toast ${toast.look}`}>
          <Icon name={toast.look === "good" ? "ok" : "warn"} />
          <span>{toast.text}</span>
          {toast.undo === undefined
            ? null
            : <Button look="quiet" icon="undo" onClick={() => run(toast)}>{t("toast.undo")}
            </Button>}
          <Button
            look="quiet"
            icon="close"
            label={t("action.close")}
            onClick={() => drop(toast.id)}
          />
        </div>
      ))}
    </div>
  );
}
