/** What stands around every screen: the rail, the search, the marks at its foot. @module */

import type { ComponentChildren, VNode } from "preact";
import { liveState } from "./api/live.ts";
import { answeredAt, reachable, signInNeeded } from "./api/request.ts";
import { formatClock } from "./format.ts";
import { type MessageKey, t } from "./i18n.ts";
import { language, narrow, theme } from "./preferences.ts";
import { NavLink, place } from "./router.tsx";
import { Palette, paletteOpen } from "./screens/palette.tsx";
import { Me, meOpen } from "./screens/me.tsx";
import { SignIn } from "./screens/sign_in.tsx";
import { may, session } from "./session.ts";
import { Button } from "./ui/bits.tsx";
import { Questions } from "./ui/dialog.tsx";
import { Icon, type IconName } from "./ui/icon.tsx";
import { Toasts } from "./ui/toast.tsx";

const RAIL: readonly (readonly [path: string, icon: IconName, key: MessageKey])[] = [
  ["/networks", "networks", "rail.networks"],
  ["/fixed", "fixed", "rail.fixed"],
  ["/nodes", "nodes", "rail.nodes"],
  ["/findings", "findings", "rail.findings"],
  ["/audit", "audit", "rail.audit"],
  ["/access", "access", "rail.access"],
];

/** How fresh the page is: live, reconnecting, or of when. */
function LiveMark(): VNode {
  const live = liveState.value;
  const state = !reachable.value ? "broken" : live;
  const text = state === "live"
    ? t("live.on")
    : state === "off"
    ? t("live.asOf", { time: formatClock(answeredAt.value) })
    : t("live.again", { time: formatClock(answeredAt.value) });
  return (
    <span class={`live is-${state}`} role="status">
      <span class="dot" aria-hidden="true" />
      <span>{text}</span>
    </span>
  );
}

const NEXT_THEME = { auto: "light", light: "dark", dark: "auto" } as const;

function Foot(): VNode {
  const now = theme.value;
  const other = language.value === "en" ? "zh-CN" : "en";
  const who = session.value;
  return (
    <div class="foot">
      <LiveMark />
      {who === undefined ? null : (
        <button
          type="button"
          class="who"
          title={`${who.name} – ${t(`role.${who.role}`)}`}
          onClick={() => {
            meOpen.value = true;
          }}
        >
          <Icon name="user" />
          <span>{who.name}</span>
        </button>
      )}
      <span class="choices">
        <Button
          look="quiet"
          icon={now}
          label={t(`theme.${now}`)}
          onClick={() => {
            theme.value = NEXT_THEME[now];
          }}
        />
        <Button
          look="quiet"
          icon="language"
          label={other === "en" ? "English" : "中文"}
          onClick={() => {
            language.value = other;
          }}
        />
      </span>
    </div>
  );
}

/** The frame; the screen inside. */
export function Shell({ children }: { readonly children: ComponentChildren }): VNode {
  const { path } = place.value;
  const rail = RAIL.filter(([to]) => to !== "/audit" && to !== "/access" || may("admin"));
  return (
    <div class="shell">
      <a class="skip" href="#main">{t("rail.skip")}</a>
      <nav class="rail" aria-label={t("rail.label")}>
        <a class="brand" href="/networks">
          <svg viewBox="0 0 16 16" width="20" height="20" aria-hidden="true">
            <path d="M2 2h5v5H2zM9 2h5v2H9zM9 5h5v2H9zM2 9h2v5H2zM5 9h2v5H5zM9 9h5v5H9z" />
          </svg>
          <span>fabric</span>
        </a>
        <button
          type="button"
          class="seek"
          aria-label={t("search.open")}
          title={t("search.open")}
          onClick={() => {
            paletteOpen.value = true;
          }}
        >
          <Icon name="search" />
          <span>{t("search.short")}</span>
          <kbd>/</kbd>
        </button>
        <ul>
          {rail.map(([to, icon, key]) => (
            <li key={to}>
              <NavLink to={to} active={path === to || path.startsWith(`${to}/`)}>
                <Icon name={icon} />
                <span>{t(key)}</span>
              </NavLink>
            </li>
          ))}
        </ul>
        {narrow.value ? null : <Foot />}
      </nav>
      <main id="main">
        {children}
        {narrow.value ? <Foot /> : null}
      </main>
      {paletteOpen.value ? <Palette /> : null}
      <Questions />
      {meOpen.value ? <Me /> : null}
      {signInNeeded.value ? <SignIn /> : null}
      <Toasts />
    </div>
  );
}

/** The title of a screen with its actions on the right, and tabs below. */
export function PageHead(
  props: {
    readonly title: ComponentChildren;
    readonly under?: ComponentChildren;
    readonly back?: readonly [to: string, text: string];
    readonly tabs?: readonly (readonly [to: string, text: string, count?: string])[];
    readonly children?: ComponentChildren;
  },
): VNode {
  const { path } = place.value;
  return (
    <header class="page-head">
      {props.back === undefined ? null : (
        <a class="back" href={props.back[0]}>
          <Icon name="left" />
          {props.back[1]}
        </a>
      )}
      <div class="title">
        <h1 tabIndex={-1}>{props.title}</h1>
        {props.under === undefined ? null : <div class="under">{props.under}</div>}
        {props.children === undefined ? null : <div class="actions">{props.children}</div>}
      </div>
      {props.tabs === undefined ? null : (
        <nav class="tabs" aria-label={t("rail.tabs")}>
          {props.tabs.map(([to, text, count]) => (
            <NavLink key={to} to={to} active={path === to}>
              {text}
              {count === undefined ? null : <span class="count">{count}</span>}
            </NavLink>
          ))}
        </nav>
      )}
    </header>
  );
}
