/** A network as the command line writes and reads it. @module */

import type { VNode } from "preact";
import { stringify } from "yaml";
import type { Network } from "../api/objects.ts";
import { t } from "../i18n.ts";
import { Button } from "../ui/bits.tsx";
import { say, sayProblem } from "../ui/toast.tsx";

/** The document as `fabric-admin apply -f` takes it. */
export function yamlOf(document: unknown): string {
  return stringify(document, { lineWidth: 0 });
}

export function YamlTab({ network }: { readonly network: Network }): VNode {
  const text = yamlOf(network);
  const copy = (): void => {
    navigator.clipboard.writeText(text).then(() => say(t("yaml.copied")), sayProblem);
  };
  return (
    <section class="yaml">
      <div class="tools">
        <Button icon="copy" onClick={copy}>{t("action.copy")}</Button>
        <span class="faint">{t("yaml.hint")}</span>
      </div>
      <pre class="code" tabIndex={0}>{text}</pre>
    </section>
  );
}
