/** Puts another address in the place of one, for the same slot. @module */

import type { VNode } from "preact";
import { useState } from "preact/hooks";
import type { OwnerRef } from "../api/objects.ts";
import { move } from "../api/operations.ts";
import { t } from "../i18n.ts";
import { workloadName } from "../ui/bits.tsx";
import { Field } from "../ui/field.tsx";
import { TaskDialog } from "../ui/task.tsx";
import { say } from "../ui/toast.tsx";

export function MoveDialog(
  props: {
    readonly network: string;
    readonly owner: OwnerRef;
    readonly from: string;
    readonly onClose: () => void;
    readonly onDone?: (() => void) | undefined;
  },
): VNode {
  const { network, owner, from, onDone } = props;
  const [to, setTo] = useState("");
  const run = async (): Promise<void> => {
    const target = to.trim();
    await move({ network, owner, from, to: target });
    onDone?.();
    say(t("move.done", { from, to: target }), {
      undo: async () => {
        await move({ network, owner, from: target, to: from });
        onDone?.();
      },
    });
  };
  return (
    <TaskDialog
      title={t("move.title", { from })}
      action={t("action.move")}
      onClose={props.onClose}
      disabled={to.trim() === ""}
      fields={["to", "from", "ip"]}
      run={run}
    >
      {({ of }) => (
        <>
          <p>
            {t("move.text", { who: workloadName(owner), slot: owner.slot, from })}
          </p>
          <Field
            label={t("move.to")}
            value={to}
            onInput={setTo}
            mono
            hint={t("move.toHint")}
            faults={[...of("to"), ...of("ip"), ...of("from")]}
          />
        </>
      )}
    </TaskDialog>
  );
}
