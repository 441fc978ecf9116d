/** What checks found: worst first, with what repair would do. @module */

import type { VNode } from "preact";
import { useLoad } from "../api/load.ts";
import { type Finding, readFindings } from "../api/people.ts";
import { t } from "../i18n.ts";
import { place, setQuery } from "../router.tsx";
import { PageHead } from "../shell.tsx";
import { Button, FilterBox, NodeLink, Segments, Tag, Time } from "../ui/bits.tsx";
import { Empty, Ready } from "../ui/states.tsx";

const SEVERITIES = ["error", "warning", "notice"] as const;
const LOOKS = { error: "bad", warning: "warn", notice: "plain" } as const;

export function FindingsScreen(): VNode {
  const loaded = useLoad("findings", readFindings);
  return (
    <>
      <PageHead
        title={t("rail.findings")}
        under={loaded.value?.at === undefined ? undefined : (
          <>
            {t("findings.checked")} <Time at={loaded.value.at} />
          </>
        )}
      >
        <Button onClick={loaded.reload}>{t("findings.again")}</Button>
      </PageHead>
      <Ready loaded={loaded}>
        {({ items }) =>
          items.length === 0
            ? <Empty icon="ok" title={t("findings.none")} text={t("findings.noneText")} />
            : <List items={items} />}
      </Ready>
    </>
  );
}

function List({ items }: { readonly items: readonly Finding[] }): VNode {
  const { query } = place.value;
  const severity = SEVERITIES.find((one) => one === query.get("severity"));
  const text = (query.get("q") ?? "").trim().toLowerCase();
  const shown = items.filter((one) =>
    (severity === undefined || one.severity === severity) &&
    (text === "" ||
      `${one.code} ${one.title} ${one.object} ${one.detail} ${one.node ?? ""}`.toLowerCase()
        .includes(text))
  ).toSorted((a, b) =>
    SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) || (a.code < b.code ? -1 : 1)
  );
  const count = (one: Finding["severity"]): number =>
    items.filter((f) => f.severity === one).length;
  return (
    <div class="stack">
      <div class="tools">
        <FilterBox
          value={query.get("q") ?? ""}
          label={t("findings.filter")}
          onInput={(q) => setQuery({ q })}
        />
        <Segments
          label={t("findings.severity")}
          value={severity ?? "all"}
          options={[
            ["all", `${t("findings.all")} ${items.length}`],
            ...SEVERITIES.map((one) => [one, `${t(`severity.${one}`)} ${count(one)}`] as const),
          ]}
          onChange={(next) => setQuery({ severity: next === "all" ? undefined : next })}
        />
      </div>
      <ul class="findings">
        {shown.slice(0, 500).map((one, index) => (
          <Item key={`${one.code} ${one.object} ${index}`} finding={one} />
        ))}
      </ul>
    </div>
  );
}

function Item({ finding }: { readonly finding: Finding }): VNode {
  const { code, severity, title, object, detail, repair, consequence, cluster, node, since } =
    finding;
  return (
    <li>
      <details>
        <summary>
          <Tag look={LOOKS[severity]}>{t(`severity.${severity}`)}</Tag>
          <span class="mono faint">{code}</span>
          <strong>{title}</strong>
          <span class="soft clip">{object}</span>
          {node === undefined ? null : <NodeLink cluster={cluster ?? "local"} node={node} />}
          {since === undefined ? null : <Time at={since} />}
        </summary>
        <p>{detail}</p>
        {consequence === undefined ? null : <p class="soft">{consequence}</p>}
        {repair === undefined ? null : (
          <p>
            <strong>{t("findings.repair")}</strong> {repair}
          </p>
        )}
      </details>
    </li>
  );
}
