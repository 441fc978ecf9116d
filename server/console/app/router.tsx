/**
 * The address of the page is its state: every view, filter and choice stands in it, so it can be
 * reloaded, shared, and left by Back.
 *
 * @module
 */

import { signal } from "@preact/signals";
import type { ComponentChildren, VNode } from "preact";

/** Where the console is. */
export interface Place {
  readonly path: string;
  readonly query: URLSearchParams;
}

function here(): Place {
  return { path: location.pathname, query: new URLSearchParams(location.search) };
}

/** The present place. */
export const place = signal<Place>(here());

/** Asked before a page is left; false keeps it. Set by forms that hold what was typed. */
let mayLeave: (() => boolean) | undefined;

/** Has `ask` decide whether the page may be left, until what it returns is called. */
export function guardLeaving(ask: () => boolean): () => void {
  mayLeave = ask;
  return () => {
    if (mayLeave === ask) mayLeave = undefined;
  };
}

/** Goes to a path of the console; `replace` leaves no step to go back to. */
export function go(to: string, { replace = false }: { readonly replace?: boolean } = {}): void {
  const before = place.peek();
  const next = new URL(to, location.href);
  if (next.pathname !== before.path && mayLeave !== undefined && !mayLeave()) return;
  if (replace) history.replaceState(null, "", to);
  else history.pushState(null, "", to);
  place.value = here();
  if (next.pathname !== before.path) {
    scrollTo(0, 0);
    // What reads the page aloud begins with its title.
    queueMicrotask(() => document.querySelector<HTMLElement>("h1")?.focus({ preventScroll: true }));
  }
}

/** The present path with some parameters changed; `undefined` or empty takes one away. */
export function withQuery(changes: Readonly<Record<string, string | undefined>>): string {
  const { path, query } = place.value;
  const next = new URLSearchParams(query);
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined || value === "") next.delete(name);
    else next.set(name, value);
  }
  const text = next.toString();
  return text === "" ? path : `${path}?${text}`;
}

/** Changes parameters where the page is; no step for Back, since the page stays the same. */
export function setQuery(changes: Readonly<Record<string, string | undefined>>): void {
  go(withQuery(changes), { replace: true });
}

/** Starts to follow Back, Forward and the links of the page. */
export function startRouter(): void {
  addEventListener("popstate", () => {
    place.value = here();
  });
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const target = event.target instanceof Element ? event.target.closest("a") : null;
    if (target === null || target.target !== "" || target.hasAttribute("download")) return;
    const url = new URL(target.href, location.href);
    if (url.origin !== location.origin || /^\/(api|auth)\//.test(url.pathname)) return;
    event.preventDefault();
    go(`${url.pathname}${url.search}`);
  });
}

/** The parts of a path that fits the pattern, `/networks/:name`; undefined where it does not. */
export function match(
  pattern: string,
  path: string,
): Readonly<Record<string, string>> | undefined {
  const wanted = pattern.split("/");
  const given = path.replace(/\/$/, "").split("/");
  if (wanted.length !== given.length) return undefined;
  const parts: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    const text = given[index] ?? "";
    if (part.startsWith(":")) parts[part.slice(1)] = decode(text);
    else if (part !== text) return undefined;
  }
  return parts;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A path of the parts, each escaped. */
export function pathOf(...parts: readonly string[]): string {
  return `/${parts.map(encodeURIComponent).join("/")}`;
}

/** A link that is marked while it leads to where one is. */
export function NavLink(
  props: {
    readonly to: string;
    readonly active: boolean;
    readonly class?: string;
    readonly children: ComponentChildren;
  },
): VNode {
  return (
    <a
      href={props.to}
      class={props.class ?? ""}
      aria-current={props.active ? "page" : undefined}
    >
      {props.children}
    </a>
  );
}
