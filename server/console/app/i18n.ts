/**
 * The console's words. English is the table of what there is; Chinese must have all of it, which
 * the compiler holds.
 *
 * @module
 */

import { en } from "./words/en.ts";
import { zh } from "./words/zh.ts";
import { language } from "./preferences.ts";

export type MessageKey = keyof typeof en;
export type Params = Readonly<Record<string, string | number | bigint>>;

/**
 * The text in the present language. `{name}` stands for a parameter, `{name:one|many}` for one of
 * two words by its number.
 */
export function t(key: MessageKey, params: Params = {}): string {
  const words: Readonly<Record<MessageKey, string>> = language.value === "zh-CN" ? zh : en;
  return fill(words[key], params);
}

/** Puts the parameters into the text. */
export function fill(text: string, params: Params): string {
  return text.replaceAll(/\{(\w+)(?::([^|}]*)\|([^}]*))?\}/g, (whole, name, one, many) => {
    const value = params[String(name)];
    if (value === undefined) return String(whole);
    if (typeof many === "string") return Number(value) === 1 ? String(one) : many;
    return String(value);
  });
}
