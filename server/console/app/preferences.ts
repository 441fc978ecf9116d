/**
 * What a person chose for this browser: language and theme. Kept in its local storage; where that
 * is closed, the choice lasts as long as the page.
 *
 * @module
 */

import { effect, signal } from "@preact/signals";

export type Language = "en" | "zh-CN";
export type Theme = "auto" | "light" | "dark";

function stored(key: string): string | undefined {
  try {
    return localStorage.getItem(`fabric.${key}`) ?? undefined;
  } catch {
    return undefined;
  }
}

function store(key: string, value: string): void {
  try {
    localStorage.setItem(`fabric.${key}`, value);
  } catch {
    // It lasts as long as the page, then.
  }
}

function firstLanguage(): Language {
  const chosen = stored("language");
  if (chosen === "en" || chosen === "zh-CN") return chosen;
  return navigator.language.toLowerCase().startsWith("zh") ? "zh-CN" : "en";
}

function firstTheme(): Theme {
  const chosen = stored("theme");
  return chosen === "light" || chosen === "dark" ? chosen : "auto";
}

/** The language of the console. */
export const language = signal<Language>(firstLanguage());
/** The theme; `auto` follows the system. */
export const theme = signal<Theme>(firstTheme());

/** A condition on the window that follows it. */
function media(query: string) {
  const list = matchMedia(query);
  const now = signal(list.matches);
  list.addEventListener("change", () => {
    now.value = list.matches;
  });
  return now;
}

/** Width of the window in CSS pixels. */
export const windowWidth = signal(innerWidth);
addEventListener("resize", () => {
  windowWidth.value = innerWidth;
});

const systemDark = media("(prefers-color-scheme: dark)");
/** True on a phone. */
export const narrow = media("(max-width: 599px)");
/** True where there is no room for a second column. */
export const medium = media("(max-width: 1099px)");

/** Keeps the document in line with the choices. */
export function applyPreferences(): void {
  effect(() => {
    document.documentElement.lang = language.value;
    store("language", language.value);
  });
  effect(() => {
    const dark = theme.value === "dark" || (theme.value === "auto" && systemDark.value);
    document.documentElement.dataset["theme"] = dark ? "dark" : "light";
    store("theme", theme.value);
  });
}
