/** Who changed what, and who tried. @module */

import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { useLoad } from "../api/load.ts";
import { type AuditItem, readAudit } from "../api/people.ts";
import { t } from "../i18n.ts";
import { place, setQuery } from "../router.tsx";
import { PageHead } from "../shell.tsx";
import { Button, FilterBox, Tag, Time } from "../ui/bits.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Facts } from "../ui/bits.tsx";
import { ExactTime } from "../ui/bits.tsx";
import { Empty, Ready } from "../ui/states.tsx";
import { type Column, Table } from "../ui/table.tsx";
import { yamlOf } from "./network_yaml.tsx";
import { asProblem } from "../api/problem.ts";
import { sayProblem } from "../ui/toast.tsx";

const LOOKS = {
  done: "good",
  unchanged: "plain",
  refused: "warn",
  failed: "bad",
  unknown: "warn",
} as const;

export function AuditScreen(): VNode {
  const loaded = useLoad("audit", (aborted) => readAudit(undefined, aborted));
  const [older, setOlder] = useState<readonly AuditItem[]>([]);
  const [next, setNext] = useState<number | null>();
  const more = next === undefined ? loaded.value?.next : next ?? undefined;
  const readOlder = (): void => {
    readAudit(more, new AbortController().signal).then((page) => {
      setOlder([...older, ...page.items]);
      setNext(page.next ?? null);
    }, (error) => sayProblem(asProblem(error)));
  };
  return (
    <>
      <PageHead title={t("rail.audit")} under={t("audit.about")}>
        <Button onClick={loaded.reload}>{t("action.refresh")}</Button>
      </PageHead>
      <Ready loaded={loaded}>
        {({ items }) =>
          items.length === 0
            ? <Empty icon="audit" title={t("audit.none")} text={t("audit.noneText")} />
            : (
              <List
                items={[...items, ...older]}
                more={more === undefined ? undefined : readOlder}
              />
            )}
      </Ready>
    </>
  );
}

function List(
  { items, more }: {
    readonly items: readonly AuditItem[];
    readonly more: (() => void) | undefined;
  },
): VNode {
  const { query } = place.value;
  const text = (query.get("q") ?? "").trim().toLowerCase();
  const chosen = items.find(({ seq }) => String(seq) === query.get("entry"));
  const shown = text === ""
    ? items
    : items.filter((item) =>
      [item.who, item.action, item.object, item.from, item.requestId, item.outcome, item.detail]
        .join(" ").toLowerCase().includes(text)
    );
  return (
    <div class="stack">
      <div class="tools">
        <FilterBox
          value={query.get("q") ?? ""}
          label={t("audit.filter")}
          onInput={(q) => setQuery({ q })}
        />
        {more === undefined ? null : <Button onClick={more}>{t("audit.more")}</Button>}
      </div>
      {shown.length === 0
        ? <Empty icon="search" title={t("filter.none")} text={t("filter.noneText", { text })} />
        : (
          <Table
            label={t("rail.audit")}
            columns={columns()}
            rows={shown}
            keyOf={({ seq }) => String(seq)}
          />
        )}
      {chosen === undefined ? null : <Entry item={chosen} />}
    </div>
  );
}

function columns(): readonly Column<AuditItem>[] {
  return [
    {
      key: "at",
      title: t("audit.when"),
      width: "104px",
      phone: "76px",
      cell: ({ at }) => <Time at={at} />,
    },
    {
      key: "who",
      title: t("audit.who"),
      width: "minmax(110px, 1fr)",
      phone: "minmax(0, 1fr)",
      cell: ({ who }) => <span class="clip">{who}</span>,
    },
    {
      key: "action",
      title: t("audit.what"),
      width: "minmax(130px, 1fr)",
      from: 960,
      cell: ({ action }) => <span class="mono clip">{action}</span>,
    },
    {
      key: "object",
      title: t("audit.object"),
      width: "minmax(180px, 2fr)",
      phone: "minmax(0, 1.4fr)",
      cell: ({ object, action, seq }) => (
        <button
          type="button"
          class="as-link clip"
          title={object}
          onClick={() => setQuery({ entry: String(seq) })}
        >
          {object ?? action}
        </button>
      ),
    },
    {
      key: "outcome",
      title: t("audit.outcome"),
      width: "104px",
      cell: ({ outcome }) => <Tag look={LOOKS[outcome]}>{t(`outcome.${outcome}`)}</Tag>,
    },
    { key: "way", title: t("audit.way"), width: "100px", from: 1100, cell: ({ way }) => way },
    {
      key: "from",
      title: t("audit.from"),
      width: "minmax(100px, 1fr)",
      from: 1100,
      cell: ({ from }) => <span class="mono clip">{from}</span>,
    },
  ];
}

/** Before and after. */
function Entry({ item }: { readonly item: AuditItem }): VNode {
  const text = (value: unknown): string => value === undefined ? "–" : yamlOf(value);
  return (
    <Dialog
      title={item.object ?? item.action}
      wide
      onClose={() => setQuery({ entry: undefined })}
    >
      <div class="content">
        <Facts
          rows={[
            [t("audit.when"), <ExactTime key="t" at={item.at} />],
            [t("audit.who"), `${item.who} (${item.way})`],
            [t("audit.from"), item.from],
            [t("audit.what"), item.action],
            [t("audit.outcome"), t(`outcome.${item.outcome}`)],
            item.detail === undefined ? undefined : [t("audit.detail"), item.detail],
            [t("problem.request"), <span class="mono" key="r">{item.requestId}</span>],
          ]}
        />
        <div class="pair">
          <div>
            <h3>{t("conflict.before")}</h3>
            <pre class="code" tabIndex={0}>{text(item.before)}</pre>
          </div>
          <div>
            <h3>{t("audit.after")}</h3>
            <pre class="code" tabIndex={0}>{text(item.after)}</pre>
          </div>
        </div>
      </div>
    </Dialog>
  );
}
