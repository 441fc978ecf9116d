/** What can be done with one address, and what is asked before. @module */

import type { VNode } from "preact";
import { useState } from "preact/hooks";
import type { OwnerRef } from "../api/objects.ts";
import { fix, release, reserve, unfix, unreserve } from "../api/operations.ts";
import type { Cell } from "../api/queries.ts";
import { t } from "../i18n.ts";
import { may } from "../session.ts";
import { Button, holderName, workloadName } from "../ui/bits.tsx";
import { confirm } from "../ui/dialog.tsx";
import type { Mark } from "../ui/icon.tsx";
import { say, sayProblem } from "../ui/toast.tsx";
import { FixDialog } from "./fix_dialog.tsx";
import { MoveDialog } from "./move_dialog.tsx";
import { ReserveDialog } from "./reserve.tsx";

interface Target {
  readonly network: string;
  readonly address: string;
  readonly mark: Mark;
  readonly cell: Pick<Cell, "owner" | "holder" | "reason" | "id"> | undefined;
}

/** The buttons of an address. */
export function AddressActions(
  { target, onDone }: { readonly target: Target; readonly onDone?: () => void },
): VNode | null {
  const [open, setOpen] = useState<"fix" | "reserve" | "move">();
  const { network, address, mark, cell } = target;
  if (!may("operator")) return null;
  const close = (): void => setOpen(undefined);
  const free = mark === "free" || mark === "unlisted" || mark === "cooling";
  const owner = cell?.owner;
  return (
    <div class="actions wrap">
      {free
        ? (
          <>
            <Button onClick={() => setOpen("fix")}>{t("action.fix")}</Button>
            <Button onClick={() => setOpen("reserve")}>{t("action.reserve")}</Button>
          </>
        )
        : null}
      {owner === undefined ? null : (
        <>
          <Button onClick={() => setOpen("move")}>{t("action.move")}</Button>
          <Button onClick={() => askUnfix({ network, owner, address, onDone })}>
            {t("action.unfix")}
          </Button>
        </>
      )}
      {mark === "reserved"
        ? <Button onClick={() => askUnreserve(target, onDone)}>{t("action.unreserve")}</Button>
        : null}
      {mark === "used" || mark === "conflict"
        ? <Button onClick={() => askRelease(target, onDone)}>{t("action.release")}</Button>
        : null}
      {open === "fix"
        ? <FixDialog network={network} address={address} onClose={close} onDone={onDone} />
        : null}
      {open === "reserve"
        ? <ReserveDialog network={network} at={address} onClose={close} onDone={onDone} />
        : null}
      {open === "move" && owner !== undefined
        ? (
          <MoveDialog
            network={network}
            owner={owner}
            from={address}
            onClose={close}
            onDone={onDone}
          />
        )
        : null}
    </div>
  );
}

function askUnreserve({ network, address, cell }: Target, onDone?: () => void): void {
  const reason = cell?.reason ?? "";
  confirm({
    title: t("unreserve.title", { address }),
    text: t("unreserve.text", { address, reason }),
    action: t("action.unreserve"),
    run: async () => {
      await unreserve({ network, range: address });
      onDone?.();
      say(t("unreserve.done", { address }), {
        undo: async () => {
          await reserve({ network, range: address, reason });
          onDone?.();
        },
      });
    },
  });
}

/** Asks before an owner loses an address, and says who loses what. */
export function askUnfix(
  { network, owner, address, onDone }: {
    readonly network: string;
    readonly owner: OwnerRef;
    readonly address: string;
    readonly onDone?: (() => void) | undefined;
  },
): void {
  unfix({ network, owner, addresses: [address] }, { dryRun: true }).then((trial) => {
    const who = `${workloadName(owner)}, ${t("fixed.slot", { slot: owner.slot })}`;
    const losses = trial.holder === undefined ? [t("unfix.lossOwner", { who, address })] : [
      t("unfix.lossPod", { pod: holderName(trial.holder), address }),
      t("unfix.lossOwner", { who, address }),
    ];
    confirm({
      title: t("unfix.title", { address }),
      text: trial.holder === undefined ? t("unfix.now") : t("unfix.later"),
      losses,
      action: t("action.unfix"),
      danger: true,
      run: async () => {
        await unfix({ network, owner, addresses: [address] });
        onDone?.();
        say(t("unfix.done", { address }), {
          undo: async () => {
            await fix({ network, owner, addresses: [address] });
            onDone?.();
          },
        });
      },
    });
  }, sayProblem);
}

function askRelease({ network, address, cell }: Target, onDone?: () => void): void {
  const body = { network, address, ...(cell === undefined ? {} : { id: cell.id }) };
  release(body, { dryRun: true }).then(() => {
    const holder = cell?.holder;
    confirm({
      title: t("release.title", { address }),
      text: t("release.text"),
      losses: holder === undefined
        ? []
        : [t("release.loss", { pod: holderName(holder), node: holder.node, address })],
      action: t("action.release"),
      danger: true,
      run: async () => {
        await release(body);
        onDone?.();
        say(t("release.done", { address }));
      },
    });
  }, sayProblem);
}
