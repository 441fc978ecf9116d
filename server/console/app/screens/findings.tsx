/** What checks found: worst first, with what repair would do. @module */

import type { VNode } from "preact";
import { useLoad } from "../api/load.ts";
import { type Finding, type NodeFindings, readFindings } from "../api/people.ts";
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
      <PageHead title={t("rail.findings")} under={summary(loaded.value)}>
        <Button onClick={loaded.reload}>{t("action.refresh")}</Button>
      </PageHead>
      <Ready loaded={loaded}>
        {(nodes) => {
          const items = nodes.flatMap(({ cluster, node, at, findings }) =>
            findings.map((one): Finding => ({ ...one, cluster, node, at }))
          );
          if (nodes.length === 0) {
            return (
              <Empty
                icon="findings"
                title={t("findings.unchecked")}
                text={t("findings.uncheckedText")}
              />
            );
          }
          if (items.length === 0) {
            return <Empty icon="ok" title={t("findings.none")} text={t("findings.noneText")} />;
          }
          return <List items={items} />;
        }}
      </Ready>
    </>
  );
}

function summary(nodes: readonly NodeFindings[] | undefined): VNode | undefined {
  const oldest = nodes?.map(({ at }) => at).toSorted()[0];
  if (nodes === undefined || oldest === undefined) return undefined;
  return (
    <>
      {t("findings.checked", { count: nodes.length })} <Time at={oldest} />
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
      `${one.code} ${one.title} ${one.object} ${one.detail} ${one.node}`.toLowerCase()
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
  const { code, severity, title, object, detail, repair, cluster, node, at } = finding;
  return (
    <li>
      <details>
        <summary>
          <Tag look={LOOKS[severity]}>{t(`severity.${severity}`)}</Tag>
          <span class="mono faint">{code}</span>
          <strong>{title}</strong>
          <span class="soft clip">{object}</span>
          <span>{node}</span>
          <Time at={at} />
        </summary>
        <p>
          <NodeLink cluster={cluster} node={node} />: {detail}
        </p>
        <p>
          <strong>{t("findings.repair")}</strong> {repair}
        </p>
      </details>
    </li>
  );
}
