// @ts-self-types="./unicode_width.d.ts"
// The same function as @std/cli/unicode-width, whose table (a JSON file) deno-std 1.4.0 leaves out.
// Wide are East Asian Wide and Fullwidth (UAX #11); emoji that are shown as pictures are among them.
const WIDE =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{18cff}\u{1aff0}-\u{1b2ff}\u{1f200}-\u{1f265}\u{20000}-\u{3fffd}\p{Emoji_Presentation}]$/u;
const NOTHING = /^[\p{Mn}\p{Me}\p{Cf}\p{Cc}\u1160-\u11ff]$/u;

export function unicodeWidth(text) {
  let width = 0;
  for (const character of text) {
    // Latin text is most of what is measured.
    if (character >= " " && character <= "~") width++;
    else if (NOTHING.test(character)) continue;
    else width += WIDE.test(character) ? 2 : 1;
  }
  return width;
}
