/** Somebody changed the network while it was being edited: what differs, and the ways on. @module */

import type { VNode } from "preact";
import { t } from "../i18n.ts";
import { Button, Tag } from "../ui/bits.tsx";
import { Icon } from "../ui/icon.tsx";
import type { Difference } from "./network_draft.ts";

export function ConflictBand(
  { differences, onMerge, onTheirs }: {
    readonly differences: readonly Difference[];
    readonly onMerge: () => void;
    readonly onTheirs: () => void;
  },
): VNode {
  return (
    <section class="conflict" role="alert" aria-label={t("conflict.title")}>
      <h2>
        <Icon name="warn" />
        {t("conflict.title")}
      </h2>
      <p>{t("conflict.text")}</p>
      {differences.length === 0 ? <p class="faint">{t("conflict.hidden")}</p> : (
        <table>
          <thead>
            <tr>
              <th scope="col">{t("conflict.field")}</th>
              <th scope="col">{t("conflict.before")}</th>
              <th scope="col">{t("conflict.theirs")}</th>
              <th scope="col">{t("conflict.mine")}</th>
            </tr>
          </thead>
          <tbody>
            {differences.map(({ field, base, theirs, mine, clash }) => (
              <tr key={field}>
                <th scope="row">
                  {t(`field.${field}`)} {clash ? <Tag look="bad">{t("conflict.clash")}</Tag> : null}
                </th>
                <td class="mono lines">{base}</td>
                <td class="mono lines">{theirs}</td>
                <td class="mono lines">{mine === base ? "=" : mine}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <div class="actions">
        <Button look="main" onClick={onMerge}>{t("conflict.merge")}</Button>
        <Button onClick={onTheirs}>{t("conflict.take")}</Button>
      </div>
    </section>
  );
}
