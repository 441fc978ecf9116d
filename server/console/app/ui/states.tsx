/** The four states of every screen: loading, empty, error, full. @module */

import type { ComponentChildren, VNode } from "preact";
import type { Loaded } from "../api/load.ts";
import type { Problem } from "../api/problem.ts";
import { formatClock } from "../format.ts";
import { t } from "../i18n.ts";
import { Button } from "./bits.tsx";
import { Icon, type IconName } from "./icon.tsx";

/** Grey rows where the content will stand. */
export function Skeleton({ rows = 8 }: { readonly rows?: number }): VNode {
  return (
    <div class="skeleton" role="status" aria-label={t("load.loading")}>
      {Array.from({ length: rows }, (_, index) => <span key={index} />)}
    </div>
  );
}

/** Nothing is here yet: what this is, and the one thing to begin with. */
export function Empty(
  props: {
    readonly icon: IconName;
    readonly title: string;
    readonly text: string;
    readonly children?: ComponentChildren;
  },
): VNode {
  return (
    <div class="empty">
      <Icon name={props.icon} />
      <h2>{props.title}</h2>
      <p>{props.text}</p>
      {props.children === undefined ? null : <div class="actions">{props.children}</div>}
    </div>
  );
}

/** What went wrong in a sentence. */
export function problemText(problem: Problem): string {
  if (problem.kind === "unreachable") return t("problem.unreachable");
  if (problem.status === 503) return t("problem.store");
  if (problem.status === 403) return t("problem.forbidden");
  return problem.message;
}

/** It could not be read: what, under which id, and another try. */
export function Failed(
  { problem, retry }: { readonly problem: Problem; readonly retry: () => void },
): VNode {
  return (
    <div class="empty failed" role="alert">
      <Icon name="warn" />
      <h2>{t("problem.title")}</h2>
      <p>{problemText(problem)}</p>
      {problem.remedy === undefined ? null : <p class="soft">{problem.remedy}</p>}
      {problem.requestId === undefined ? null : (
        <p class="faint">
          {t("problem.request")} <span class="mono">{problem.requestId}</span>
        </p>
      )}
      <div class="actions">
        <Button onClick={retry} look="main">{t("problem.retry")}</Button>
      </div>
    </div>
  );
}

/** A band above content that could not be read again: it is as old as it says. */
export function Stale(
  { loaded }: { readonly loaded: Pick<Loaded<unknown>, "problem" | "at" | "reload"> },
): VNode | null {
  const { problem, at, reload } = loaded;
  if (problem === undefined || at === undefined) return null;
  return (
    <div class="band warn" role="alert">
      <Icon name="warn" />
      <span>{t("load.stale", { time: formatClock(at) })} {problemText(problem)}</span>
      <Button onClick={reload} look="quiet">{t("problem.retry")}</Button>
    </div>
  );
}

/** Shows what was read, in whichever of its states it is. */
export function Ready<T>(
  props: {
    readonly loaded: Loaded<T>;
    readonly rows?: number;
    readonly children: (value: T) => ComponentChildren;
  },
): VNode {
  const { loaded, rows, children } = props;
  if (loaded.value !== undefined) {
    return (
      <>
        <Stale loaded={loaded} />
        {children(loaded.value)}
      </>
    );
  }
  if (loaded.problem !== undefined) {
    return <Failed problem={loaded.problem} retry={loaded.reload} />;
  }
  return <Skeleton {...(rows === undefined ? {} : { rows })} />;
}
