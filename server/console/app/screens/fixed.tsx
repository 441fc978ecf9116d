/** Fixed addresses of all networks. @module */

import type { VNode } from "preact";
import { t } from "../i18n.ts";
import { PageHead } from "../shell.tsx";
import { FixedList } from "./fixed_list.tsx";

export function FixedScreen(): VNode {
  return (
    <>
      <PageHead title={t("rail.fixed")} under={t("fixed.about")} />
      <FixedList />
    </>
  );
}
