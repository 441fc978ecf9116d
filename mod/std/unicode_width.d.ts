/** Columns that a terminal needs for the text (East Asian wide characters take two). */
export function unicodeWidth(text: string): number;
