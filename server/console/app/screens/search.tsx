/** The search as a page, which can be shared. @module */

import type { VNode } from "preact";
import { useLoad } from "../api/load.ts";
import { search } from "../api/queries.ts";
import { t } from "../i18n.ts";
import { place, setQuery } from "../router.tsx";
import { PageHead } from "../shell.tsx";
import { FilterBox } from "../ui/bits.tsx";
import { Empty, Ready } from "../ui/states.tsx";
import { Results } from "./search_results.tsx";

export function SearchScreen(): VNode {
  const text = place.value.query.get("q") ?? "";
  return (
    <>
      <PageHead title={t("search.title")} />
      <div class="tools">
        <FilterBox value={text} label={t("search.placeholder")} onInput={(q) => setQuery({ q })} />
      </div>
      {text.trim() === ""
        ? <Empty icon="search" title={t("search.title")} text={t("search.about")} />
        : <Found key={text} text={text} />}
    </>
  );
}

function Found({ text }: { readonly text: string }): VNode {
  const loaded = useLoad(`search ${text}`, (aborted) => search(text, aborted));
  return (
    <Ready loaded={loaded}>
      {(hits) =>
        hits.length === 0
          ? <Empty icon="search" title={t("search.none")} text={t("search.noneText", { text })} />
          : <Results hits={hits} />}
    </Ready>
  );
}
