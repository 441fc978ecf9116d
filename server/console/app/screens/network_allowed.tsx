/** Who may use a network. @module */

import type { VNode } from "preact";
import type { Network } from "../api/objects.ts";
import { t } from "../i18n.ts";
import { Facts } from "../ui/bits.tsx";

export function AllowedTab({ network }: { readonly network: Network }): VNode {
  const { allowed } = network.spec;
  if (allowed === undefined) return <p class="lead">{t("allowed.everyone")}</p>;
  const { clusters, namespaces, namespaceSelector, tenants } = allowed;
  const labels = Object.entries(namespaceSelector ?? {}).map(([k, value]) => `${k}=${value}`);
  const or = (list: readonly string[] | undefined): string =>
    list === undefined || list.length === 0 ? t("allowed.any") : list.join(", ");
  return (
    <section class="narrow">
      <p class="lead">{t("allowed.some")}</p>
      <Facts
        rows={[
          [t("allowed.clusters"), or(clusters)],
          [t("allowed.namespaces"), or(namespaces)],
          [t("allowed.selector"), or(labels)],
          [t("allowed.tenants"), or(tenants)],
        ]}
      />
    </section>
  );
}
