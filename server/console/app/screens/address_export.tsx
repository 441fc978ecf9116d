/** Addresses of a network as a file. @module */

import type { VNode } from "preact";
import { AddressSchema, askAll } from "../api/objects.ts";
import { t } from "../i18n.ts";
import { Button, holderName, workloadName } from "../ui/bits.tsx";
import { sayProblem } from "../ui/toast.tsx";
import { markOf } from "./address_list.tsx";

/** Text of a cell; what a spreadsheet would run as a formula is told as text. */
export function csvCell(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export function ExportMenu({ network }: { readonly network: string }): VNode {
  const run = async (): Promise<void> => {
    try {
      const items = await askAll("/addresses", AddressSchema, { query: { network } });
      const lines = items.map((item) => {
        const { address, holder, owner, mac, reason, since } = item.spec;
        return [
          address,
          markOf(item),
          holder === undefined ? "" : holderName(holder),
          holder?.node ?? "",
          owner === undefined ? "" : workloadName(owner),
          mac ?? "",
          reason ?? "",
          since,
        ].map(csvCell).join();
      });
      const head = "address,state,holder,node,owner,mac,reason,since";
      const url = URL.createObjectURL(
        new Blob([`${[head, ...lines].join("\r\n")}\r\n`], { type: "text/csv" }),
      );
      const link = document.createElement("a");
      link.href = url;
      link.download = `${network}-addresses.csv`;
      link.click();
      URL.revokeObjectURL(url);
    } catch (error) {
      sayProblem(error);
    }
  };
  return <Button icon="download" onClick={run}>{t("action.export")}</Button>;
}
