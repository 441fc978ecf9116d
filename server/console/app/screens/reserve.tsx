/** Keeps addresses for something outside: a load balancer, a firewall, a printer. @module */

import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { reserve, unreserve } from "../api/operations.ts";
import { t } from "../i18n.ts";
import { Field } from "../ui/field.tsx";
import { TaskDialog } from "../ui/task.tsx";
import { say } from "../ui/toast.tsx";

export function ReserveDialog(
  props: {
    readonly network: string;
    readonly at: string;
    readonly onClose: () => void;
    readonly onDone?: (() => void) | undefined;
  },
): VNode {
  const { network, onDone } = props;
  const [range, setRange] = useState(props.at);
  const [reason, setReason] = useState("");
  const run = async (): Promise<void> => {
    const { changed, unchanged } = await reserve({ network, range: range.trim(), reason });
    onDone?.();
    say(t("reserve.done", { count: changed.length }), {
      ...(changed.length === 0 ? {} : {
        undo: async () => {
          // What was reserved before stays reserved.
          const back = unchanged.length === 0 ? [range.trim()] : changed;
          for (const part of back) await unreserve({ network, range: part });
          onDone?.();
        },
      }),
    });
  };
  return (
    <TaskDialog
      title={t("reserve.title", { network })}
      action={t("action.reserve")}
      onClose={props.onClose}
      fields={["range", "reason"]}
      run={run}
    >
      {({ of }) => (
        <>
          <Field
            label={t("reserve.range")}
            value={range}
            onInput={setRange}
            mono
            hint={t("reserve.rangeHint")}
            faults={of("range")}
          />
          <Field
            label={t("field.reason")}
            value={reason}
            onInput={setReason}
            hint={t("reserve.reasonHint")}
            faults={of("reason")}
          />
        </>
      )}
    </TaskDialog>
  );
}
