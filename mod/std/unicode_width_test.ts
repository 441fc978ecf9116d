import { unicodeWidth } from "@std/cli/unicode-width";
import { assertEquals } from "@std/assert";

Deno.test("unicodeWidth() counts the columns of a terminal", () => {
  assertEquals(unicodeWidth(""), 0);
  assertEquals(unicodeWidth("pods"), 4);
  assertEquals(unicodeWidth("生产网络"), 8);
  assertEquals(unicodeWidth("ｆｕｌｌ"), 8);
  assertEquals(unicodeWidth("한국어"), 6);
  assertEquals(unicodeWidth("かな カナ"), 9);
  assertEquals(unicodeWidth("Größe"), 5);
  assertEquals(unicodeWidth("e\u0301"), 1);
  assertEquals(unicodeWidth("🚀"), 2);
  assertEquals(unicodeWidth("a\u200bb"), 2);
  assertEquals(unicodeWidth("𠮷"), 2);
});
