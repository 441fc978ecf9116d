/** Keys that work on every screen. @module */

import { go } from "./router.tsx";
import { paletteOpen } from "./screens/palette.tsx";
import { parseAddressText } from "./screens/search_words.ts";

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement &&
    (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName));
}

/** `/` opens the search; an address that is pasted outside of a field goes to its page. */
export function startKeyboard(): void {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (event.key !== "/" || document.querySelector("dialog[open]") !== null) return;
    event.preventDefault();
    paletteOpen.value = true;
  });
  addEventListener("paste", (event) => {
    if (isTyping(event.target) || document.querySelector("dialog[open]") !== null) return;
    const address = parseAddressText(event.clipboardData?.getData("text") ?? "");
    if (address !== undefined) go(`/addresses/${encodeURIComponent(address)}`);
  });
}
