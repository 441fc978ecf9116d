/** The search that opens everywhere with `/`. @module */

import { signal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { asProblem } from "../api/problem.ts";
import { type Hit, search } from "../api/queries.ts";
import { t } from "../i18n.ts";
import { go, pathOf } from "../router.tsx";
import { problemText } from "../ui/states.tsx";
import { Icon } from "../ui/icon.tsx";
import { parseAddressText } from "./search_words.ts";
import { pathOfHit, Results } from "./search_results.tsx";

/** Whether it is open. */
export const paletteOpen = signal(false);

function close(): void {
  paletteOpen.value = false;
}

/** Rows that fit without scrolling; the page of the search has them all. */
const SHOWN = 9;

export function Palette(): VNode {
  const [text, setText] = useState("");
  const [hits, setHits] = useState<readonly Hit[]>();
  const [failed, setFailed] = useState("");
  const [active, setActive] = useState(0);
  const box = useRef<HTMLDialogElement>(null);
  const id = useId();

  useEffect(() => {
    box.current?.showModal();
  }, []);
  useEffect(() => {
    setActive(0);
    if (text.trim() === "") {
      setHits(undefined);
      return;
    }
    const aborted = new AbortController();
    const timer = setTimeout(() => {
      search(text, aborted.signal).then((found) => {
        setHits(found.slice(0, SHOWN));
        setFailed("");
      }, (error) => {
        if (!aborted.signal.aborted) setFailed(problemText(asProblem(error)));
      });
    }, 90);
    return () => {
      clearTimeout(timer);
      aborted.abort();
    };
  }, [text]);

  const open = (to: string): void => {
    close();
    go(to);
  };
  const enter = (): void => {
    const address = parseAddressText(text);
    const hit = hits?.[active];
    if (hit !== undefined && (address === undefined || hit.kind !== "Address")) {
      open(pathOfHit(hit));
    } else if (address !== undefined) open(pathOf("addresses", address));
    else if (text.trim() !== "") open(`/search?q=${encodeURIComponent(text.trim())}`);
  };
  const onKey = (event: KeyboardEvent): void => {
    const count = hits?.length ?? 0;
    if (event.key === "ArrowDown" && count > 0) setActive((active + 1) % count);
    else if (event.key === "ArrowUp" && count > 0) setActive((active + count - 1) % count);
    else if (event.key === "Enter") enter();
    else return;
    event.preventDefault();
  };
  return (
    <dialog
      ref={box}
      class="palette"
      aria-label={t("search.title")}
      onCancel={close}
      onClose={close}
      onClick={(event) => {
        if (
          event.target === box.current ||
          event.target instanceof Element && event.target.closest("a") !== null
        ) {
          close();
        }
      }}
    >
      <div class="palette-box">
        <div class="ask">
          <Icon name="search" />
          <input
            type="text"
            role="combobox"
            aria-expanded={hits !== undefined}
            aria-controls={id}
            aria-activedescendant={hits === undefined || hits.length === 0
              ? undefined
              : `${id}-${active}`}
            aria-label={t("search.placeholder")}
            placeholder={t("search.placeholder")}
            value={text}
            autocomplete="off"
            spellcheck={false}
            onInput={(event) => setText(event.currentTarget.value)}
            onKeyDown={onKey}
          />
          <kbd>Esc</kbd>
        </div>
        {failed === "" ? null : <p class="fault" role="alert">{failed}</p>}
        {hits === undefined
          ? <p class="faint pad">{t("search.about")}</p>
          : hits.length === 0
          ? <p class="faint pad">{t("search.noneText", { text })}</p>
          : <Results hits={hits} active={active} id={id} />}
        {hits === undefined || hits.length === 0 ? null : (
          <p class="pad">
            <a href={`/search?q=${encodeURIComponent(text.trim())}`}>{t("search.all")}</a>
          </p>
        )}
      </div>
    </dialog>
  );
}
