/** A dialog with a form: it runs something, and shows what was refused at its fields. @module */

import type { ComponentChildren, VNode } from "preact";
import { useState } from "preact/hooks";
import { asProblem, type FieldFault, type Problem } from "../api/problem.ts";
import { t } from "../i18n.ts";
import { Button } from "./bits.tsx";
import { Dialog } from "./dialog.tsx";
import { problemText } from "./states.tsx";

export interface TaskFaults {
  /** Faults of a field, or of what is within it. */
  readonly of: (field: string) => readonly FieldFault[];
}

export function TaskDialog(
  props: {
    readonly title: string;
    readonly action: string;
    readonly danger?: boolean;
    readonly disabled?: boolean;
    readonly onClose: () => void;
    /** Fields that are shown; faults of others stand below. */
    readonly fields: readonly string[];
    /** @throws {Problem} */
    readonly run: () => Promise<void>;
    readonly children: (faults: TaskFaults) => ComponentChildren;
  },
): VNode {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    // It may stand over another form.
    event.stopPropagation();
    setBusy(true);
    try {
      await props.run();
      props.onClose();
    } catch (error) {
      setProblem(asProblem(error));
      setBusy(false);
    }
  };
  const within = (fault: FieldFault, field: string): boolean =>
    fault.field === field || fault.field.startsWith(`${field}.`) ||
    fault.field.startsWith(`${field}[`);
  const faults = problem?.faults ?? [];
  const of = (field: string): readonly FieldFault[] =>
    faults.filter((fault) => within(fault, field)).map((fault) => ({
      ...fault,
      remedy: fault.remedy ?? problem?.remedy,
    }));
  const placed = faults.filter((fault) => props.fields.some((field) => within(fault, field)));
  const loose = problem !== undefined && (placed.length < faults.length || faults.length === 0);
  return (
    <Dialog title={props.title} onClose={props.onClose}>
      <form onSubmit={submit} noValidate>
        <div class="content">
          {props.children({ of })}
          {loose
            ? (
              <p class="fault" role="alert">
                {problemText(problem)}
                {problem.remedy === undefined ? null : <span class="remedy">{problem.remedy}</span>}
              </p>
            )
            : null}
        </div>
        <footer>
          <Button onClick={props.onClose}>{t("action.cancel")}</Button>
          <Button
            type="submit"
            look={props.danger === true ? "danger" : "main"}
            busy={busy}
            disabled={props.disabled === true}
          >
            {props.action}
          </Button>
        </footer>
      </form>
    </Dialog>
  );
}
